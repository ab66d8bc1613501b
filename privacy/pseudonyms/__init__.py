"""Keyed pseudonyms: raw identifiers come in, tokens `type.keyversion.base32(HMAC)` leave.

The space of phone numbers is small, so the secrecy of the keys is the whole defence: nothing here
hashes without a key.
"""

from privacy.pseudonyms.canonical import canonicalise, is_placeholder, names_nobody
from privacy.pseudonyms.key_file import make_key_file
from privacy.pseudonyms.keys import (
    EnvKeyProvider,
    FileKeyProvider,
    FormerKey,
    KeyProvider,
    KeysUnavailable,
    VersionedKey,
)
from privacy.pseudonyms.pseudonymiser import MASKED_TYPES, PERSON_TYPES, REFERENCE_TYPES, Pseudonymiser, Token

__all__ = [
    "MASKED_TYPES",
    "PERSON_TYPES",
    "REFERENCE_TYPES",
    "EnvKeyProvider",
    "FileKeyProvider",
    "FormerKey",
    "KeyProvider",
    "KeysUnavailable",
    "Pseudonymiser",
    "Token",
    "VersionedKey",
    "canonicalise",
    "is_placeholder",
    "make_key_file",
    "names_nobody",
]
