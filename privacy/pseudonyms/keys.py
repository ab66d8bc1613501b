"""Where keys come from: a port, a file with mode 0600, and the environment."""

import base64
import binascii
import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from privacy.errors import MangroveError

KEY_BYTES = 32


class KeysUnavailable(MangroveError):
    """A key cannot be had; nothing may be pseudonymised or authenticated without it."""

    reason = "KEYS_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class VersionedKey:
    """A key of 32 bytes and its version, from 1. It is never printed."""

    version: int
    value: bytes

    def __repr__(self) -> str:
        return f"VersionedKey(version={self.version})"


class KeyProvider(Protocol):
    """Gives keys by purpose: an identifier type, or the name of a secret of this installation."""

    def current(self, purpose: str) -> VersionedKey:
        """Return the newest key for a purpose.

        Raises:
            KeysUnavailable: if there is none.
        """
        ...

    def secret(self, name: str) -> bytes:
        """Return the newest secret of this installation by that name, 32 bytes.

        Raises:
            KeysUnavailable: if there is none.
        """
        ...


class _MappingKeyProvider:
    """Keys held in memory: purpose → version → base64 of 32 bytes."""

    def __init__(self, encoded: Mapping[str, Mapping[str, str]]) -> None:
        self._current: dict[str, VersionedKey] = {}
        for purpose, versions in encoded.items():
            version = max(int(v) for v in versions)
            value = base64.b64decode(versions[str(version)], validate=True)
            if len(value) != KEY_BYTES:
                raise ValueError(purpose)
            self._current[purpose] = VersionedKey(version, value)

    def current(self, purpose: str) -> VersionedKey:
        """Return the newest key for a purpose."""
        try:
            return self._current[purpose]
        except KeyError:
            raise KeysUnavailable(
                f"There is no key for '{purpose}'. Run `mangrove init` to make the missing keys."
            ) from None

    def secret(self, name: str) -> bytes:
        """Return the newest secret by that name."""
        return self.current(name).value


class FileKeyProvider(_MappingKeyProvider):
    """Keys from a JSON file that only its owner may read.

    Raises:
        KeysUnavailable: if the file is missing, readable by others, or not a key file.
    """

    def __init__(self, path: Path) -> None:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise KeysUnavailable("The key file may be read by others than its owner. Run `chmod 600` on it.")
            super().__init__(json.loads(path.read_text())["keys"])
        except FileNotFoundError:
            raise KeysUnavailable(
                "The key file is missing. Run `mangrove init`, or restore it from your backup."
            ) from None
        except (OSError, KeyError, TypeError, AttributeError, ValueError, binascii.Error):
            raise KeysUnavailable("The key file cannot be read as one. Restore it from your backup.") from None


class EnvKeyProvider(_MappingKeyProvider):
    """Keys from an environment variable that holds the same JSON as the key file.

    Raises:
        KeysUnavailable: if the variable is unset or does not hold keys.
    """

    def __init__(self, variable: str = "MANGROVE_KEYS") -> None:
        try:
            super().__init__(json.loads(os.environ[variable])["keys"])
        except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
            raise KeysUnavailable(f"The environment variable {variable} does not hold keys.") from None


def make_key_file(path: Path, purposes: Iterable[str]) -> None:
    """Make a key file of mode 0600 with a fresh random key a purpose; keys that are there are kept."""
    known: dict[str, dict[str, str]] = {}
    if path.exists():
        FileKeyProvider(path)
        known = json.loads(path.read_text())["keys"]
    for purpose in purposes:
        known.setdefault(purpose, {"1": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"keys": known}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
