"""The ledger in one SQLite file: WAL, an fsync at every commit, one process at a time."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from privacy.dp.types import NanoRho
from privacy.ledger.port import (
    BudgetExceeded,
    Charge,
    Ledger,
    LedgerUnavailable,
    Limits,
    Reservation,
    StoredAnswer,
)

WAIT_S = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charge (
    number INTEGER PRIMARY KEY,
    partner TEXT NOT NULL,
    dataset TEXT NOT NULL,
    table_version INTEGER NOT NULL,
    question BLOB NOT NULL,
    rho_nano INTEGER NOT NULL CHECK (rho_nano > 0),
    from_day TEXT NOT NULL,
    until_day TEXT NOT NULL,
    reserved_at TEXT NOT NULL,
    answer BLOB
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_answer
    ON charge (partner, dataset, table_version, question) WHERE answer IS NOT NULL;
CREATE TABLE IF NOT EXISTS account (
    dataset TEXT NOT NULL,
    holder TEXT NOT NULL,
    spent_nano INTEGER NOT NULL CHECK (spent_nano >= 0),
    PRIMARY KEY (dataset, holder)
) STRICT, WITHOUT ROWID;
"""

_FIND = """
SELECT answer FROM charge
WHERE partner = ? AND dataset = ? AND table_version = ? AND question = ? AND answer IS NOT NULL
"""

_MOST_SPENT_DAY = """
SELECT coalesce(max(spent_nano), 0) FROM account WHERE dataset = ? AND holder >= ? AND holder < ?
"""

_CHARGE = """
INSERT INTO charge (partner, dataset, table_version, question, rho_nano, from_day, until_day, reserved_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

_COMMIT = "UPDATE charge SET answer = ? WHERE number = ?"

_SPEND = """
INSERT INTO account (dataset, holder, spent_nano) VALUES (?, ?, ?)
ON CONFLICT (dataset, holder) DO UPDATE SET spent_nano = spent_nano + excluded.spent_nano
"""

_ALL = "all"


def _partner(name: str) -> str:
    return f"partner:{name}"


class SqliteLedger(Ledger):
    """The ledger in the file at `path`, made with mode 0600 if it is missing.

    A lock beside it keeps a second process out, so that a reservation without an answer is either pending in
    this process or was cut off by a crash: then it stays spent and the same question is charged again.

    Raises:
        LedgerUnavailable: if another process holds the ledger, or it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._changed = threading.Condition()
        self._pending: set[tuple[str, str, int, bytes]] = set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except BlockingIOError:
            os.close(self._lock_file)
            raise LedgerUnavailable(
                "Another process holds the ledger. Stop it first: a ledger has one writer."
            ) from None
        except (OSError, sqlite3.Error):
            raise LedgerUnavailable("The ledger cannot be opened. Check that its file can be written.") from None

    def find(self, charge: Charge) -> StoredAnswer | None:
        """Look up the answer that was committed for the same charge."""
        with self._changed, _unavailable():
            return self._find(charge)

    def reserve(self, charge: Charge, limits: Limits) -> Reservation | StoredAnswer:
        """Spend durably, or give the stored answer; wait while the same charge is pending."""
        with self._changed, _unavailable():
            if not self._changed.wait_for(lambda: charge.key not in self._pending, timeout=WAIT_S):
                raise LedgerUnavailable
            stored = self._find(charge)
            if stored is not None:
                return stored
            with self._transaction():
                self._check(charge, limits)
                number = self._spend(charge)
            self._pending.add(charge.key)
            return self._grant(charge, number)

    def commit(self, reservation: Reservation, answer: bytes) -> None:
        """Store the answer durably, and wake who waits for it."""
        with self._changed, _unavailable():
            with self._transaction():
                self._db.execute(_COMMIT, (answer, reservation.number))
            self._let_go(reservation)

    def abandon(self, reservation: Reservation) -> None:
        """Give up a reservation: its rho stays spent, and whoever waits for it goes on."""
        with self._changed:
            self._let_go(reservation)

    def spent_by(self, partner: str, dataset: str) -> NanoRho:
        """Sum up what a partner has spent on a dataset."""
        with self._changed, _unavailable():
            return self._spent(dataset, _partner(partner))

    def close(self) -> None:
        """Close the file and let another process in."""
        with self._changed:
            self._db.close()
            os.close(self._lock_file)

    def _find(self, charge: Charge) -> StoredAnswer | None:
        row = self._db.execute(_FIND, charge.key).fetchone()
        return StoredAnswer(row[0]) if row else None

    def _spent(self, dataset: str, holder: str) -> NanoRho:
        query = "SELECT spent_nano FROM account WHERE dataset = ? AND holder = ?"
        row = self._db.execute(query, (dataset, holder)).fetchone()
        return NanoRho(row[0] if row else 0)

    def _check(self, charge: Charge, limits: Limits) -> None:
        own = self._spent(charge.dataset, _partner(charge.partner))
        if own + charge.rho > limits.partner:
            raise BudgetExceeded("partner", charge.rho, NanoRho(max(0, limits.partner - own)))
        if self._spent(charge.dataset, _ALL) + charge.rho > limits.dataset:
            raise BudgetExceeded("dataset", charge.rho)
        days = (charge.dataset, f"day:{charge.from_day}", f"day:{charge.until_day}")
        if self._db.execute(_MOST_SPENT_DAY, days).fetchone()[0] + charge.rho > limits.day:
            raise BudgetExceeded("days", charge.rho)

    def _spend(self, charge: Charge) -> int:
        window = (charge.from_day.isoformat(), charge.until_day.isoformat())
        cursor = self._db.execute(_CHARGE, (*charge.key, charge.rho, *window, datetime.now(UTC).isoformat()))
        holders = [_partner(charge.partner), _ALL, *(f"day:{day}" for day in charge.days)]
        self._db.executemany(_SPEND, [(charge.dataset, holder, charge.rho) for holder in holders])
        return int(cursor.lastrowid or 0)

    def _let_go(self, reservation: Reservation) -> None:
        self._pending.discard(reservation.charge.key)
        self._changed.notify_all()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error:
        raise LedgerUnavailable from None


def read_spending(path: Path) -> dict[tuple[str, str], NanoRho]:
    """Read what was spent as (dataset, holder) → nano-rho, also beside a running service.

    A holder is `partner:NAME` or `all`; days are left out.

    Raises:
        LedgerUnavailable: if there is no ledger or it cannot be read.
    """
    query = "SELECT dataset, holder, spent_nano FROM account WHERE holder NOT LIKE 'day:%'"
    with _unavailable():
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return {(dataset, holder): NanoRho(spent) for dataset, holder, spent in db.execute(query)}
        finally:
            db.close()
