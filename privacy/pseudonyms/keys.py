"""Where keys come from: a port, a file with mode 0600, and the environment."""

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

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


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key that was rotated out, and the end of the window in which tokens are still made under it too."""

    key: VersionedKey
    until: datetime


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

    def former(self, purpose: str) -> tuple[FormerKey, ...]:
        """Return the keys for a purpose that were rotated out and have a window, the newest first."""
        return ()


class _MappingKeyProvider(KeyProvider):
    """Keys held in memory, as a key file writes them (see `key_file.py`)."""

    def __init__(self, written: Mapping[str, Any]) -> None:
        self._current: dict[str, VersionedKey] = {}
        self._former: dict[str, tuple[FormerKey, ...]] = {}
        windows: Mapping[str, Mapping[str, str]] = written.get("until", {})
        for purpose, versions in written["keys"].items():
            keys = sorted((_key(v, versions[v]) for v in versions), key=lambda key: -key.version)
            self._current[purpose] = keys[0]
            ends = {int(v): datetime.fromisoformat(until) for v, until in windows.get(purpose, {}).items()}
            if any(until.tzinfo is None for until in ends.values()):
                raise ValueError(purpose)
            self._former[purpose] = tuple(FormerKey(k, ends[k.version]) for k in keys[1:] if k.version in ends)

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

    def former(self, purpose: str) -> tuple[FormerKey, ...]:
        """Return the keys for a purpose that were rotated out and have a window, the newest first."""
        return self._former.get(purpose, ())


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
            super().__init__(json.loads(path.read_text()))
        except FileNotFoundError:
            raise KeysUnavailable(
                "The key file is missing. Run `mangrove init`, or restore it from your backup."
            ) from None
        except (OSError, KeyError, IndexError, TypeError, AttributeError, ValueError, binascii.Error):
            raise KeysUnavailable("The key file cannot be read as one. Restore it from your backup.") from None


class EnvKeyProvider(_MappingKeyProvider):
    """Keys from an environment variable that holds the same JSON as the key file.

    Raises:
        KeysUnavailable: if the variable is unset or does not hold keys.
    """

    def __init__(self, variable: str = "MANGROVE_KEYS") -> None:
        try:
            super().__init__(json.loads(os.environ[variable]))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, binascii.Error):
            raise KeysUnavailable(f"The environment variable {variable} does not hold keys.") from None


def _key(version: str, encoded: str) -> VersionedKey:
    value = base64.b64decode(encoded, validate=True)
    if len(value) != KEY_BYTES:
        raise ValueError(version)
    return VersionedKey(int(version), value)
