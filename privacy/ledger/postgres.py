"""The ledger in PostgreSQL, which many serving processes share. Writers take turns, which the chain needs anyway."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from privacy.ledger.book import Book
from privacy.ledger.port import LedgerUnavailable
from privacy.ledger.serving import BookLedger, Key
from privacy.ledger.store import Row, Sql, Store, tables

_SESSION = [
    # A server may be set to answer before a commit is on disk.
    "SET synchronous_commit = on",
    "SET lock_timeout = '30s'",
    # A process that stands still in the middle of a turn must not keep the others waiting for ever.
    "SET idle_in_transaction_session_timeout = '30s'",
]
_SCHEMA = [
    *tables(text='TEXT COLLATE "C"', integer="BIGINT", binary="BYTEA"),
    """CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    *(
        f"""CREATE OR REPLACE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_{table}
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"""
        for table in ("entry", "answer")
    ),
    """CREATE OR REPLACE TRIGGER account_grows BEFORE UPDATE ON ledger_account FOR EACH ROW
        WHEN (NEW.spent_nano < OLD.spent_nano OR (NEW.dataset, NEW.holder, NEW.period)
            IS DISTINCT FROM (OLD.dataset, OLD.holder, OLD.period)) EXECUTE FUNCTION ledger_refuse()""",
    """CREATE OR REPLACE TRIGGER account_stays BEFORE DELETE OR TRUNCATE ON ledger_account
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()""",
]


class PostgresStore(Store):
    """The database behind a connection string; the tables are made if they are missing.

    Once they are there, the right to SELECT and INSERT in all of them and to UPDATE ledger_account is enough. One
    connection serves all threads of a process, in turns. It is made anew when it was lost.

    Args:
        address: What libpq takes, such as `postgresql://mangrove@127.0.0.1/ledger`.

    Raises:
        LedgerUnavailable: if it cannot be reached, or does not keep what it was given through a crash.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.RLock()
        self._db: psycopg.Connection[Row] | None = None
        with self._connected() as db:
            if db.execute("SHOW fsync").fetchone() != ("on",):
                raise LedgerUnavailable("The PostgreSQL server does not write through to its disk: set fsync = on.")
            with db.transaction():
                # Who comes second must find the tables ready: making them again would wait for those at work.
                db.execute("SELECT pg_advisory_xact_lock(hashtext('mangrove ledger'))")
                if db.execute("SELECT to_regclass('ledger_account')").fetchone() == (None,):
                    for statement in _SCHEMA:
                        db.execute(statement)
                # Locks are the database's: a ledger in another schema of it must not hold ours.
                self._ledger = db.execute("SELECT 'ledger_entry'::regclass::oid").fetchone()

    @contextmanager
    def reading(self) -> Iterator[Sql]:
        """Read one state of the database."""
        with self._connected() as db, db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield _Sql(db)

    @contextmanager
    def writing(self) -> Iterator[Sql]:
        """Write alone among all processes, durably."""
        with self._connected() as db, db.transaction():
            # The accounts, and not the entries: locking those would need the right to change them.
            db.execute("LOCK TABLE ledger_account IN EXCLUSIVE MODE")
            yield _Sql(db)

    def try_lock(self, key: Key) -> bool:
        """Take the lock of a question, which ends with this process, unless another has it."""
        with self._connected() as db:
            row = db.execute("SELECT pg_try_advisory_lock(%s)", (self._number(key),)).fetchone()
        return row == (True,)

    def unlock(self, key: Key) -> None:
        """Give the lock of a question back."""
        with self._connected() as db:
            db.execute("SELECT pg_advisory_unlock(%s)", (self._number(key),))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def _number(self, key: Key) -> int:
        digest = hashlib.sha256(repr((self._ledger, key)).encode()).digest()
        return int.from_bytes(digest[:8], signed=True)

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Row]]:
        with self._lock:
            try:
                if self._db is None or self._db.closed:
                    self._db = self._connect()
                yield self._db
            except psycopg.Error:
                raise LedgerUnavailable from None

    def _connect(self) -> psycopg.Connection[Row]:
        db = psycopg.connect(self._address, autocommit=True, connect_timeout=10)
        for statement in _SESSION:
            db.execute(statement)
        return db


class _Sql(Sql):
    def __init__(self, db: psycopg.Connection[Row]) -> None:
        self._db = db

    def rows(self, statement: str, *values: Any) -> list[Row]:
        found = self._db.execute(_own(statement), values)
        return found.fetchall() if found.description else []

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(_own(statement), values)


def _own(statement: str) -> Any:
    return statement.replace("?", "%s")


class _ManyProcesses:
    """Claims as locks of the database: they end when the process that took them ends."""

    poll_s = 0.02

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def take(self, key: Key) -> bool:
        return self._store.try_lock(key)

    def drop(self, key: Key) -> None:
        self._store.unlock(key)


class PostgresLedger(BookLedger):
    """The ledger in a PostgreSQL database, see `PostgresStore`."""

    def __init__(self, address: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        store = PostgresStore(address)
        super().__init__(Book(store, now), _ManyProcesses(store))
