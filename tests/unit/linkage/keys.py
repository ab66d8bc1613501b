import hashlib

from privacy.pseudonyms import VersionedKey


class Keys:
    """Keys made from a word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def current(self, purpose: str) -> VersionedKey:
        return VersionedKey(1, hashlib.sha256(f"{self.word} {purpose}".encode()).digest())

    def secret(self, name: str) -> bytes:
        return self.current(name).value
