"""Turns identifiers into tokens under the newest key of their type."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from privacy.pseudonyms.canonical import canonicalise, is_placeholder
from privacy.pseudonyms.keys import KeyProvider

PERSON_TYPES = ("customer", "phone", "email", "loyalty_card", "social", "device", "cookie")
"""Types that name a person and take part in identity resolution."""

REFERENCE_TYPES = ("event", "conversation", "order", "agent")
"""Types that name a thing or a worker and never link people."""

MASKED_TYPES = (
    *("resident_id", "passport", "travel_permit", "card", "iban", "ip", "mac", "imei", "plate", "address", "person"),
    *("birth_date", "password", "one_time_code", "api_key", "geo", "url_parameter", "ssn"),
)
"""Types of what stands in texts only and may be replaced by a token there; they never link people either."""


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(250, -1, -10)


@dataclass(frozen=True, slots=True)
class _Key:
    prefix: str
    mac: hmac.HMAC


class Pseudonymiser:
    """Makes tokens `type.keyversion.base32(HMAC-SHA256(key[type, version], canonical))`.

    Guarantee: without the key a token says nothing about its value beyond equality (HMAC as a PRF,
    Bellare 2006, RFC 2104); values of different types or key versions cannot be matched by token.

    Args:
        keys: Has a key for every type in `PERSON_TYPES` and `REFERENCE_TYPES`.
        masked: The names from `MASKED_TYPES` that tokens are wanted of; `keys` has a key for each.

    Raises:
        KeysUnavailable: if a key is missing.
    """

    def __init__(self, keys: KeyProvider, masked: Iterable[str] = ()) -> None:
        self._keys: dict[str, _Key] = {}
        for name in (*PERSON_TYPES, *REFERENCE_TYPES, *masked):
            key = keys.current(name)
            self._keys[name] = _Key(f"{name}.{key.version}.", hmac.new(key.value, digestmod="sha256"))
        # A customer's identifiers come with each of their events, an event's own id comes once.
        # The cache lives in memory only.
        self._cached = lru_cache(maxsize=65_536)(self._make)

    def token(self, identifier_type: str, value: str) -> str | None:
        """Return the token of a value, or None when what should name a person stands for "no value".

        A reference is taken to the letter: two that differ in anything are two.

        Args:
            identifier_type: A name from `PERSON_TYPES` or `REFERENCE_TYPES`, or one of `masked`.
            value: The raw identifier, in any written form.
        """
        make = self._make if identifier_type == "event" else self._cached
        return make(identifier_type, value)

    def _make(self, identifier_type: str, value: str) -> str | None:
        canonical = value
        if identifier_type not in REFERENCE_TYPES:
            canonical = canonicalise(identifier_type, value)
            if is_placeholder(canonical):
                return None
        key = self._keys[identifier_type]
        mac = key.mac.copy()
        mac.update(canonical.encode("utf-8", "surrogatepass"))
        return key.prefix + _base32(mac.digest())


def _base32(digest: bytes) -> str:
    """Return 32 bytes in base32 (RFC 4648) without padding, in a third of the time that `base64` takes."""
    number = int.from_bytes(digest, "big") << 4
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
