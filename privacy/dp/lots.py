"""Lots: keyed hashes that decide which groups and rows of a person stay when there are too many.

Who does not hold the secret can neither foresee a lot nor choose events that draw a good one. A lot is drawn from
names (of a person, a row, a key's value), never from a measured value or a place in a file.
"""

import hashlib
import hmac
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Lots = npt.NDArray[np.uint32]

_A, _B = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def order_key(secret: bytes, question: bytes) -> bytes:
    """Derive the key under which one question orders a person's groups, 32 bytes: HMAC-SHA256 of its hash."""
    return hmac.new(secret, b"mangrove truncation v2" + question, hashlib.sha256).digest()


def draw(names: Iterable[bytes], key: bytes, kind: bytes) -> npt.NDArray[np.uint64]:
    """Draw a lot of 64 bits for each name: BLAKE2b under the key.

    Args:
        names: What draws.
        key: At most 64 bytes, secret.
        kind: At most 16 bytes; lots of different kinds have nothing to do with each other.
    """
    new = hashlib.blake2b(key=key, person=kind, digest_size=8)
    drawn = bytearray()
    for name in names:
        one = new.copy()
        one.update(name)
        drawn += one.digest()
    return np.frombuffer(drawn, np.uint64)


def mixed(left: Lots, right: Lots) -> Lots:
    """Join lots into new ones: the finaliser of MurmurHash3 (Appleby 2011) on their exclusive or.

    For one `left`, different values of `right` give different lots: it is a permutation.
    """
    lots = left ^ right
    for shift, factor in ((16, _A), (13, _B), (16, None)):
        lots ^= lots >> np.uint32(shift)
        if factor is not None:
            lots *= factor
    return lots
