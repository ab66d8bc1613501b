"""The key under which batches wait on a client's disk: where it comes from, and how it seals (AES-256-GCM)."""

import base64
import binascii
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privacy.errors import MangroveError

_KEY_BYTES, _NONCE_BYTES, _ID_BYTES = 32, 12, 8
_FORMAT = b"MGSP1"
_HEADER_BYTES = len(_FORMAT) + _ID_BYTES
_FORM = "32 random bytes as base64, as `python -m services.clients.spill_key` prints them"


class SpillKeyInvalid(MangroveError):
    """The key is missing, of the wrong form, or where others can read it."""

    reason = "SPILL_KEY_INVALID"


class SealBroken(MangroveError):
    """A sealed file cannot be opened."""

    reason = "SEAL_BROKEN"


def new_spill_key() -> str:
    """Make a key, as `env:NAME` and `file:PATH` hold it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


class SpillKey:
    """Seals and opens payloads.

    Args:
        key: 32 bytes.

    Raises:
        SpillKeyInvalid: if there are fewer or more.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise SpillKeyInvalid(f"A key for spilled batches has {_KEY_BYTES} bytes. Use {_FORM}.")
        self._cipher = AESGCM(key)
        # It tells a file of another key from a torn one, and tells nothing about the key.
        self._header = _FORMAT + hashlib.sha256(b"mangrove spill key id" + key).digest()[:_ID_BYTES]

    @classmethod
    def of(cls, key: bytes | str | None, folder: Path) -> Self:
        """Find a key: 32 bytes as they are, `env:NAME`, `file:PATH`, or None for one that is made now.

        Args:
            key: Which.
            folder: Where the sealed files will lie; the key must not.

        Raises:
            SpillKeyInvalid: if it is missing, of the wrong form, or where others can read it.
        """
        if key is None:
            return cls(secrets.token_bytes(_KEY_BYTES))
        if isinstance(key, bytes):
            return cls(key)
        kind, _, name = key.partition(":")
        match kind:
            case "env":
                return cls(_decoded(os.environ.get(name, "")))
            case "file":
                return cls(_decoded(_read(Path(name), folder)))
        raise SpillKeyInvalid("Name the key for spilled batches as env:NAME or file:PATH, or give its 32 bytes.")

    def seal(self, payload: bytes) -> bytes:
        """Encrypt a payload; the same one looks different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return self._header + nonce + self._cipher.encrypt(nonce, payload, self._header)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what `seal` gave.

        Raises:
            SealBroken: if it was sealed with another key, or is not whole.
        """
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if header.startswith(_FORMAT) and len(header) == _HEADER_BYTES and header != self._header:
            raise SealBroken("it was written with another key")
        try:
            return self._cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header)
        except (InvalidTag, ValueError):
            raise SealBroken("it is torn or was changed") from None


def _read(path: Path, folder: Path) -> str:
    try:
        if folder.resolve() in path.resolve().parents:
            raise SpillKeyInvalid("A key beside the data protects nothing: keep it outside of the spill folder.")
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SpillKeyInvalid("The key file may be read by others than its owner. Run `chmod 600` on it.")
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise SpillKeyInvalid(f"The key file for spilled batches cannot be read. It holds {_FORM}.") from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SpillKeyInvalid(f"The key for spilled batches cannot be read. It is {_FORM}.") from None


if __name__ == "__main__":
    print(new_spill_key())
