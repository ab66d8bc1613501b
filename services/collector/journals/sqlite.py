"""The default journal: SQLite in WAL mode, synced at every commit, many batches a commit."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from privacy.masking import MaskedEvent, Refusal
from services.collector.journals.settling import settle
from services.collector.journals.sqlite_file import locked, set_aside
from services.collector.journals.sqlite_writer import Append, Bounds, SqliteWriter
from services.collector.ports import DiskLow, JournalUnavailable, Overloaded, Receipt

log = structlog.get_logger()

_MOST_APPENDS_A_COMMIT = 256
_MOST_WAITING_APPENDS = 1024


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
        self._waiting: queue.Queue[Append | None] = queue.Queue(_MOST_WAITING_APPENDS)
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
        waiting = Append(source, events, refusals, loop.create_future(), loop)
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

    def _open_writer(self) -> SqliteWriter:
        try:
            return SqliteWriter(self._path, self._bounds)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            set_aside(self._path)
            return SqliteWriter(self._path, self._bounds)

    def _write_forever(self) -> None:
        closing_down = False
        while not closing_down:
            group = [self._waiting.get()]
            while len(group) < _MOST_APPENDS_A_COMMIT and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            closing_down = None in group
            self._write([append for append in group if append is not None and not append.done.cancelled()])
        self._writer.close()

    def _write(self, group: list[Append]) -> None:
        try:
            outcomes = self._writer.commit(group) if group else []
        except DiskLow as refusal:
            outcomes = [refusal] * len(group)
        except (OSError, sqlite3.Error) as error:
            log.error("journal_write_failed", journal=self._path.stem, error_type=type(error).__name__)
            outcomes = [JournalUnavailable()] * len(group)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self._start_anew()
        for append, outcome in zip(group, outcomes, strict=True):
            append.loop.call_soon_threadsafe(settle, append.done, outcome)

    def _start_anew(self) -> None:
        try:
            self._writer.close()
            set_aside(self._path)
            self._writer = SqliteWriter(self._path, self._bounds)
        except (OSError, sqlite3.Error) as error:
            log.error("journal_not_opened", journal=self._path.stem, error_type=type(error).__name__)
