"""The encoder of profile traits: raw values come in, keyed tokens and hardened Bloom filters leave.

**How.** Each trait has keys of its own, derived from one secret. A form of a value becomes a token by HMAC-SHA256.
The grams of a value become a Bloom filter (Schnell, Bachteler, Reiher: Privacy-preserving record linkage using Bloom
filters, BMC Med Inform Decis Mak 9:41, 2009), hardened in four ways:

1. A gram's sixteen places are read from its HMAC, not stepped by double hashing, whose few patterns
   Niedermeyer, Steinmetzer, Kroll, Schnell took apart (Cryptanalysis of Basic Bloom Filters, JPC 6:2, 2014).
2. Each trait has a filter under its own key; filters of two traits have nothing in common.
3. The filter of 1,024 bits is folded by XOR to 512 (Schnell, Borgs: XOR-Folding for Bloom Filter-based Encryptions,
   2016): a bit that is set no longer says that a gram is there, nor one that is not that it is missing.
4. About a bit in 32 is turned by keyed noise (after BLIP: Alaggan, Gambs, Kermarrec 2012; Schnell, Borgs: Randomized
   Response and Balanced Bloom Filters, ICDMW 2016). The noise comes from the value itself: it differs between two
   values that share grams, and is the same for the same value, so nothing averages it out.

**Guarantee.** Without the secret nobody can test a guess: HMAC is a pseudorandom function (Bellare 2006), so there is
no dictionary attack, and encodings under two secrets cannot be matched. Encodings are *not* anonymous: by purpose they
show, within a trait, which records are equal and how alike they are, what is missing, and roughly how long a value is.

**Known attacks** on whoever holds many encodings and knows the population: aligning frequencies (Kuzu, Kantarcioglu,
Durham, Malin: A Constraint Satisfaction Cryptanalysis of Bloom Filters, PETS 2011), which equality alone allows,
tokens included; mining bits that come together (Christen, Ranbaduge, Vatsalan, Schnell 2017; Christen, Vidanage,
Ranbaduge, Schnell: Pattern-Mining based Cryptanalysis, PAKDD 2018), against which points 1 to 4 stand; and matching
the graph of similarities with that of a public list (Vidanage, Christen, Ranbaduge, Schnell: A Graph Matching Attack,
CIKM 2020), which no encoding that keeps similarity withstands for names that many bear. So encodings are personal
data: they stay in the lake, no partner question reads them, and they fall with the secret.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from privacy.errors import MangroveError
from privacy.linkage.fields import FULL_NAME, GIVEN_NAME, SURNAME, TRAITS, Pieces, pieces
from privacy.pseudonyms.keys import KeyProvider

LINKAGE_KEY = "linkage"
"""The name of the secret that all keys of encodings are derived from."""

TOKEN_BYTES = 16
FILTER_BYTES = 64

_FILTER_BITS = 8 * FILTER_BYTES
_LOW_HALF = (1 << _FILTER_BITS) - 1
_PLACES_PER_GRAM = 16
_NOISE_LAYERS = 5
_LONGEST_CACHED = 256


class UnknownTrait(MangroveError):
    """A trait was given that has no treatment, so its value is not taken."""

    reason = "UNKNOWN_TRAIT"

    def __init__(self) -> None:
        super().__init__(f"A trait of that name cannot be encoded. Use one of: {', '.join(TRAITS)}.")


@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """A record of a profile without a raw value.

    `tokens` holds `TOKEN_BYTES` bytes by `trait` or `trait.part`, equal exactly when the canonical values are;
    `filters` holds `FILTER_BYTES` bytes by trait, alike when the values are. A trait without a value is in neither.
    """

    tokens: dict[str, bytes]
    filters: dict[str, bytes]


class Encoder:
    """Encodes traits under keys derived from one secret; see the module for what that promises.

    Values seen lately are kept in memory with their encodings, for names and towns come again.

    Args:
        keys: Has the secret `LINKAGE_KEY`.

    Attributes:
        version: The secret's version; encodings under two versions cannot be compared.

    Raises:
        KeysUnavailable: if it has not.
    """

    def __init__(self, keys: KeyProvider) -> None:
        key = keys.current(LINKAGE_KEY)
        self.version = key.version
        self._keys = {
            (trait, use): _hmac(key.value, f"mangrove linkage {use} {trait}".encode())
            for trait in TRAITS
            for use in ("token", "gram", "noise")
        }
        self._places = lru_cache(maxsize=65_536)(self._make_places)
        self._cached = lru_cache(maxsize=16_384)(self._make)

    def encode(self, record: Mapping[str, str | None]) -> EncodedRecord:
        """Encode the traits of a record.

        A given name and a surname also give the whole name, in no order, unless it is given.

        Args:
            record: Raw values in any written form by the names of `TRAITS`. None, empty values and placeholders
                ("unknown", 000…) are left out.

        Raises:
            UnknownTrait: for a name that is not in `TRAITS`.
        """
        given, surname = record.get(GIVEN_NAME), record.get(SURNAME)
        whole = {FULL_NAME: f"{given} {surname}"} if given and surname and not record.get(FULL_NAME) else {}
        encoded = EncodedRecord({}, {})
        for trait, value in {**record, **whole}.items():
            if trait not in TRAITS:
                raise UnknownTrait
            if value:
                make = self._cached if len(value) <= _LONGEST_CACHED else self._make
                tokens, filters = make(trait, value)
                encoded.tokens.update(tokens)
                encoded.filters.update(filters)
        return encoded

    def __repr__(self) -> str:
        return "Encoder()"

    def _make(self, trait: str, value: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
        taken = pieces(TRAITS[trait].kind, value)
        if taken is None:
            return {}, {}
        key = self._keys[trait, "token"]
        tokens = {
            f"{trait}.{part}" if part else trait: _hmac(key, f"{part}\0{form}".encode())[:TOKEN_BYTES]
            for part, form in taken.forms.items()
        }
        return tokens, {trait: self._filter(trait, taken)}

    def _filter(self, trait: str, taken: Pieces) -> bytes:
        bits = 0
        for gram in taken.grams:
            bits |= self._places(trait, gram)
        folded = (bits >> _FILTER_BITS) ^ (bits & _LOW_HALF)
        return (folded ^ self._noise(trait, taken.forms[""])).to_bytes(FILTER_BYTES, "big")

    def _make_places(self, trait: str, gram: str) -> int:
        digest = _hmac(self._keys[trait, "gram"], gram.encode())
        bits = 0
        for at in range(0, 2 * _PLACES_PER_GRAM, 2):
            bits |= 1 << int.from_bytes(digest[at : at + 2], "big") % (2 * _FILTER_BITS)
        return bits

    def _noise(self, trait: str, form: str) -> int:
        """Bits of which each is set with a chance of 1 in 32: five fair coins that all fell on one side."""
        seed = _hmac(self._keys[trait, "noise"], form.encode())
        coins = hashlib.shake_256(seed).digest(_NOISE_LAYERS * FILTER_BYTES)
        noise = _LOW_HALF
        for start in range(0, len(coins), FILTER_BYTES):
            noise &= int.from_bytes(coins[start : start + FILTER_BYTES], "big")
        return noise


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")
