"""The lander's end of SQLite journals: all that lie in one folder."""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from services.collector.journals.sqlite_file import SUFFIX, checksum, connect
from services.collector.ports import JournalDamaged, JournalUnavailable, Record

log = structlog.get_logger()

_FORGET_AT_ONCE = 50


class SqliteFeed:
    """The records of one SQLite journal.

    Args:
        path: The journal's file.

    Raises:
        JournalDamaged: if it is no journal that can be read.
        JournalUnavailable: if it is just being made, or the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = connect(path)
            self._journal_id = self._id()
        except sqlite3.OperationalError:
            raise JournalUnavailable from None
        except sqlite3.DatabaseError:
            raise JournalDamaged(self.name) from None

    def _id(self) -> str:
        row = self._db.execute("SELECT id FROM journal").fetchone()
        if row is None:
            raise sqlite3.OperationalError
        return str(row[0])

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.stem

    @property
    def journal_id(self) -> str:
        """A random name made with the file."""
        return self._journal_id

    def read(self, after: int, max_bytes: int) -> list[Record]:
        """Return the oldest records behind a sequence; see the port."""
        records: list[Record] = []
        size = 0
        try:
            found = self._db.execute(
                "SELECT sequence, count, checksum, events, refusals FROM records WHERE sequence > ? ORDER BY sequence",
                (after,),
            )
            for sequence, count, stored, events, refusals in found:
                if checksum(events, refusals) != stored:
                    raise JournalDamaged(self.name)
                records.append(Record(sequence, count, events, refusals))
                size += len(events) + len(refusals)
                if size >= max_bytes:
                    break
            found.close()
        except sqlite3.OperationalError:
            raise JournalUnavailable from None
        except sqlite3.DatabaseError:
            raise JournalDamaged(self.name) from None
        return records

    def forget(self, through: int) -> None:
        """Drop landed records, a few at a time so that the collector is not kept waiting; see the port.

        Raises:
            JournalUnavailable: if the disk fails.
        """
        try:
            self._forget(through)
        except sqlite3.OperationalError:
            raise JournalUnavailable from None
        except sqlite3.DatabaseError:
            raise JournalDamaged(self.name) from None

    def _forget(self, through: int) -> None:
        while True:
            with self._db:
                gone = self._db.execute(
                    "DELETE FROM records WHERE sequence IN "
                    "(SELECT sequence FROM records WHERE sequence <= ? ORDER BY sequence LIMIT ?)",
                    (through, _FORGET_AT_ONCE),
                ).rowcount
            if gone < _FORGET_AT_ONCE:
                return

    def waiting(self) -> tuple[int, float]:
        """Return how many events wait and the age of the oldest; see the port."""
        try:
            count, oldest = self._db.execute("SELECT coalesce(sum(count), 0), min(appended_at) FROM records").fetchone()
        except sqlite3.OperationalError:
            raise JournalUnavailable from None
        except sqlite3.DatabaseError:
            raise JournalDamaged(self.name) from None
        return int(count), max(time.time() - oldest, 0.0) if oldest is not None else 0.0

    def size(self) -> int:
        """Return the file's bytes; see the port."""
        return self._path.stat().st_size

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


class SqliteFeeds:
    """All journals in a folder; those of workers that start later join when they are there.

    Args:
        folder: Where the journals lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[tuple[str, int], SqliteFeed] = {}
        self._damaged: set[tuple[str, int]] = set()

    def assigned(self) -> Sequence[SqliteFeed]:
        """Return a feed for each journal; one that cannot be read is told in the log and left out."""
        there = {(path.stem, path.stat().st_ino): path for path in sorted(self._folder.glob(f"*{SUFFIX}"))}
        for gone in self._open.keys() - there.keys():
            self._open.pop(gone).close()
        for key, path in there.items():
            if key not in self._open and key not in self._damaged:
                self._add(key, path)
        return list(self._open.values())

    def _add(self, key: tuple[str, int], path: Path) -> None:
        try:
            self._open[key] = SqliteFeed(path)
        except JournalUnavailable:
            return
        except JournalDamaged as error:
            self._damaged.add(key)
            log.error("journal_damaged", journal=path.stem, sentence=error.sentence)

    def close(self) -> None:
        """Let go of all files."""
        for feed in self._open.values():
            feed.close()
        self._open.clear()
