"""How platforms sign: keyed hashes over bytes, compared in constant time, and times that must be near."""

import hashlib
import hmac
import re

from services.adapters.webhooks.delivery import VerificationRefused

_UNIX_SECONDS = re.compile("[0-9]{1,11}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_.=+/-]{1,256}")


def same(presented: str, expected: str) -> bool:
    """Compare two texts in a time that says nothing about where they differ; whatever was presented is text."""
    return hmac.compare_digest(presented.encode(errors="replace"), expected.encode())


def hmac_sha256(secret: str, message: bytes) -> str:
    """Return `sha256=` and the lower-case hexadecimal HMAC-SHA256 of a message."""
    return "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def sha1_of_sorted(*parts: str) -> str:
    """Return the lower-case hexadecimal SHA-1 of the parts, sorted and joined: WeChat's signature.

    The token among the parts is the secret. SHA-1 is WeChat's choice, not ours.
    """
    joined = "".join(sorted(parts)).encode(errors="replace")
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def seconds_near(presented: str, now_s: float, tolerance_s: float) -> int | None:
    """Return a time in Unix seconds that is no further than the tolerance from now, before or after; else None."""
    if not _UNIX_SECONDS.fullmatch(presented):
        return None
    at_s = int(presented)
    return at_s if abs(now_s - at_s) <= tolerance_s else None


def challenge(presented: str) -> str:
    """Return a platform's challenge if it is one short word of ASCII: nothing else is ever sent back.

    Raises:
        VerificationRefused: if it is anything else.
    """
    if not _CHALLENGE.fullmatch(presented):
        raise VerificationRefused
    return presented
