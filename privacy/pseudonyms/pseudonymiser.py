"""Turns identifiers into tokens under the newest key of their type."""

import base64
import hmac
from dataclasses import dataclass
from functools import lru_cache

from privacy.pseudonyms.canonical import canonicalise, is_placeholder
from privacy.pseudonyms.keys import KeyProvider

PERSON_TYPES = ("customer", "phone", "email", "loyalty_card", "social", "device", "cookie")
"""Types that name a person and take part in identity resolution."""

REFERENCE_TYPES = ("event", "conversation", "order", "agent")
"""Types that name a thing or a worker and never link people."""


@dataclass(frozen=True, slots=True)
class _Key:
    prefix: str
    value: bytes


class Pseudonymiser:
    """Makes tokens `type.keyversion.base32(HMAC-SHA256(key[type, version], canonical))`.

    Guarantee: without the key a token says nothing about its value beyond equality (HMAC as a PRF,
    Bellare 2006, RFC 2104); values of different types or key versions cannot be matched by token.

    Args:
        keys: Has a key for every type in `PERSON_TYPES` and `REFERENCE_TYPES`.

    Raises:
        KeysUnavailable: if a key is missing.
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._keys: dict[str, _Key] = {}
        for name in (*PERSON_TYPES, *REFERENCE_TYPES):
            key = keys.current(name)
            self._keys[name] = _Key(f"{name}.{key.version}.", key.value)
        # A customer's identifiers come with each of their events, an event's own id comes once.
        # The cache lives in memory only.
        self._cached = lru_cache(maxsize=65_536)(self._make)

    def token(self, identifier_type: str, value: str) -> str | None:
        """Return the token of a value, or None when the value stands for "no value".

        Args:
            identifier_type: A name from `PERSON_TYPES` or `REFERENCE_TYPES`.
            value: The raw identifier, in any written form.
        """
        make = self._make if identifier_type == "event" else self._cached
        return make(identifier_type, value)

    def _make(self, identifier_type: str, value: str) -> str | None:
        canonical = canonicalise(identifier_type, value)
        if is_placeholder(canonical):
            return None
        key = self._keys[identifier_type]
        digest = hmac.digest(key.value, canonical.encode("utf-8", "surrogatepass"), "sha256")
        return key.prefix + base64.b32encode(digest).decode("ascii").rstrip("=")
