"""The default journal: SQLite in WAL mode, synced at every commit, many batches a commit."""

import asyncio
import fcntl
import hashlib
import queue
import sqlite3
import threading
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog

from privacy.errors import MangroveError
from privacy.masking import MaskedEvent, Refusal
from services.collector.ports import JournalUnavailable, Overloaded, Receipt, Record

log = structlog.get_logger()

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (event_key BLOB PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
"""
_MOST_APPENDS_A_COMMIT = 256
_MOST_WAITING_APPENDS = 1024
_FORGET_AT_ONCE = 5_000
_ASK_AT_ONCE = 500
_ROWS_A_STATEMENT = 1_000


@dataclass(slots=True)
class _Append:
    source: str
    events: Sequence[MaskedEvent]
    refusals: Sequence[Refusal]
    done: "asyncio.Future[Receipt]"
    loop: asyncio.AbstractEventLoop

    def resolve(self, receipt: Receipt) -> None:
        self.loop.call_soon_threadsafe(self._settle, receipt)

    def fail(self, error: MangroveError) -> None:
        self.loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, outcome: Receipt | MangroveError) -> None:
        if self.done.cancelled():
            return
        if isinstance(outcome, Receipt):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)


class SqliteJournal:
    """A journal in one SQLite file.

    A thread gathers the batches that wait, writes them in one transaction with `synchronous=FULL`, and only
    then lets the acknowledgements go. One process may append; the lander reads and forgets from another.

    Args:
        path: The file; it is made when it is not there.
        max_records: How many records may wait to be landed before batches are refused.
        remembered: How many event ids are remembered to tell duplicates, at least.
    """

    def __init__(self, path: Path, max_records: int = 5_000_000, remembered: int = 2_000_000) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._max_records = max_records
        self._remembered = remembered
        self._waiting: queue.Queue[_Append | None] = queue.Queue(_MOST_WAITING_APPENDS)
        self._writer: threading.Thread | None = None
        self._lock_file: IO[str] | None = None
        with closing(self._connect()) as db:
            db.executescript(_SCHEMA)
            with db:
                db.execute("BEGIN IMMEDIATE")
                if db.execute("SELECT count(*) FROM journal").fetchone()[0] == 0:
                    db.execute("INSERT INTO journal VALUES (?)", (uuid.uuid4().hex,))
            self._journal_id = str(db.execute("SELECT id FROM journal").fetchone()[0])
        self._reader = self._connect()

    @property
    def journal_id(self) -> str:
        """A random name made with the file."""
        return self._journal_id

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        """Make a batch durable; see the port."""
        self._start_writer()
        loop = asyncio.get_running_loop()
        waiting = _Append(source, events, refusals, loop.create_future(), loop)
        try:
            self._waiting.put_nowait(waiting)
        except queue.Full:
            raise Overloaded from None
        return await waiting.done

    def read(self, limit: int) -> list[Record]:
        """Return the oldest records; see the port."""
        rows = self._reader.execute("SELECT sequence, kind, payload FROM records ORDER BY sequence LIMIT ?", (limit,))
        return [Record(*row) for row in rows]

    def forget(self, through: int) -> None:
        """Drop landed records, a few at a time so that the collector is not kept waiting; see the port."""
        while True:
            with self._reader:
                gone = self._reader.execute(
                    "DELETE FROM records WHERE sequence IN "
                    "(SELECT sequence FROM records WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
                    (through, _FORGET_AT_ONCE),
                ).rowcount
            if gone < _FORGET_AT_ONCE:
                return

    def depth(self) -> int:
        """Return how many records wait to be landed."""
        row = self._reader.execute("SELECT coalesce(max(sequence) - min(sequence) + 1, 0) FROM records").fetchone()
        return int(row[0])

    def close(self) -> None:
        """Write what waits and release the file."""
        if self._writer is not None:
            self._waiting.put(None)
            self._writer.join()
            self._writer = None
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None
        self._reader.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10.0, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def _start_writer(self) -> None:
        if self._writer is not None:
            return
        lock_file = self._path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock_file.close()
            raise JournalUnavailable from None
        self._lock_file = lock_file
        self._writer = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._writer.start()

    def _write_forever(self) -> None:
        with closing(self._connect()) as db:
            writer = _Writer(db, self._max_records, self._remembered)
            closing_down = False
            while not closing_down:
                group = [self._waiting.get()]
                while len(group) < _MOST_APPENDS_A_COMMIT and not self._waiting.empty():
                    group.append(self._waiting.get_nowait())
                closing_down = None in group
                writer.commit([append for append in group if append is not None])


class _Writer:
    """Writes groups of batches, one transaction a group."""

    def __init__(self, db: sqlite3.Connection, max_records: int, remembered: int) -> None:
        self._db = db
        self._max_records = max_records
        self._remembered = remembered
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
        self._last = int(row[0]) if row else 0
        self._first_kept = self._oldest_waiting()
        self._trimmed_at = self._last

    def commit(self, group: list[_Append]) -> None:
        """Make a group durable and tell each batch; on any failure of the disk all of them are told."""
        try:
            group = self._refuse_when_full(group)
            if not group:
                return
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                last, receipts = self._insert(group)
        except sqlite3.Error as error:
            log.error("journal_write_failed", error_type=type(error).__name__)
            for append in group:
                append.fail(JournalUnavailable())
            return
        self._last = last
        for append, receipt in zip(group, receipts, strict=True):
            append.resolve(receipt)
        if self._last - self._trimmed_at > self._remembered:
            self._trim()

    def _insert(self, group: list[_Append]) -> tuple[int, list[Receipt]]:
        keys = [[_event_key(a.source, event) for event in a.events] for a in group]
        seen = self._already_seen([key for batch in keys for key in batch])
        last = self._last
        records: list[tuple[int, str, bytes]] = []
        remembered: list[tuple[bytes, int]] = []
        receipts: list[Receipt] = []
        for append, batch in zip(group, keys, strict=True):
            is_new = []
            for event, key in zip(append.events, batch, strict=True):
                is_new.append(key not in seen)
                if key not in seen:
                    seen.add(key)
                    last += 1
                    records.append((last, "event", event.to_bytes()))
                    remembered.append((key, last))
            for refusal in append.refusals:
                last += 1
                records.append((last, "refusal", refusal.to_bytes()))
            receipts.append(Receipt(tuple(is_new)))
        self._insert_rows("records", 3, records)
        self._insert_rows("seen", 2, remembered)
        return last, receipts

    def _insert_rows(self, table: str, width: int, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert many rows a statement: each statement gives the interpreter's lock away once, not once a row."""
        one = f"({','.join('?' * width)})"
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            some = rows[start : start + _ROWS_A_STATEMENT]
            statement = f"INSERT INTO {table} VALUES {','.join([one] * len(some))}"  # noqa: S608 - only question marks
            self._db.execute(statement, [value for row in some for value in row])

    def _already_seen(self, keys: list[bytes]) -> set[bytes]:
        seen: set[bytes] = set()
        for start in range(0, len(keys), _ASK_AT_ONCE):
            some = keys[start : start + _ASK_AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT event_key FROM seen WHERE event_key IN ({marks})"  # noqa: S608 - only question marks
            seen.update(row[0] for row in self._db.execute(query, some))
        return seen

    def _refuse_when_full(self, group: list[_Append]) -> list[_Append]:
        if self._last - self._first_kept < self._max_records:
            return group
        self._first_kept = self._oldest_waiting()
        if self._last - self._first_kept < self._max_records:
            return group
        for append in group:
            append.fail(Overloaded())
        return []

    def _oldest_waiting(self) -> int:
        row = self._db.execute("SELECT min(sequence) FROM records").fetchone()
        return int(row[0]) - 1 if row[0] is not None else self._last

    def _trim(self) -> None:
        """Forget the oldest event ids; a sender that repeats an event after so many others is told ACCEPTED again."""
        with self._db:
            self._db.execute("DELETE FROM seen WHERE sequence <= ?", (self._last - self._remembered,))
        self._trimmed_at = self._last


def _event_key(source: str, event: MaskedEvent) -> bytes:
    return hashlib.blake2b(f"{source}\0{event.event_id}".encode(), digest_size=16).digest()
