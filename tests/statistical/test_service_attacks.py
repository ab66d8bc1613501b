"""Attacks through the handlers: replaying, rephrasing, comparing errors and sizes, and spending block by block."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from privacy.dp.conversion import epsilon_at
from privacy.dp.types import NanoRho
from privacy.errors import MangroveError
from privacy.ledger.port import BudgetExceeded, Charge, Limits, Reservation, StoredAnswer
from services.private_query import checking, planning
from services.private_query.handlers import run_query
from services.private_query.question import AskedMeasure, Between, Filter, OneOf, RhoPrice
from spark_jobs.lake import tables
from tests.fakes.ledger import FakeLedger
from tests.statistical.attacks import Leak, size
from tests.unit.private_query.asking import Asked, a_question
from tests.unit.private_query.homes import conversations, make_home, write_mart

RHO = NanoRho(1_000_000)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(make_home(tmp_path, people=50).folder)


def replay(asked: Asked) -> None:
    """1,000 times the same question, in the long form: the same bytes, and one charge."""
    question = a_question(price=RhoPrice(RHO), group_by=("channel",))
    first = run_query(question, partner="ada", ports=asked.ports).answer
    for _ in range(size(100, 1_000) - 1):
        if run_query(question, partner="ada", ports=asked.ports).answer != first:
            raise Leak("A repeated question is answered with new noise.")
    if asked.ports.ledger.spent_by("ada", "conversations") != RHO:
        raise Leak("A repeated question is charged again.")


def rephrase(asked: Asked) -> None:
    """The same question in other words: filters and values in another order, values twice. Asked by day, as two noises
    of 30 numbers are never the same by chance, and two noises of one number are now and then."""
    turns = Filter("turns", Between(1, 40))
    phrases: list[dict[str, Any]] = [
        {"filters": (Filter("channel", OneOf(("web", "app"))), turns)},
        {"filters": (turns, Filter("channel", OneOf(("app", "web", "web"))))},
        {"filters": (turns, Filter("channel", OneOf(("web", "app")))), "max_rows_per_group": 3},
    ]
    questions = [a_question(price=RhoPrice(RHO), group_by=("day",), **phrase) for phrase in phrases]
    if len({run_query(question, partner="ada", ports=asked.ports).answer for question in questions}) > 1:
        raise Leak("A question in other words is answered with new noise.")


def test_replaying_and_rephrasing_learn_nothing(asked: Asked) -> None:
    replay(asked)
    rephrase(asked)


def test_the_attacks_find_a_ledger_that_forgets_and_a_question_that_is_not_made_canonical(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defences taken out."""
    with monkeypatch.context() as patch:
        patch.setattr(planning, "canonical", lambda condition: condition)
        patch.setattr(checking, "canonical", lambda condition: condition)
        with pytest.raises(Leak):
            rephrase(asked)

    class Forgetful(FakeLedger):
        def find(self, charge: Charge) -> StoredAnswer | None:
            return None

    asked.ports = replace(asked.ports, ledger=Forgetful())
    with pytest.raises(Leak):
        replay(asked)


def with_and_without_a_heavy_user(folder: Path) -> Iterator[Asked]:
    for name in ("with", "without"):
        home = make_home(folder / name, people=30)
        heavy = conversations(1, seed=3).to_pylist()[0] | {"person_id": "heavy", "wait_s": 2**63 - 1, "turns": -(2**63)}
        rows = [heavy | {"row_token": f"heavy-{n}", "channel": "social"} for n in range(3000)]
        own = rows if name == "with" else conversations(1, seed=4).to_pylist()
        write_mart(home.folder, tables.PRIVATE_CONVERSATIONS, pa.Table.from_pylist(own, schema=_SCHEMA))
        yield Asked(home.folder)


_SCHEMA = tables.PRIVATE_CONVERSATIONS.schema
_ASKED: tuple[dict[str, Any], ...] = (
    {"group_by": ("channel", "week"), "measures": (AskedMeasure("sum", "wait_s"), AskedMeasure("mean", "turns"))},
    {"group_by": ("channel",), "measures": (AskedMeasure("quantiles", "wait_s", (500,)),), "dropped_share": True},
    {"group_by": ("day",), "filters": (Filter("channel", OneOf(("social",))),)},
    {"measures": (AskedMeasure("variance", "turns"), AskedMeasure("histogram", "wait_s"))},
    {"measures": (AskedMeasure("count"),), "price": RhoPrice(900_000_000)},
    {"measures": (AskedMeasure("sum", "channel"),)},
    {"dataset": "journeys"},
)


def told(asked: Asked) -> list[tuple[str, int]]:
    """What a partner sees besides the numbers: the error, or the size of the answer."""
    seen = []
    for changes in _ASKED:
        try:
            answered = run_query(a_question(**({"price": RhoPrice(RHO)} | changes)), partner="ada", ports=asked.ports)
        except MangroveError as error:
            seen.append((f"{error.reason} {error.sentence}", 0))
        else:
            seen.append(("answered", len(answered.answer)))
    return seen


def test_errors_and_sizes_are_the_same_with_and_without_a_heavy_user(tmp_path: Path) -> None:
    with_user, without = (told(asked) for asked in with_and_without_a_heavy_user(tmp_path))
    assert with_user == without
    assert {what for what, _ in with_user} > {"answered"}


def test_the_attack_finds_answers_that_leave_out_empty_groups(tmp_path: Path) -> None:
    """The defence taken out: groups come from the data."""

    def sparse(asked: Asked) -> list[tuple[str, int]]:
        honest = asked.ports.encode

        def only_there(answer: Any, reservation: Reservation) -> bytes:
            exact = asked.exact(group_by=answer.key_columns)
            there = exact.vectors[0][0].tolist()
            rows = tuple(row for row, count in zip(answer.rows, there, strict=True) if count)
            return honest(replace(answer, rows=rows), reservation)

        asked.ports = replace(asked.ports, encode=only_there)
        return told(asked)

    with_user, without = (sparse(asked) for asked in with_and_without_a_heavy_user(tmp_path))
    assert with_user != without


def questions_until_refused(limits: Limits, windows: list[tuple[date, date]], price: NanoRho) -> int:
    """Ask about the windows in turn, until each of them is refused."""
    ledger, asked = FakeLedger(), 0
    for from_day, until_day in windows:
        while True:
            charge = Charge("ada", "conversations", 0, asked.to_bytes(32), price, from_day, until_day)
            try:
                reservation = ledger.reserve(charge, limits)
            except BudgetExceeded:
                break
            assert isinstance(reservation, Reservation)
            ledger.abandon(reservation)
            asked += 1
    return asked


def test_weekly_windows_over_90_daily_blocks_pay_for_20_times_the_questions_of_one_budget() -> None:
    """At noise 28.3, delta 1e-6 and epsilon 1: one budget under basic composition pays for 20 questions, under zCDP
    for 38, blocks of days under zCDP for 38 in each of 12 weeks."""
    price = NanoRho(round(1e9 / (2 * 28.3**2)))
    budget = NanoRho(38 * price)
    assert epsilon_at(budget, 1e-6) <= 1
    unlimited = NanoRho(10**15)
    first = date(2026, 1, 1)
    weeks = list(pairwise(first + timedelta(days=n) for n in range(0, 91, 7)))[:12]
    in_blocks = questions_until_refused(Limits(unlimited, unlimited, budget), weeks, price)
    at_once = questions_until_refused(Limits(unlimited, budget, unlimited), weeks, price)
    assert (in_blocks, at_once) == (12 * 38, 38)
    assert in_blocks >= 20 * 20
