"""Every ledger keeps these promises: those in SQLite and PostgreSQL, and the fake."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

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
from privacy.ledger.postgres import PostgresLedger
from privacy.ledger.sqlite import SqliteLedger, read_spending
from tests.fakes.ledger import FakeLedger, FakeStorage
from tests.postgres import new_ledger

Open = Callable[..., Ledger]
WIDE = Limits(NanoRho(10**9), NanoRho(10**9), NanoRho(10**9))
DEADLINE_S = 20


@pytest.fixture(params=["sqlite", "postgres", "fake"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same ledger each time it is called; with another clock if one is given."""
    if request.param == "fake":
        storage = FakeStorage()
        return lambda **clock: FakeLedger(storage, **clock)
    if request.param == "postgres":
        address = new_ledger()
        return lambda **clock: PostgresLedger(address, **clock)
    return lambda **clock: SqliteLedger(tmp_path / "ledger" / "ledger.sqlite", **clock)


@pytest.fixture
def ledger(open_ledger: Open) -> Ledger:
    return open_ledger()


def a_charge(rho: int = 100, *, partner: str = "ada", question: bytes = b"q", days: tuple[int, int] = (1, 8)) -> Charge:
    window = (date(2026, 1, days[0]), date(2026, 1, days[1]))
    return Charge(partner, "conversations", 3, question.ljust(32), NanoRho(rho), *window)


def reserved(ledger: Ledger, charge: Charge, limits: Limits = WIDE) -> Reservation:
    found = ledger.reserve(charge, limits)
    assert isinstance(found, Reservation)
    return found


def paid(ledger: Ledger, charge: Charge, answer: bytes = b"answer") -> None:
    ledger.commit(reserved(ledger, charge), answer)


def test_reservation_is_spent_before_anything_is_answered(ledger: Ledger) -> None:
    reservation = reserved(ledger, a_charge(100))
    assert reservation.charge.rho == 100
    assert ledger.spent_by("ada", "conversations") == 100


def test_reservation_counts_as_spent_after_a_crash(open_ledger: Open) -> None:
    before = open_ledger()
    reserved(before, a_charge(100))
    before.close()
    after = open_ledger()
    assert after.spent_by("ada", "conversations") == 100
    assert after.find(a_charge(100)) is None
    reserved(after, a_charge(100))
    assert after.spent_by("ada", "conversations") == 200


def test_same_question_gives_the_stored_bytes_and_costs_nothing(open_ledger: Open) -> None:
    before = open_ledger()
    paid(before, a_charge(100), b"the answer")
    before.close()
    after = open_ledger()
    assert after.reserve(a_charge(100), WIDE) == StoredAnswer(b"the answer")
    assert after.find(a_charge(100)) == StoredAnswer(b"the answer")
    assert after.spent_by("ada", "conversations") == 100


def test_stored_answer_is_given_when_no_budget_is_left(ledger: Ledger) -> None:
    only = Limits(NanoRho(100), NanoRho(100), NanoRho(100))
    ledger.commit(reserved(ledger, a_charge(100), only), b"answer")
    assert ledger.reserve(a_charge(100), only) == StoredAnswer(b"answer")


def test_other_partner_other_version_and_other_question_pay_anew(ledger: Ledger) -> None:
    paid(ledger, a_charge(100))
    others = [
        a_charge(100, partner="bob"),
        replace(a_charge(100), table_version=4),
        a_charge(100, question=b"r"),
        replace(a_charge(100), dataset="journeys"),
    ]
    for other in others:
        assert ledger.find(other) is None
        reserved(ledger, other)
    assert ledger.spent_by("ada", "conversations") == 300
    assert ledger.spent_by("bob", "conversations") == 100
    assert ledger.spent_by("ada", "journeys") == 100


def test_a_partner_cannot_pass_its_limit_and_is_told_what_is_left(ledger: Ledger) -> None:
    limits = replace(WIDE, partner=NanoRho(12_500_000))
    reserved(ledger, a_charge(8_500_000), limits)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(12_000_000, question=b"r"), limits)
    assert (refusal.value.scope, refusal.value.left) == ("partner", 4_000_000)
    assert "costs rho 0.012, 0.004 is left" in refusal.value.sentence
    assert "±180" in refusal.value.with_wider_error(180).sentence
    assert ledger.spent_by("ada", "conversations") == 8_500_000
    reserved(ledger, a_charge(4_000_000, question=b"s"), limits)


def test_all_partners_together_cannot_pass_the_datasets_limit(ledger: Ledger) -> None:
    limits = replace(WIDE, dataset=NanoRho(150))
    reserved(ledger, a_charge(100), limits)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(100, partner="bob"), limits)
    assert (refusal.value.scope, refusal.value.left) == ("dataset", None)
    assert not any(digit in refusal.value.sentence for digit in "0123456789")


def test_a_day_cannot_be_asked_about_beyond_its_limit(ledger: Ledger) -> None:
    limits = replace(WIDE, day=NanoRho(150))
    reserved(ledger, a_charge(100, days=(5, 10)), limits)
    with pytest.raises(BudgetExceeded) as refusal:
        ledger.reserve(a_charge(100, partner="bob", days=(9, 12)), limits)
    assert refusal.value.scope == "days"
    assert not any(digit in refusal.value.sentence for digit in "0123456789")
    for n, days in enumerate([(1, 5), (10, 20)]):
        reserved(ledger, a_charge(100, question=bytes([n]), days=days), limits)


def test_a_refusal_charges_nobody(ledger: Ledger) -> None:
    none_left = replace(WIDE, day=NanoRho(1))
    with pytest.raises(BudgetExceeded):
        ledger.reserve(a_charge(100), none_left)
    assert ledger.spent_by("ada", "conversations") == 0
    reserved(ledger, a_charge(10**9))


def test_the_second_of_two_same_questions_waits_for_the_first(ledger: Ledger) -> None:
    first = reserved(ledger, a_charge(100))
    found: list[Reservation | StoredAnswer] = []
    waiting = threading.Thread(target=lambda: found.append(ledger.reserve(a_charge(100), WIDE)))
    waiting.start()
    reserved(ledger, a_charge(7, question=b"another"))
    assert not found
    ledger.commit(first, b"answer")
    waiting.join(DEADLINE_S)
    assert found == [StoredAnswer(b"answer")]
    assert ledger.spent_by("ada", "conversations") == 107


def test_who_waits_for_an_abandoned_reservation_pays_itself(ledger: Ledger) -> None:
    first = reserved(ledger, a_charge(100))
    found: list[Reservation | StoredAnswer] = []
    waiting = threading.Thread(target=lambda: found.append(ledger.reserve(a_charge(100), WIDE)))
    waiting.start()
    ledger.abandon(first)
    waiting.join(DEADLINE_S)
    assert isinstance(found[0], Reservation)
    assert ledger.spent_by("ada", "conversations") == 200


def test_abandoning_after_a_commit_does_nothing(ledger: Ledger) -> None:
    reservation = reserved(ledger, a_charge(100))
    ledger.commit(reservation, b"answer")
    ledger.abandon(reservation)
    assert ledger.find(a_charge(100)) == StoredAnswer(b"answer")


def test_limits_hold_when_many_reserve_at_once(ledger: Ledger) -> None:
    limits = Limits(NanoRho(1000), NanoRho(2500), NanoRho(2500))
    partners = ["ada", "bob", "eve"]

    def ask(n: int) -> bool:
        try:
            reservation = reserved(ledger, a_charge(100, partner=partners[n % 3], question=str(n).encode()), limits)
        except BudgetExceeded:
            return False
        ledger.commit(reservation, b"answer")
        return True

    with ThreadPoolExecutor(32) as pool:
        granted = sum(pool.map(ask, range(96)))
    spent = [ledger.spent_by(partner, "conversations") for partner in partners]
    assert granted == 25
    assert sum(spent) == 2500
    assert max(spent) <= 1000


def test_the_same_question_asked_by_many_at_once_is_paid_once(ledger: Ledger) -> None:
    def ask(n: int) -> bytes:
        found = ledger.reserve(a_charge(100), WIDE)
        if isinstance(found, StoredAnswer):
            return found.answer
        answer = f"answer {n}".encode()
        ledger.commit(found, answer)
        return answer

    with ThreadPoolExecutor(32) as pool:
        answers = set(pool.map(ask, range(64)))
    assert len(answers) == 1
    assert ledger.spent_by("ada", "conversations") == 100


def test_a_second_process_cannot_open_a_ledger_in_use(tmp_path: Path) -> None:
    first = SqliteLedger(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerUnavailable):
        SqliteLedger(tmp_path / "ledger.sqlite")
    first.close()
    SqliteLedger(tmp_path / "ledger.sqlite").close()


def test_ledger_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
        other.execute("DROP TABLE ledger_account")
    with pytest.raises(LedgerUnavailable):
        ledger.reserve(a_charge(), WIDE)
    with pytest.raises(LedgerUnavailable):
        SqliteLedger(tmp_path / "ledger.sqlite" / "below a file")


def test_accounts_equal_the_charges_they_sum_up(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    for n, (partner, days) in enumerate([("ada", (1, 3)), ("bob", (2, 9)), ("ada", (1, 2))]):
        reserved(ledger, a_charge(10 + n, partner=partner, question=bytes([n]), days=days))
    assert read_spending(tmp_path / "ledger.sqlite") == {
        ("conversations", "all"): 33,
        ("conversations", "partner:ada"): 22,
        ("conversations", "partner:bob"): 11,
    }
    ledger.close()
    assert read_spending(tmp_path / "ledger.sqlite")["conversations", "all"] == 33


def test_ledger_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.sqlite").close()
    assert (tmp_path / "ledger.sqlite").stat().st_mode & 0o077 == 0
