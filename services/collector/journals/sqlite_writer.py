"""Writes batches into a journal's SQLite file: new events once, within the journal's bounds and the disk's."""

import asyncio
import contextlib
import os
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from privacy.errors import MangroveError
from privacy.masking import MaskedEvent, Refusal
from services.collector.journals.recent import Keys, RecentKeys, keys_of
from services.collector.journals.sqlite_file import SCHEMA, connect, store
from services.collector.ports import DiskLow, Overloaded, Receipt

_MOST_BYTES_A_COMMIT = 8 * 1024 * 1024
_ROOM_TO_FORGET, _ROOM_FOR_LOG = 2 * 1024 * 1024, 4 * 1024 * 1024
"""What stays free in any case: without room in the log SQLite cannot even delete, nor fill what was deleted."""


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


@dataclass(slots=True)
class Append:
    """A batch that waits to be written, and the future that its sender waits for."""

    source: str
    events: Sequence[MaskedEvent]
    refusals: Sequence[Refusal]
    done: "asyncio.Future[Receipt]"
    loop: asyncio.AbstractEventLoop


class SqliteWriter:
    """Writes groups of batches, one record and one transaction a group."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._folder, self._log = path.parent, path.with_name(f"{path.name}-wal")
        self._bounds = bounds
        self._db = connect(path)
        try:
            self._prepare()
        except sqlite3.Error:
            self._db.close()
            raise
        self._taken_since = 0
        self._waiting = self._count_waiting()

    def _prepare(self) -> None:
        self._db.executescript(SCHEMA)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._db.execute("SELECT count(*) FROM journal").fetchone()[0] == 0:
                self._db.execute("INSERT INTO journal VALUES (?)", (uuid.uuid4().hex,))
        self._seen = RecentKeys(self._bounds.remembered)
        for (keys,) in self._db.execute("SELECT keys FROM seen ORDER BY sequence"):
            stored = np.frombuffer(keys, np.uint64).reshape(-1, 2)
            self._seen.add(stored[self._seen.novel(stored)])

    def commit(self, group: list[Append]) -> list[Receipt | MangroveError]:
        """Make a group durable and return what to tell each batch.

        Raises:
            DiskLow: if the disk has too little room for it.
        """
        if self._is_full():
            return [Overloaded()] * len(group)
        outcomes: list[Receipt | MangroveError] = []
        for part in _parts(group):
            outcomes += self._insert(part)
        return outcomes

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _insert(self, group: list[Append]) -> list[Receipt]:
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
        lines, refused = _lines(events), _lines(refusals)
        self._make_sure_of_room(len(lines) + len(refused) + keys.nbytes)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            sequence = store(self._db, count, lines, refused)
            self._db.execute("INSERT INTO seen VALUES (?, ?, ?)", (sequence, len(keys), keys.tobytes()))
        self._seen.add(keys)
        self._waiting += count
        self._taken_since += len(keys)
        if self._taken_since > self._bounds.remembered // 4:
            self._forget_old_keys()

    def _is_full(self) -> bool:
        if self._waiting >= self._bounds.max_waiting_events:
            self._waiting = self._count_waiting()
        return self._waiting >= self._bounds.max_waiting_events

    def _make_sure_of_room(self, size: int) -> None:
        """Raise DiskLow if a record of so many bytes has not room enough, even with the log emptied."""
        if not self._has_room(size):
            (patience,) = self._db.execute("PRAGMA busy_timeout").fetchone()
            with contextlib.suppress(sqlite3.OperationalError):
                self._db.execute("PRAGMA busy_timeout=100")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute(f"PRAGMA busy_timeout={patience}")
            if not self._has_room(size):
                raise DiskLow

    def _has_room(self, size: int) -> bool:
        """Say whether a record, and the log's way into the file, leave as much of the disk free as must stay free.

        A record is written to the log first and then once more into the file, as all that is in the log already.
        """
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        in_log = self._log.stat().st_size if self._log.exists() else 0
        least = max(self._bounds.min_free_bytes, _ROOM_TO_FORGET + _ROOM_FOR_LOG)
        if free >= least + in_log + 2 * size:
            return True
        reusable = self._reusable()
        return free >= _ROOM_TO_FORGET + size and free + reusable >= least + in_log + 2 * size

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


def _parts(group: list[Append]) -> list[list[Append]]:
    """Cut a group so that no record grows without bound; a masked event is taken to be a kilobyte."""
    parts: list[list[Append]] = [[]]
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
