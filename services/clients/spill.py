"""Keeps batches on disk, encrypted, while the collector cannot be reached.

A batch is one file: written beside, synced, renamed. Nothing in the folder can be read without the key, and the
key is never in the folder.
"""

import errno
import fcntl
import os
import re
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import structlog

from privacy.errors import MangroveError
from services.clients.spill_key import SealBroken, SpillKey

log = structlog.get_logger()

_ASIDE, _LOCK = "set-aside", "lock"
_WHOLE, _TORN = ".batch", ".part"
_NAME = re.compile(r"(\d{16})-(\d+)\.batch")


class SpillFull(MangroveError):
    """The spill folder, or its disk, takes no more."""

    reason = "SPILL_FULL"


class SpillInUse(MangroveError):
    """Another client uses the spill folder."""

    reason = "SPILL_IN_USE"

    def __init__(self) -> None:
        super().__init__("Another client uses this spill folder. Give each client a folder of its own.")


class SpillUnavailable(MangroveError):
    """The spill folder cannot be used."""

    reason = "SPILL_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch on disk: its file's name, how many events it holds, the size of its file in bytes."""

    name: str
    events: int
    size: int


class Spill:
    """A folder in which batches wait, encrypted, oldest first. One client, one source, one folder.

    Args:
        folder: Where the files lie; made with mode 0700 if it is not there.
        key: The key, 32 bytes, or `env:NAME` or `file:PATH` of one as `new_spill_key` makes it; the file must be
            outside of the folder and readable by its owner only. None for a key that is made now and kept in memory
            only: what waits then survives a broken connection, but not the end of the process.
        max_bytes: How much may wait, in bytes of files; files that were set aside do not count.
        when_full: "block" keeps further events in memory, so that sending waits, and raises `CollectorBusy` when
            that takes too long; "raise" raises `SpillFull` from sending at once. No event is dropped by either.
        after_s: How long a batch is tried before it goes to disk, in seconds.

    Raises:
        SpillKeyInvalid: if the key is missing, too short, or where others can read it.
        SpillInUse: if another client uses the folder.
        SpillUnavailable: if the folder cannot be made or read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        key: bytes | str | None = None,
        max_bytes: int = 1024**3,
        when_full: Literal["block", "raise"] = "block",
        after_s: float = 5.0,
    ) -> None:
        self._key = SpillKey.of(key, folder)
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self.raises_when_full = when_full == "raise"
        self.after_s = after_s
        self.is_lasting = key is not None
        self.events_set_aside = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._holder = _locked(folder / _LOCK)
            self._waiting, self._last = _found(folder)
        except OSError as error:
            raise SpillUnavailable(
                f"The spill folder cannot be used ({_name_of(error)}). Name one that this process may write."
            ) from None
        self.events = sum(waiting.events for waiting in self._waiting)
        self._bytes = sum(waiting.size for waiting in self._waiting)
        if self._waiting:
            log.info("spill_found", batches=len(self._waiting), events=self.events)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def put(self, payload: bytes, events: int) -> None:
        """Make a batch durable.

        Args:
            payload: The batch.
            events: How many events it holds.

        Raises:
            SpillFull: if there is no room for it, or it cannot be written.
        """
        sealed = self._key.seal(payload)
        with self._lock:
            if self._bytes + len(sealed) > self._max_bytes:
                raise SpillFull(
                    f"The spill folder holds the {self._max_bytes} bytes that it may. Bring the collector back, or "
                    "allow more."
                )
            self._last += 1
            name = f"{self._last:016d}-{events}{_WHOLE}"
            try:
                _write(self._folder / name, sealed)
            except OSError as error:
                raise SpillFull(
                    f"The spill folder cannot be written ({_name_of(error)}). Make room, or see who may write there."
                ) from None
            self._waiting.append(Waiting(name, events, len(sealed)))
            self._bytes += len(sealed)
            self.events += events

    def oldest(self) -> tuple[Waiting, bytes] | None:
        """Return the batch that waits longest, None if nothing waits.

        Files that cannot be decrypted, because they are torn or of another key, are set aside on the way.
        """
        while True:
            with self._lock:
                waiting = self._waiting[0] if self._waiting else None
            if waiting is None:
                return None
            try:
                return waiting, self._key.open((self._folder / waiting.name).read_bytes())
            except SealBroken as broken:
                self.set_aside(waiting, broken.sentence)
            except OSError as error:
                self.set_aside(waiting, f"cannot be read ({_name_of(error)})")

    def remove(self, waiting: Waiting) -> None:
        """Forget a batch that the collector dealt with."""
        with self._lock:
            self._leave_out(waiting)
            try:
                (self._folder / waiting.name).unlink(missing_ok=True)
            except OSError as error:  # the next start sends it again, and the collector knows it
                log.warning("spill_not_removed", file=waiting.name, why=_name_of(error))

    def set_aside(self, waiting: Waiting, why: str) -> None:
        """Move a batch that cannot be sent to the folder `set-aside`, where it stays."""
        with self._lock:
            self._leave_out(waiting)
            self.events_set_aside += waiting.events
            aside = self._folder / _ASIDE
            moved = True
            try:
                aside.mkdir(mode=0o700, exist_ok=True)
                (self._folder / waiting.name).rename(aside / waiting.name)
            except OSError:
                moved = False  # it stays where it is, and the next start looks at it again
        log.warning("spill_set_aside", file=waiting.name, events=waiting.events, why=why, moved=moved)

    def close(self) -> None:
        """Let go of the folder; what waits stays."""
        self._holder.close()

    def _leave_out(self, waiting: Waiting) -> None:
        self._waiting.remove(waiting)
        self._bytes -= waiting.size
        self.events -= waiting.events


def _locked(path: Path) -> IO[bytes]:
    holder = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.close()
        raise SpillInUse from None
    return holder


def _found(folder: Path) -> tuple[deque[Waiting], int]:
    """Return what an earlier client left, oldest first, and the last number that was given."""
    for torn in folder.glob(f"*{_TORN}"):
        torn.unlink()  # never renamed, so never told to be durable
    named = [(match, path) for path in sorted(folder.iterdir()) if (match := _NAME.fullmatch(path.name))]
    aside = [match for path in folder.glob(f"{_ASIDE}/*") if (match := _NAME.fullmatch(path.name))]
    last = max((int(match[1]) for match in (*(match for match, _ in named), *aside)), default=0)
    return deque(Waiting(path.name, int(match[2]), path.stat().st_size) for match, path in named), last


def _write(path: Path, sealed: bytes) -> None:
    torn = path.with_suffix(_TORN)
    try:
        descriptor = os.open(torn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        torn.rename(path)
        _sync(path.parent)
    except OSError:
        torn.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "unknown error")
