"""The access file: TOML with a `[[caller]]` table for everyone who may call, and a `[[caller.key]]` for each key."""

import fcntl
import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from privacy.errors import MangroveError
from services.access.keys import Role
from services.private_files import open_private, write_private

Channel = Literal["web", "app", "chat", "voice", "email", "social", "store"]
CHANNELS: tuple[str, ...] = get_args(Channel)

_HEADER = "# Who may call. `mangrove access` changes this file while servers run; it does not keep comments.\n"


class AccessFileInvalid(MangroveError):
    """The access file is missing, cannot be read, or breaks a rule."""

    reason = "ACCESS_FILE_INVALID"


class Key(BaseModel):
    """A key of a caller.

    `made_at` is None if nobody wrote it down. From `not_after` on the key opens nothing. With `revoked_at` it opens
    nothing, whatever the clock says; it stays so that the audit can name whose it was. `channels` are those a source
    may send events of with it, None for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    key_hash: str
    made_at: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether the key opens nothing any more."""
        return self.revoked_at is not None or (self.not_after is not None and self.not_after <= now)

    def ended_at(self, now: datetime) -> datetime | None:
        """Since when the key opens nothing; None if it does not end before `now`."""
        return (self.revoked_at or self.not_after) if self.is_over(now) else None


def _flat(value: Any) -> Any:
    """Take a caller whose only key is a `key_hash` of its own, as the file had it once."""
    if isinstance(value, dict) and isinstance(value.get("key_hash"), str) and "key" not in value:
        others = {name: part for name, part in value.items() if name != "key_hash"}
        key_id = hashlib.sha256(value["key_hash"].encode()).hexdigest()[:8]
        return {**others, "key": [{"key_id": key_id, "key_hash": value["key_hash"]}]}
    return value


class Entry(BaseModel):
    """Somebody who may call. With `certificates` the keys are good only beside a client certificate of such a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    role: Role
    certificates: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    key: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _keys_fit(self) -> "Entry":
        if self.role != "source" and any(key.channels is not None for key in self.key):
            raise ValueError("only sources have channels")
        return self


class AccessFile(BaseModel):
    """Everyone who may call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    caller: tuple[Annotated[Entry, BeforeValidator(_flat)], ...] = ()

    @model_validator(mode="after")
    def _keys_differ(self) -> "AccessFile":
        hashes = [key.key_hash for entry in self.caller for key in entry.key]
        ids = [(entry.name, entry.role, key.key_id) for entry in self.caller for key in entry.key]
        if len(set(hashes)) < len(hashes) or len(set(ids)) < len(ids):
            raise ValueError("two keys are the same")
        return self


def parse(content: bytes) -> AccessFile:
    """Read an access file's bytes.

    Raises:
        AccessFileInvalid: if they break a rule; it says where, and nothing of what stands there.
    """
    try:
        return AccessFile.model_validate(tomllib.loads(content.decode()))
    except ValidationError as error:
        where = ", ".join(sorted({".".join(str(p) for p in e["loc"][:4]) or "caller" for e in error.errors()}))
        raise AccessFileInvalid(f"The access file breaks a rule at: {where}. See docs/access.md.") from None
    except ValueError:
        raise AccessFileInvalid("The access file is not valid TOML. Mend it, or restore it from a backup.") from None


def read(path: Path) -> bytes:
    """Return an access file's bytes.

    Raises:
        AccessFileInvalid: if it is missing or may not be read.
    """
    try:
        return path.read_bytes()
    except OSError:
        raise AccessFileInvalid(
            "The access file is missing or cannot be read. Run `mangrove init`, or see `access` in mangrove.toml."
        ) from None


@contextmanager
def changing(path: Path) -> Iterator[AccessFile]:
    """Hold everybody else off an access file, missing or not, and give what stands in it.

    Raises:
        AccessFileInvalid: if it cannot be read, or not be locked.
    """
    try:
        lock = open_private(path.with_name(f"{path.name}.lock"), os.O_RDWR)
    except OSError:
        raise AccessFileInvalid("The access file's folder is missing or cannot be written.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield parse(read(path)) if path.exists() else AccessFile()
    finally:
        os.close(lock)


def write(path: Path, callers: Sequence[Entry]) -> None:
    """Put other callers into an access file, all or nothing; only inside of `changing`."""
    write_private(path, _HEADER + "".join(_entry(caller) for caller in callers))


def _entry(entry: Entry) -> str:
    lines = ["", "[[caller]]", f"name = {json.dumps(entry.name)}", f"role = {json.dumps(entry.role)}"]
    if entry.certificates is not None:
        lines.append(f"certificates = {json.dumps(entry.certificates)}")
    for key in entry.key:
        lines += ["", "[[caller.key]]", f"key_id = {json.dumps(key.key_id)}", f"key_hash = {json.dumps(key.key_hash)}"]
        times = (("made_at", key.made_at), ("not_after", key.not_after), ("revoked_at", key.revoked_at))
        for name, time in times:
            if time is not None:
                lines.append(f"{name} = {time.astimezone(UTC).isoformat()}")
        if key.channels is not None:
            lines.append(f"channels = {json.dumps(key.channels)}")
    return "\n".join(lines) + "\n"
