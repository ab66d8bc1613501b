"""Changes who may call: every change is audited first, then made all at once, under a lock."""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from privacy.errors import MangroveError
from services.access import file
from services.access.file import CHANNELS, AccessFile, AccessFileInvalid, Entry, Key
from services.access.keys import Role, hash_api_key, new_api_key
from services.audit import AuditLog
from services.private_files import write_private

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CERTIFICATE = re.compile(r"[\x21-\x7e]{1,255}")
# How long keys that open nothing stay in the file, so that the audit can name whose they were.
_REMEMBERED = timedelta(days=90)


class NameInvalid(MangroveError):
    """A caller's name cannot be used as one."""

    reason = "NAME_INVALID"

    def __init__(self) -> None:
        super().__init__("Names of source and partner are 1 to 64 letters, digits, _ or -, and differ. Choose others.")


class ScopeInvalid(MangroveError):
    """What a key is to be good for is nothing that a key can be good for."""

    reason = "SCOPE_INVALID"


class CallerExists(MangroveError):
    """There is a caller of this name already."""

    reason = "CALLER_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a caller '{name}' already. Choose another name, or give it a new key with "
            f"`mangrove access rotate {name}`."
        )


class CallerUnknown(MangroveError):
    """No caller has this name, or two have."""

    reason = "CALLER_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("There is no one caller of this name. `mangrove access list` shows who there is.")


class KeyUnknown(MangroveError):
    """The caller has no such key, or more than one that could be meant."""

    reason = "KEY_UNKNOWN"

    def __init__(self, entry: Entry) -> None:
        ids = ", ".join(key.key_id for key in entry.key if key.revoked_at is None)
        super().__init__(
            f"Name one of the keys of '{entry.name}' with --key: {ids}."
            if ids
            else f"'{entry.name}' has no key. Give it one with `mangrove access add {entry.name}`."
        )


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new key took the place of another, which goes on until `old_until`; None if it ended at once."""

    key_id: str
    old_key_id: str
    old_until: datetime | None


def check_name(name: str) -> None:
    """Check that a name can be a caller's.

    Raises:
        NameInvalid: if it cannot.
    """
    if not _NAME.fullmatch(name):
        raise NameInvalid


class Administration:
    """Adds callers, rotates and revokes their keys.

    Args:
        access_file: Where it is written who may call; it is made if it is missing.
        credentials: The folder in which a new key is left, as NAME.key.
        secret: The installation's secret under which keys are hashed, 32 bytes.
        audit: Where every change is written before it is made.
    """

    def __init__(self, access_file: Path, credentials: Path, secret: bytes, audit: AuditLog) -> None:
        self._path = access_file
        self._credentials = credentials
        self._secret = secret
        self._audit = audit

    def callers(self) -> tuple[Entry, ...]:
        """Return who may call, as the file says.

        Raises:
            AccessFileInvalid: if the file is missing or breaks a rule.
        """
        return file.parse(file.read(self._path)).caller

    def add(self, name: str, role: Role, *, channels: Sequence[str] = (), certificates: Sequence[str] = ()) -> Key:
        """Give a new caller, or one whose keys were all revoked, a key.

        Args:
            name: The caller.
            role: What it may do.
            channels: Those that a source may send events of; none for all.
            certificates: Names of client certificates beside which alone the key is good; none for without.

        Raises:
            NameInvalid, ScopeInvalid: if something given is of no use.
            CallerExists: if there is a caller of this name that has a key or another role.
        """
        check_name(name)
        if channels and role != "source":
            raise ScopeInvalid("Channels are for sources: a partner sends no events. Leave --channel out.")
        if not set(channels) <= set(CHANNELS):
            raise ScopeInvalid(f"The channels that there are: {', '.join(CHANNELS)}.")
        if not all(_CERTIFICATE.fullmatch(certificate) for certificate in certificates):
            raise ScopeInvalid("A certificate's name is 1 to 255 printable ASCII characters without spaces.")
        with self._changing() as before:
            known = [entry for entry in before.caller if entry.name == name]
            old = tuple(key for entry in known for key in entry.key)
            if any(entry.role != role for entry in known) or any(key.revoked_at is None for key in old):
                raise CallerExists(name)
            key, api_key = self._new_key(role, channels or None, taken=[k.key_id for k in old])
            kept = _remembered(old, datetime.now(UTC))
            entry = Entry(name=name, role=role, certificates=tuple(certificates) or None, key=(*kept, key))
            self._audit.note(
                "access.add",
                caller=name,
                role=role,
                key_id=key.key_id,
                channels=list(channels),
                certificates=list(certificates),
            )
            others = [entry for entry in before.caller if entry.name != name]
            self._write([*others, entry], name, api_key)
        return key

    def rotate(self, name: str, *, overlap: timedelta, key_id: str = "") -> Rotated:
        """Give a caller a new key with the scope of an old one, which ends after `overlap`.

        Keys that ended more than 90 days ago are struck out.

        Args:
            name: The caller.
            overlap: How long the old key goes on; zero ends it at once.
            key_id: The old key; it may be left out if only one goes on without an end.

        Raises:
            CallerUnknown, KeyUnknown: if there is no such caller or key, or more than one.
        """
        now = datetime.now(UTC)
        with self._changing() as before:
            entry = _only(before, name)
            old = _key(entry, key_id) if key_id else _current(entry, now)
            key, api_key = self._new_key(entry.role, old.channels, taken=[k.key_id for k in entry.key])
            until = now + overlap if overlap > timedelta() else None
            if until is not None and old.not_after is not None:
                until = min(until, old.not_after)
            ending = {"revoked_at": now.replace(microsecond=0)} if until is None else {"not_after": until}
            kept = [old.model_copy(update=ending) if k is old else k for k in entry.key]
            keys = _remembered(kept, now)
            self._audit.note(
                "access.rotate",
                caller=name,
                role=entry.role,
                key_id=key.key_id,
                old_key_id=old.key_id,
                old_until=None if until is None else until.isoformat(timespec="seconds"),
            )
            changed = entry.model_copy(update={"key": (*keys, key)})
            self._write([changed if e is entry else e for e in before.caller], name, api_key)
        return Rotated(key.key_id, old.key_id, until)

    def revoke(self, name: str, *, key_id: str = "") -> tuple[str, ...]:
        """Have a caller's keys, or one of them, open nothing any more; return their ids.

        The caller and the revoked keys stay in the file, for the audit to name them.

        Raises:
            CallerUnknown, KeyUnknown: if there is no such caller or key.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        with self._changing() as before:
            entry = _only(before, name)
            gone = (_key(entry, key_id),) if key_id else tuple(key for key in entry.key if key.revoked_at is None)
            keys = [key.model_copy(update={"revoked_at": now}) if key in gone else key for key in entry.key]
            ids = tuple(key.key_id for key in gone)
            self._audit.note("access.revoke", caller=name, role=entry.role, key_ids=list(ids))
            changed = entry.model_copy(update={"key": tuple(keys)})
            self._write([changed if e is entry else e for e in before.caller])
        return ids

    def _new_key(self, role: Role, channels: Sequence[str] | None, taken: Sequence[str]) -> tuple[Key, str]:
        api_key = new_api_key(role)
        key_id = next(made for made in iter(lambda: secrets.token_hex(4), "") if made not in taken)
        made_at = datetime.now(UTC).replace(microsecond=0)
        hashed = hash_api_key(api_key, self._secret)
        key = Key.model_validate({"key_id": key_id, "key_hash": hashed, "made_at": made_at, "channels": channels})
        return key, api_key

    @contextmanager
    def _changing(self) -> Iterator[AccessFile]:
        try:
            with file.changing(self._path) as before:
                yield before
        except OSError:
            raise AccessFileInvalid(
                "The access file or the credentials folder cannot be written. Run this as the owner of the home folder."
            ) from None

    def _write(self, callers: Sequence[Entry], name: str = "", api_key: str = "") -> None:
        """Write who may call; a new key is written down first, under a name that says it does not count yet."""
        if not api_key:
            file.write(self._path, callers)
            return
        self._credentials.mkdir(mode=0o700, parents=True, exist_ok=True)
        credential = self._credentials / f"{name}.key"
        fresh = self._credentials / f"{name}.key.fresh"
        write_private(fresh, api_key + "\n")
        file.write(self._path, callers)
        fresh.replace(credential)


def _only(callers: AccessFile, name: str) -> Entry:
    found = [entry for entry in callers.caller if entry.name == name]
    if len(found) != 1:
        raise CallerUnknown
    return found[0]


def _key(entry: Entry, key_id: str) -> Key:
    found = [key for key in entry.key if key.key_id == key_id and key.revoked_at is None]
    if not found:
        raise KeyUnknown(entry)
    return found[0]


def _remembered(keys: Sequence[Key], now: datetime) -> tuple[Key, ...]:
    """Return keys without those that ended long ago."""
    return tuple(key for key in keys if (ended := key.ended_at(now)) is None or now - ended < _REMEMBERED)


def _current(entry: Entry, now: datetime) -> Key:
    """Return the key that goes on without an end; if there is none, the one that ends last."""
    going = [key for key in entry.key if not key.is_over(now)]
    endless = [key for key in going if key.not_after is None]
    if len(endless) > 1 or not going:
        raise KeyUnknown(entry)
    return endless[0] if endless else max(going, key=lambda key: key.not_after or now)
