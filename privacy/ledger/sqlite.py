"""The ledger in one SQLite file: WAL, an fsync at every commit, one serving process at a time."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from privacy.dp.types import NanoRho
from privacy.ledger.book import Book, account_rows
from privacy.ledger.periods import LIFE
from privacy.ledger.port import LedgerUnavailable
from privacy.ledger.serving import WAIT_S, BookLedger, Key
from privacy.ledger.store import Row, Sql, Store, tables

_GUARDS = {
    **{
        f"{table}_no_{change}": f"BEFORE {change} ON ledger_{table}"
        for table in ("entry", "answer")
        for change in ("update", "delete")
    },
    "entry_next": """BEFORE INSERT ON ledger_entry
        WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM ledger_entry)""",
    "answer_once": """BEFORE INSERT ON ledger_answer
        WHEN EXISTS (SELECT 1 FROM ledger_answer WHERE charge = NEW.charge)""",
    "account_grows": """BEFORE UPDATE ON ledger_account WHEN NEW.spent_nano < OLD.spent_nano
        OR (NEW.dataset, NEW.holder, NEW.period) <> (OLD.dataset, OLD.holder, OLD.period)""",
    "account_stays": "BEFORE DELETE ON ledger_account",
}
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"


class SqliteStore(Store):
    """The file at `path`, made with mode 0600 if it is missing.

    Raises:
        LedgerUnavailable: if it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=WAIT_S)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'charge'").fetchone():
                raise LedgerUnavailable(
                    "This ledger was written by an earlier Mangrove. Put another path into `ledger` only if what was "
                    "spent in it may be spent again."
                )
            for statement in tables(text="TEXT", integer="INTEGER", binary="BLOB", strict="STRICT"):
                self._db.execute(statement)
            for name, when in _GUARDS.items():
                self._db.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {when} {_REFUSE}")
        except (OSError, sqlite3.Error):
            raise LedgerUnavailable("The ledger cannot be opened. Check that its file can be written.") from None

    @contextmanager
    def reading(self) -> Iterator[Sql]:
        """Read one state of the file."""
        with self._transaction("BEGIN") as sql:
            yield sql

    @contextmanager
    def writing(self) -> Iterator[Sql]:
        """Write alone, durably."""
        with self._transaction("BEGIN IMMEDIATE") as sql:
            yield sql

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Sql]:
        with self._lock:
            try:
                self._db.execute(begin)
                try:
                    yield _Sql(self._db)
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error:
                raise LedgerUnavailable from None


class _Sql(Sql):
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self, statement: str, *values: Any) -> list[Row]:
        return self._db.execute(statement, values).fetchall()

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        self._db.executemany(statement, values)


class _OneProcess:
    """Claims where one process serves: it alone knows."""

    poll_s = WAIT_S

    def take(self, key: Key) -> bool:
        return True

    def drop(self, key: Key) -> None:
        pass


class SqliteLedger(BookLedger):
    """The ledger in the file at `path`; a lock beside it keeps a second serving process out.

    Raises:
        LedgerUnavailable: if another process serves from the ledger, or it cannot be opened.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            raise LedgerUnavailable("The ledger cannot be opened. Check that its file can be written.") from None
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            super().__init__(Book(SqliteStore(path), now), _OneProcess())
        except BlockingIOError:
            os.close(self._lock_file)
            raise LedgerUnavailable(
                "Another process serves from this ledger. Stop it first, or keep the ledger in PostgreSQL."
            ) from None
        except LedgerUnavailable:
            os.close(self._lock_file)
            raise

    def close(self) -> None:
        """Close the file and let another process in."""
        super().close()
        os.close(self._lock_file)


def read_spending(path: Path) -> dict[tuple[str, str], NanoRho]:
    """Read what was spent over the ledger's life as (dataset, holder) → nano-rho, also beside a running service.

    A holder is `partner:NAME` or `all`; days and identity versions are left out.

    Raises:
        LedgerUnavailable: if it cannot be read.
    """
    store = SqliteStore(path)
    try:
        with store.reading() as sql:
            accounts = account_rows(sql)
    finally:
        store.close()
    return {
        (dataset, holder): NanoRho(spent)
        for (dataset, holder, period), spent in accounts.items()
        if period == LIFE and not holder.startswith(("day:", "identity:"))
    }
