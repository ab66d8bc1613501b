import hashlib

from privacy.pseudonyms import KeyProvider, VersionedKey


class Keys(KeyProvider):
    """Keys made from a word."""

    def __init__(self, word: str, version: int = 1) -> None:
        self.word = word
        self.version = version

    def current(self, purpose: str) -> VersionedKey:
        return VersionedKey(self.version, hashlib.sha256(f"{self.word} {purpose}".encode()).digest())

    def secret(self, name: str) -> bytes:
        return self.current(name).value
