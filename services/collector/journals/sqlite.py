"""The default journal: SQLite in WAL mode, synced at every commit, many batches a commit."""

import asyncio
import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import structlog

from privacy.errors import MangroveError
from privacy.masking import MaskedEvent, Refusal
from services.collector.journals.recent import Keys, RecentKeys, keys_of
from services.collector.ports import DiskLow, JournalUnavailable, Overloaded, Receipt

log = structlog.get_logger()

SUFFIX = ".sqlite"
DAMAGED = ".damaged"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, count INTEGER NOT NULL, appended_at REAL NOT NULL,
  checksum INTEGER NOT NULL, events BLOB NOT NULL, refusals BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (sequence INTEGER PRIMARY KEY, count INTEGER NOT NULL, keys BLOB NOT NULL);
"""
_MOST_APPENDS_A_COMMIT = 256
_MOST_BYTES_A_COMMIT = 8 * 1024 * 1024
_MOST_WAITING_APPENDS = 1024
_LOOK_AT_DISK_S = 0.5
_LONGEST_LOG, _BALLAST, _PAGES_IN_LOG = 8 * 1024 * 1024, 6 * 1024 * 1024, 512


class JournalInUse(MangroveError):
    """Another process appends to the journal."""

    reason = "JOURNAL_IN_USE"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Another process appends to the journal '{name}'. Stop it, or give this collector a folder of its own."
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a journal takes.

    Attributes:
        max_waiting_events: How many events may wait to be landed before batches are refused.
        min_free_bytes: How much of the disk must stay free.
        remembered: How many event ids are remembered to tell duplicates, at least.
    """

    max_waiting_events: int = 5_000_000
    min_free_bytes: int = 0
    remembered: int = 500_000


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal's file as both ends use it."""
    db = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    # Overwriting what is deleted would write every landed byte once more; it is masked, and often on a full disk.
    db.execute("PRAGMA secure_delete=OFF")
    db.execute(f"PRAGMA journal_size_limit={_LONGEST_LOG}")
    # What stands in the log needs as much room again in the file; the ballast has that room.
    db.execute(f"PRAGMA wal_autocheckpoint={_PAGES_IN_LOG}")
    return db


def ballast_of(path: Path) -> Path:
    """Return the file that keeps some room on a journal's disk: without any, SQLite cannot even delete."""
    return path.with_suffix(".ballast")


def keep_ballast(path: Path) -> None:
    """Make a journal's ballast if it is not there; a disk without room for it goes without."""
    with contextlib.suppress(OSError), ballast_of(path).open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, _BALLAST)


def checksum(events: bytes, refusals: bytes) -> int:
    """Return the CRC-32 that a record is kept with: SQLite itself does not notice a flipped bit in a value."""
    return zlib.crc32(refusals, zlib.crc32(events))


def store(db: sqlite3.Connection, count: int, events: bytes, refusals: bytes) -> int:
    """Insert a record and return its sequence; the caller's transaction makes it durable.

    Args:
        db: A journal, connected.
        count: How many events and refusals it holds.
        events: JSON lines.
        refusals: JSON lines.
    """
    row = (count, time.time(), checksum(events, refusals), events, refusals)
    statement = "INSERT INTO records (count, appended_at, checksum, events, refusals) VALUES (?, ?, ?, ?, ?)"
    return db.execute(statement, row).lastrowid or 0


@dataclass(slots=True)
class _Append:
    source: str
    events: Sequence[MaskedEvent]
    refusals: Sequence[Refusal]
    done: "asyncio.Future[Receipt]"
    loop: asyncio.AbstractEventLoop

    def settle(self, outcome: Receipt | MangroveError) -> None:
        if self.done.cancelled():
            return
        if isinstance(outcome, Receipt):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)


class SqliteJournal:
    """A journal in one SQLite file.

    A thread gathers the batches that wait, writes them as one record in one transaction with `synchronous=FULL`,
    and only then lets the acknowledgements go. One process appends; the lander reads and forgets from another.
    A file that turns out to be damaged is set aside, named as such, and a new one is begun.

    Args:
        path: The file; it is made when it is not there.
        bounds: How much it takes.
        wait_s: How long to wait for a process before this one to let go of the journal.

    Raises:
        JournalInUse: if another process appends to it.
        JournalUnavailable: if the file cannot be made or opened.
    """

    def __init__(self, path: Path, bounds: Bounds | None = None, wait_s: float = 0.0) -> None:
        self._path = path
        self._bounds = bounds or Bounds()
        self._waiting: queue.Queue[_Append | None] = queue.Queue(_MOST_WAITING_APPENDS)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = locked(path, wait_s)
            self._writer = self._open_writer()
        except (OSError, sqlite3.Error) as error:
            log.error("journal_not_opened", journal=path.stem, error_type=type(error).__name__)
            raise JournalUnavailable from None
        self._thread = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._thread.start()

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        """Make a batch durable; see the port."""
        loop = asyncio.get_running_loop()
        waiting = _Append(source, events, refusals, loop.create_future(), loop)
        try:
            self._waiting.put_nowait(waiting)
        except queue.Full:
            raise Overloaded from None
        return await waiting.done

    def close(self) -> None:
        """Write what waits and release the file."""
        if self._lock_file.closed:
            return
        self._waiting.put(None)
        self._thread.join()
        self._lock_file.close()

    def _open_writer(self) -> "_Writer":
        try:
            return _Writer(self._path, self._bounds)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            set_aside(self._path)
            return _Writer(self._path, self._bounds)

    def _write_forever(self) -> None:
        closing_down = False
        while not closing_down:
            group = [self._waiting.get()]
            while len(group) < _MOST_APPENDS_A_COMMIT and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            closing_down = None in group
            self._write([append for append in group if append is not None and not append.done.cancelled()])
        self._writer.close()

    def _write(self, group: list[_Append]) -> None:
        try:
            outcomes = self._writer.commit(group) if group else []
        except (OSError, sqlite3.Error) as error:
            log.error("journal_write_failed", journal=self._path.stem, error_type=type(error).__name__)
            outcomes = [JournalUnavailable()] * len(group)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self._start_anew()
        for append, outcome in zip(group, outcomes, strict=True):
            append.loop.call_soon_threadsafe(append.settle, outcome)

    def _start_anew(self) -> None:
        try:
            self._writer.close()
            set_aside(self._path)
            self._writer = _Writer(self._path, self._bounds)
        except (OSError, sqlite3.Error) as error:
            log.error("journal_not_opened", journal=self._path.stem, error_type=type(error).__name__)


def locked(path: Path, wait_s: float) -> IO[str]:
    """Return the open lock of a journal; while it is open no other process may append.

    Raises:
        JournalInUse: if another process still has it after `wait_s`.
    """
    lock_file = path.with_suffix(".lock").open("w")
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock_file
        except BlockingIOError:
            if time.monotonic() >= until:
                lock_file.close()
                raise JournalInUse(path.stem) from None
            time.sleep(0.05)


def set_aside(path: Path) -> Path:
    """Rename a damaged journal's files, so that a new one can be begun and what is readable can be salvaged."""
    aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}{DAMAGED}")
    for ending in ("-wal", "-shm", ""):
        file = path.with_name(path.name + ending)
        if file.exists():
            file.rename(aside.with_name(aside.name + ending))
    log.error("journal_damaged", journal=path.stem, set_aside=aside.name)
    return aside


class _Writer:
    """Writes groups of batches, one record and one transaction a group."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._folder = path.parent
        self._bounds = bounds
        self._db = connect(path)
        try:
            self._prepare()
        except sqlite3.Error:
            self._db.close()
            raise
        keep_ballast(path)
        self._free_until = 0.0
        self._taken_since = 0
        self._waiting = self._count_waiting()

    def _prepare(self) -> None:
        self._db.executescript(_SCHEMA)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._db.execute("SELECT count(*) FROM journal").fetchone()[0] == 0:
                self._db.execute("INSERT INTO journal VALUES (?)", (uuid.uuid4().hex,))
        self._seen = RecentKeys(self._bounds.remembered)
        for (keys,) in self._db.execute("SELECT keys FROM seen ORDER BY sequence"):
            stored = np.frombuffer(keys, np.uint64).reshape(-1, 2)
            self._seen.add(stored[self._seen.novel(stored)])

    def commit(self, group: list[_Append]) -> list[Receipt | MangroveError]:
        """Make a group durable and return what to tell each batch."""
        refusal = self._refusal()
        if refusal is not None:
            return [refusal] * len(group)
        outcomes: list[Receipt | MangroveError] = []
        for part in _parts(group):
            outcomes += self._insert(part)
        return outcomes

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _insert(self, group: list[_Append]) -> list[Receipt]:
        keys = np.concatenate([keys_of(a.source, [event.event_id for event in a.events]) for a in group])
        novel = self._seen.novel(keys)
        told = novel.tolist()
        events: list[bytes] = []
        refusals: list[bytes] = []
        receipts: list[Receipt] = []
        for append in group:
            is_new = tuple(told[: len(append.events)])
            del told[: len(append.events)]
            events += [event.to_bytes() for event, new in zip(append.events, is_new, strict=True) if new]
            refusals += [refusal.to_bytes() for refusal in append.refusals]
            receipts.append(Receipt(is_new))
        if events or refusals:
            self._store(events, refusals, keys[novel])
        return receipts

    def _store(self, events: list[bytes], refusals: list[bytes], keys: Keys) -> None:
        count = len(events) + len(refusals)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            sequence = store(self._db, count, _lines(events), _lines(refusals))
            self._db.execute("INSERT INTO seen VALUES (?, ?, ?)", (sequence, len(keys), keys.tobytes()))
        self._seen.add(keys)
        self._waiting += count
        self._taken_since += len(keys)
        if self._taken_since > self._bounds.remembered // 4:
            self._forget_old_keys()

    def _refusal(self) -> MangroveError | None:
        if self._waiting >= self._bounds.max_waiting_events:
            self._waiting = self._count_waiting()
            if self._waiting >= self._bounds.max_waiting_events:
                return Overloaded()
        now = time.monotonic()
        if now >= self._free_until:
            disk = os.statvfs(self._folder)
            free = disk.f_bavail * disk.f_frsize
            if free < self._bounds.min_free_bytes and free + self._reusable() < self._bounds.min_free_bytes:
                return DiskLow()
            self._free_until = now + _LOOK_AT_DISK_S
        return None

    def _reusable(self) -> int:
        """Return how many bytes of the file hold nothing any more: a file does not shrink when records have landed."""
        pages, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
        return int(pages) * int(size)

    def _count_waiting(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(count), 0) FROM records").fetchone()[0])

    def _forget_old_keys(self) -> None:
        """Forget the oldest event ids; a sender that repeats one after so many others is told ACCEPTED again."""
        with self._db:
            self._db.execute(
                "DELETE FROM seen WHERE sequence <= coalesce((SELECT max(sequence) FROM (SELECT sequence, "
                "sum(count) OVER (ORDER BY sequence DESC) AS newer FROM seen) WHERE newer > ?), 0)",
                (self._bounds.remembered,),
            )
        self._taken_since = 0


def _parts(group: list[_Append]) -> list[list[_Append]]:
    """Cut a group so that no record grows without bound; a masked event is taken to be a kilobyte."""
    parts: list[list[_Append]] = [[]]
    size = 0
    for append in group:
        weight = 1024 * (len(append.events) + len(append.refusals))
        if parts[-1] and size + weight > _MOST_BYTES_A_COMMIT:
            parts.append([])
            size = 0
        parts[-1].append(append)
        size += weight
    return parts


def _lines(records: list[bytes]) -> bytes:
    return b"\n".join([*records, b""]) if records else b""
