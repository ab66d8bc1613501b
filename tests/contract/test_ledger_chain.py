"""What a ledger on disk keeps beyond the answers: the chain, the limits over time, and one truth for many processes."""

import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from privacy.dp.types import NanoRho
from privacy.errors import MangroveError
from privacy.ledger.book import Who
from privacy.ledger.port import BudgetExceeded, LedgerUnavailable, Limits, StoredAnswer
from privacy.ledger.postgres import PostgresLedger
from privacy.ledger.serving import BookLedger
from privacy.ledger.sqlite import SqliteLedger
from privacy.ledger.terms import ALL, DAY, partner_holder
from privacy.ledger.verifying import LedgerBroken, verify
from tests.contract.test_ledger_contract import WIDE, a_charge, paid, reserved
from tests.postgres import new_ledger

OFFICER = Who("olga", "agreed for the spring campaign")
ADA = partner_holder("ada")
UNGUARD = {
    "sqlite": [
        "DROP TRIGGER entry_no_update",
        "DROP TRIGGER entry_no_delete",
        "DROP TRIGGER entry_next",
        "DROP TRIGGER answer_no_update",
        "DROP TRIGGER answer_no_delete",
        "DROP TRIGGER account_grows",
        "DROP TRIGGER account_stays",
        "PRAGMA foreign_keys = OFF",
    ],
    "postgres": [
        "DROP TRIGGER entry_stays ON ledger_entry",
        "DROP TRIGGER answer_stays ON ledger_answer",
        "DROP TRIGGER account_grows ON ledger_account",
        "DROP TRIGGER account_stays ON ledger_account",
        "ALTER TABLE ledger_answer DROP CONSTRAINT ledger_answer_charge_fkey",
    ],
}


class Kept:
    """A ledger in one of the databases: opened again and again, and changed behind its back."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.path = folder / "ledger.sqlite"
        self.address = new_ledger() if kind == "postgres" else ""
        self.today = date(2026, 11, 21)

    def open(self) -> BookLedger:
        if self.kind == "postgres":
            return PostgresLedger(self.address, now=self.now)
        return SqliteLedger(self.path, now=self.now)

    def now(self) -> datetime:
        return datetime(self.today.year, self.today.month, self.today.day, 9, tzinfo=UTC)

    def behind(self, *statements: str) -> None:
        if self.kind == "postgres":
            with psycopg.connect(self.address, autocommit=True) as db:
                for statement in statements:
                    db.execute(statement)  # type: ignore[call-overload]
            return
        with sqlite3.connect(self.path) as other:
            for statement in statements:
                other.execute(statement)

    def tamper(self, *statements: str) -> None:
        self.behind(*UNGUARD[self.kind], *statements)


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(request.param, tmp_path)


@pytest.fixture
def told(kept: Kept) -> Kept:
    """Entries 1 declared, 2 charge, 3 commit, 4 charge, 5 abandon, 6 charge."""
    ledger = kept.open()
    paid(ledger, a_charge(100), b"the answer")
    ledger.abandon(reserved(ledger, a_charge(7, question=b"r")))
    reserved(ledger, a_charge(5, question=b"s"))
    ledger.close()
    return kept


def broken(kept: Kept, **known: Any) -> LedgerBroken:
    with pytest.raises(LedgerBroken) as error:
        verify(kept.open().book, **known)
    return error.value


def test_everything_that_happens_is_an_entry_and_fits(told: Kept) -> None:
    book = told.open().book
    assert [entry.kind for entry in book.entries()] == ["declared", "charge", "commit", "charge", "abandon", "charge"]
    found = verify(book)
    assert (found.entries, found.charges, found.answers) == (6, 3, 1)
    assert found.head == list(book.entries())[-1].hash


def test_reservation_names_its_entry(kept: Kept) -> None:
    ledger = kept.open()
    reservation = reserved(ledger, a_charge(100))
    entry = list(ledger.book.entries())[-1]
    assert (reservation.number, reservation.hash, reservation.at) == (entry.number, entry.hash, entry.time)
    assert reservation.at == kept.now()


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_answer", "ledger_account"])
def test_database_refuses_to_change_or_delete_what_was_written(told: Kept, table: str) -> None:
    lowered = "spent_nano = 0" if table == "ledger_account" else "dataset = 'x'"
    for statement in (f"UPDATE {table} SET {lowered}", f"DELETE FROM {table}"):  # noqa: S608 - both are ours
        with pytest.raises((sqlite3.Error, psycopg.Error)):
            told.behind(statement)
    assert verify(told.open().book).entries == 6


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE ledger_entry SET body = replace(body, '\"rho_nano\":7', '\"rho_nano\":1') WHERE number = 4", 4),
        ("UPDATE ledger_entry SET at = '2026-01-01T00:00:00.000000+00:00' WHERE number = 3", 3),
        ("UPDATE ledger_entry SET kind = 'commit' WHERE number = 5", 5),
        ("DELETE FROM ledger_entry WHERE number = 4", 4),
        ("DELETE FROM ledger_entry WHERE number < 3", 1),
        ("DELETE FROM ledger_answer", 2),
        ("UPDATE ledger_answer SET dataset = 'journeys'", 2),
        ("UPDATE ledger_answer SET table_version = 9", 2),
        ("UPDATE ledger_account SET spent_nano = 1 WHERE holder = 'all'", None),
        ("DELETE FROM ledger_account WHERE holder = 'day:2026-01-02'", None),
    ],
)
def test_verify_names_the_first_entry_that_does_not_fit(told: Kept, statement: str, entry: int | None) -> None:
    told.tamper(statement)
    assert broken(told).entry == entry


def test_answer_that_was_exchanged_is_found(told: Kept) -> None:
    told.tamper(
        "UPDATE ledger_answer SET answer = X'00'"
        if told.kind == "sqlite"
        else "UPDATE ledger_answer SET answer = '\\x00'"
    )
    assert broken(told).entry == 2


def test_end_that_was_cut_off_is_found_by_who_knows_an_entry(told: Kept) -> None:
    ledger = told.open()
    known = verify(ledger.book).head
    assert verify(ledger.book, known=known).head == known
    ledger.close()
    told.tamper(
        "DELETE FROM ledger_entry WHERE number = 6",
        "UPDATE ledger_account SET spent_nano = spent_nano - 5",
    )
    ledger = told.open()
    assert verify(ledger.book).entries == 5
    ledger.close()
    assert "cut off" in broken(told, known=known).sentence


def test_limit_that_was_passed_behind_the_ledgers_back_is_found(kept: Kept) -> None:
    ledger = kept.open()
    limits = replace(WIDE, partner=NanoRho(150))
    paid_charge = reserved(ledger, a_charge(100), limits)
    ledger.commit(paid_charge, b"answer")
    ledger.close()
    kept.tamper("DELETE FROM ledger_account")
    ledger = kept.open()
    reserved(ledger, a_charge(100, question=b"r"), limits)
    ledger.close()
    assert broken(kept).entry == 4


def test_budget_of_a_period_is_new_at_its_start_and_that_of_a_day_never(kept: Kept) -> None:
    limits = Limits(NanoRho(150), NanoRho(200), NanoRho(250), "quarterly")
    ledger = kept.open()
    reserved(ledger, a_charge(100), limits)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(100, question=b"r"), limits)
    assert (refusal.value.left, refusal.value.until) == (50, date(2027, 1, 1))
    assert "0.00000005 is left until 2027-01-01. Widen" in refusal.value.sentence
    assert "wait until then" in refusal.value.sentence
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(120, partner="bob"), limits)
    assert "used up until 2027-01-01" in refusal.value.sentence
    kept.today = date(2027, 1, 1)
    assert ledger.standing("ada", "conversations", limits).left == 150
    reserved(ledger, a_charge(100, question=b"r"), limits)
    kept.today = date(2027, 4, 1)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(100, question=b"s"), limits)
    assert refusal.value.scope == "days"
    reserved(ledger, a_charge(100, question=b"s", days=(8, 9)), limits)
    assert ledger.spent_by("ada", "conversations") == 300
    assert verify(ledger.book).charges == 3


def test_clock_that_is_set_back_brings_no_old_budget(kept: Kept) -> None:
    limits = replace(WIDE, partner=NanoRho(150), refresh="monthly")
    ledger = kept.open()
    reserved(ledger, a_charge(100), limits)
    kept.today = date(2026, 9, 1)
    with pytest.raises(BudgetExceeded):
        ledger.reserve(a_charge(100, question=b"r"), limits)
    assert ledger.standing("ada", "conversations", limits).until == date(2026, 12, 1)


def test_another_refresh_starts_from_what_was_spent(kept: Kept) -> None:
    ledger = kept.open()
    reserved(ledger, a_charge(100), replace(WIDE, partner=NanoRho(150)))
    for refresh in ("monthly", "quarterly", "yearly", "never"):
        with pytest.raises(BudgetExceeded):
            ledger.reserve(a_charge(100, question=b"r"), Limits(NanoRho(150), NanoRho(999), NanoRho(999), refresh))


def test_officer_limits_and_grants_count_from_the_next_question(kept: Kept) -> None:
    limits = replace(WIDE, partner=NanoRho(100), refresh="yearly")
    ledger = kept.open()
    book = ledger.book
    reserved(ledger, a_charge(100), limits)
    book.grant("conversations", ADA, NanoRho(50), limits, OFFICER)
    reserved(ledger, a_charge(50, question=b"r"), limits)
    book.limit("conversations", ADA, NanoRho(200), OFFICER)
    assert ledger.standing("ada", "conversations", limits).limit == 250
    assert ledger.standing("bob", "conversations", limits).limit == 100
    book.limit("conversations", ALL, NanoRho(170), OFFICER)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(50, question=b"s"), limits)
    assert refusal.value.scope == "dataset"
    book.limit("conversations", ALL, None, OFFICER)
    book.limit("conversations", DAY, NanoRho(160), OFFICER)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(50, question=b"s"), limits)
    assert refusal.value.scope == "days"
    kept.today = date(2027, 1, 1)
    assert ledger.standing("ada", "conversations", limits).limit == 200
    changes = [entry.facts for entry in book.entries() if entry.kind in {"grant", "limit"}]
    assert {change["why"] for change in changes} == {OFFICER.why}
    assert len(changes) == 5
    assert verify(book).charges == 2


def test_officer_changes_limits_beside_a_running_service(kept: Kept) -> None:
    limits = replace(WIDE, partner=NanoRho(100))
    ledger = kept.open()
    reserved(ledger, a_charge(100), limits)
    beside = "\n".join(
        [
            "import sys",
            "from privacy.ledger.book import Book, Who",
            "from privacy.ledger.postgres import PostgresStore",
            "from privacy.ledger.sqlite import SqliteStore",
            "from pathlib import Path",
            "store = PostgresStore(sys.argv[1]) if '://' in sys.argv[1] else SqliteStore(Path(sys.argv[1]))",
            "Book(store).limit('conversations', 'partner:ada', 300, Who('olga', 'because'))",
        ]
    )
    subprocess.run([sys.executable, "-c", beside, kept.address or str(kept.path)], check=True, timeout=60)
    reserved(ledger, a_charge(200, question=b"r"), limits)
    assert verify(ledger.book).charges == 2


def test_catalogue_that_changed_is_an_entry_once(kept: Kept) -> None:
    ledger = kept.open()
    for n, partner in enumerate((100, 100, 200, 200)):
        reserved(ledger, a_charge(1, question=bytes([n])), replace(WIDE, partner=NanoRho(partner)))
    declared = [e.facts["partner_rho_nano"] for e in ledger.book.entries() if e.kind == "declared"]
    assert declared == [100, 200]


def test_reservation_pays_for_one_answer(kept: Kept) -> None:
    ledger = kept.open()
    reservation = reserved(ledger, a_charge(100))
    ledger.abandon(reservation)
    with pytest.raises(MangroveError):
        ledger.commit(reservation, b"answer")
    assert ledger.find(a_charge(100)) is None


def test_ledger_of_an_earlier_form_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as old:
        old.execute("CREATE TABLE charge (number INTEGER PRIMARY KEY)")
    with pytest.raises(LedgerUnavailable) as refusal:
        SqliteLedger(tmp_path / "ledger.sqlite")
    assert "earlier" in refusal.value.sentence


@pytest.fixture
def shared() -> Callable[[], PostgresLedger]:
    address = new_ledger()
    return lambda: PostgresLedger(address)


def test_processes_on_one_ledger_wait_for_each_others_answers(shared: Callable[[], PostgresLedger]) -> None:
    """A second ledger object is a second session of the database, as another process would be."""
    here, there = shared(), shared()
    first = reserved(here, a_charge(100))
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(there.reserve(a_charge(100), WIDE)))
    waiting.start()
    reserved(there, a_charge(3, question=b"another"))
    assert not found
    here.commit(first, b"answer")
    waiting.join(20)
    assert found == [StoredAnswer(b"answer")]
    assert here.spent_by("ada", "conversations") == 103
    assert verify(there.book).answers == 1


def test_process_that_dies_lets_go_of_its_questions(shared: Callable[[], PostgresLedger]) -> None:
    here, there = shared(), shared()
    reserved(here, a_charge(100))
    here.close()
    reserved(there, a_charge(100))
    assert there.spent_by("ada", "conversations") == 200


def test_service_needs_no_right_to_change_what_was_written() -> None:
    """The officer's role owns the tables; the service's role can neither change entries nor take the guards away."""
    address, role = new_ledger(), f"service_{uuid.uuid4().hex}"
    PostgresLedger(address).close()
    with psycopg.connect(address, autocommit=True) as db:
        (schema,) = db.execute("SELECT current_schema()").fetchone() or ("",)
        db.execute(f"CREATE ROLE {role} LOGIN")
        db.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        db.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {role}")
        db.execute(f"GRANT UPDATE ON ledger_account TO {role}")
    own = address.replace("mangrove@", f"{role}@")
    ledger = PostgresLedger(own)
    paid(ledger, a_charge(100))
    assert verify(ledger.book).answers == 1
    ledger.close()
    for statement in (
        "DELETE FROM ledger_entry",
        "UPDATE ledger_answer SET dataset = 'x'",
        "TRUNCATE ledger_answer",
        "DROP TRIGGER entry_stays ON ledger_entry",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
    ):
        with psycopg.connect(own, autocommit=True) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement)


def test_connection_that_was_lost_is_made_anew_and_the_budget_holds(shared: Callable[[], PostgresLedger]) -> None:
    here, there = shared(), shared()
    reservation = reserved(here, a_charge(100))
    with here.book.store.reading() as sql:
        pid = sql.rows("SELECT pg_backend_pid()")[0][0]
    with there.book.store.writing() as sql:
        sql.rows("SELECT pg_terminate_backend(?)", pid)
    with pytest.raises(LedgerUnavailable):
        here.commit(reservation, b"answer")
    assert here.find(a_charge(100)) is None
    assert here.spent_by("ada", "conversations") == 100
