"""Makes the key file, gives types a new key, and destroys keys that are no longer used.

The file is JSON: `keys` holds base64 of 32 bytes by purpose and version, `until` the end of the window (ISO 8601) of
keys that were rotated out, by purpose and version too.
"""

import base64
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from privacy.errors import MangroveError
from privacy.pseudonyms.keys import KEY_BYTES, FileKeyProvider
from privacy.pseudonyms.pseudonymiser import MASKED_TYPES, PERSON_TYPES

ROTATABLE = (*PERSON_TYPES, *MASKED_TYPES, "linkage")
"""What may get a new key. Only the types that name a person have a window: of the others nothing ever meets over two
versions, so the old key goes at once."""

_LONGEST_WINDOW = timedelta(days=400)


class NotRotated(MangroveError):
    """A key cannot be rotated so."""

    reason = "NOT_ROTATED"


@dataclass(frozen=True, slots=True)
class Rotated:
    """A purpose that has a new key: its version, and until when the old one is used too (None: it is destroyed)."""

    purpose: str
    version: int
    until: datetime | None


def make_key_file(path: Path, purposes: Iterable[str]) -> None:
    """Make a key file of mode 0600 with a fresh random key a purpose; keys that are there are kept."""
    written: dict[str, Any] = _read(path) if path.exists() else {"keys": {}}
    for purpose in purposes:
        written["keys"].setdefault(purpose, {"1": _fresh_key()})
    _write(path, written)


def rotate(path: Path, purposes: Iterable[str], *, window: timedelta, now: datetime) -> tuple[Rotated, ...]:
    """Give purposes a new key; until the window ends, tokens of who is a person are made under the old one too.

    The window of a key that was rotated out before stays as it is. What is no identifier of a person has no window.

    Args:
        path: The key file.
        purposes: From `ROTATABLE`.
        window: How long; zero destroys the old keys at once, and people split.
        now: The clock, with a time zone.

    Raises:
        NotRotated: for another purpose or a window of more than 400 days; nothing was changed.
        KeysUnavailable: if the file is missing or none.
    """
    wanted = list(dict.fromkeys(purposes))
    written = _read(path)
    if not timedelta() <= window <= _LONGEST_WINDOW:
        raise NotRotated(f"The window must be of 0 to {_LONGEST_WINDOW.days} days.")
    if not set(wanted) <= {*ROTATABLE} & written["keys"].keys():
        raise NotRotated(
            "Only keys of identifiers of people, of values in texts, and of profile traits (linkage) can be rotated. "
            "The keys of event, conversation, order and agent ids stay: an event sent again must be known by its token."
        )
    rotated = []
    for purpose in wanted:
        versions, newest = written["keys"][purpose], max(map(int, written["keys"][purpose]))
        until = now + window if purpose in PERSON_TYPES and window else None
        if until is not None:
            written.setdefault("until", {}).setdefault(purpose, {})[str(newest)] = until.isoformat(timespec="seconds")
        else:
            del versions[str(newest)]
        versions[str(newest + 1)] = _fresh_key()
        rotated.append(Rotated(purpose, newest + 1, until))
    _write(path, written)
    return tuple(rotated)


def destroy_ended(path: Path, now: datetime) -> tuple[tuple[str, int], ...]:
    """Take the keys out of the file that were rotated out and are not used any more; return purpose and version.

    Args:
        path: The key file.
        now: The clock, with a time zone.

    Raises:
        KeysUnavailable: if the file is missing or none.
    """
    written = _read(path)
    windows = written.get("until", {})
    gone = []
    for purpose, versions in written["keys"].items():
        for version in sorted(map(int, versions))[:-1]:
            until = windows.get(purpose, {}).get(str(version))
            if until is None or datetime.fromisoformat(until) <= now:
                del versions[str(version)]
                windows.get(purpose, {}).pop(str(version), None)
                gone.append((purpose, version))
    if gone:
        _write(path, written)
    return tuple(gone)


def _read(path: Path) -> dict[str, Any]:
    FileKeyProvider(path)
    written: dict[str, Any] = json.loads(path.read_text())
    return written


def _write(path: Path, written: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(written, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _fresh_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
