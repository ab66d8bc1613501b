"""The handlers over a real mart and a ledger in memory."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from privacy.ledger.port import BudgetExceeded
from services.private_query.catalogue import DatasetUnknown, load_catalogue
from services.private_query.engine import DeltaEngine
from services.private_query.handlers import get_budget, preview_query, run_query
from services.private_query.planning import plan
from services.private_query.ports import Answer, DatasetUnavailable, Ports
from services.private_query.question import (
    AskedMeasure,
    Between,
    Equals,
    Filter,
    OneOf,
    Question,
    RhoPrice,
    TargetError,
)
from spark_jobs.lake import tables
from tests.fakes.ledger import FakeLedger
from tests.unit.private_query.homes import DAYS, FIRST_DAY, conversations, make_home, write_mart

PEOPLE = 60
MUCH = 10_000_000_000


class Asked:
    """A partner before the handlers; keeps the last answer as it was before it was encoded."""

    def __init__(self, folder: Path, partner: str = "ada") -> None:
        self.folder = folder
        self.partner = partner
        self.answers: list[Answer] = []
        self.ports = Ports(
            load_catalogue(folder / "catalogue.toml"),
            DeltaEngine(str(folder / "lake")),
            FakeLedger(),
            b"t" * 32,
            self._encode,
        )

    def _encode(self, answer: Answer) -> bytes:
        self.answers.append(answer)
        return repr(answer).encode()

    def run(self, **changes: Any) -> Answer:
        run_query(a_question(**changes), partner=self.partner, ports=self.ports)
        return self.answers[-1]


def a_question(**changes: Any) -> Question:
    question = Question(
        dataset="conversations",
        measures=(AskedMeasure("count"),),
        group_by=(),
        filters=(),
        from_day=FIRST_DAY.isoformat(),
        until_day=(FIRST_DAY + timedelta(days=DAYS)).isoformat(),
        price=RhoPrice(MUCH),
    )
    return replace(question, **changes)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """An installation whose bounds cut nobody off and whose budget buys nearly exact answers."""
    home = make_home(tmp_path, people=PEOPLE, partner_rho_nano=10**12, dataset_rho_nano=10**12)
    catalogue = home.folder / "catalogue.toml"
    text = catalogue.read_text().replace("day_rho_nano = 1_000_000_000", "day_rho_nano = 1_000_000_000_000")
    text = text.replace("max_groups_per_person = 4", "max_groups_per_person = 8")
    catalogue.write_text(text.replace("max_rows_per_group = 3", "max_rows_per_group = 8"))
    return Asked(home.folder)


def mart() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = conversations(PEOPLE).to_pylist()
    return rows


def counts(answer: Answer) -> dict[tuple[str, ...], tuple[float, float]]:
    return {keys: (estimates[0].low, estimates[0].high) for keys, estimates in answer.rows}


def holds(answer: Answer, keys: tuple[str, ...], truth: int) -> bool:
    low, high = counts(answer)[keys]
    width = 40
    return low - width <= truth <= high + width


def test_count_is_near_the_truth(asked: Asked) -> None:
    answer = asked.run()
    assert holds(answer, (), len(mart()))
    assert answer.guarantee.noise[0].half_width < 10


@pytest.mark.parametrize(
    ("fits", "keep"),
    [
        (Filter("channel", OneOf(("web", "app"))), lambda r: r["channel"] in {"web", "app"}),
        (Filter("language", OneOf(("zh",))), lambda r: r["language"] == "zh"),
        (Filter("handed_over", Equals(False)), lambda r: r["handed_over"] is False),
        (Filter("wait_s", Between(10, 60)), lambda r: r["wait_s"] in {10, 60}),
        (Filter("wait_s", Between(None, 10)), lambda r: r["wait_s"] == 10),
        (Filter("wait_s", Between(600, None)), lambda r: r["wait_s"] == 600),
        (Filter("turns", Between(10, 20)), lambda r: 10 <= r["turns"] <= 20),
    ],
)
def test_filters_keep_the_rows_that_fit_and_drop_those_without_a_value(asked: Asked, fits: Filter, keep: Any) -> None:
    engine = asked.ports.engine
    asked_for = plan(a_question(filters=(fits,)), asked.ports.catalogue.get("conversations", "ada"))
    rows = engine.read(engine.pin(asked_for.dataset), asked_for)
    assert sorted(rows["row_token"].to_pylist()) == sorted(r["row_token"] for r in mart() if keep(r))


def test_window_is_half_open(asked: Asked) -> None:
    window = {"from_day": "2026-01-05", "until_day": "2026-01-07"}
    asked_for = plan(a_question(group_by=("day",), **window), asked.ports.catalogue.get("conversations", "ada"))
    engine = asked.ports.engine
    rows = engine.read(engine.pin(asked_for.dataset), asked_for)
    truth = [r["row_token"] for r in mart() if r["day"].day in {5, 6}]
    assert sorted(rows["row_token"].to_pylist()) == sorted(truth)
    assert set(rows["day"].to_pylist()) == {"2026-01-05", "2026-01-06"}


def test_groups_are_counted_where_they_belong(asked: Asked) -> None:
    answer = asked.run(group_by=("week", "handed_over"))
    assert answer.key_columns == ("week", "handed_over")
    for week, handed_over in [("2026-W01", "true"), ("2026-W03", "false")]:
        number = int(week[-2:])
        truth = sum(
            r["day"].isocalendar().week == number and str(r["handed_over"]).lower() == handed_over for r in mart()
        )
        assert holds(answer, (week, handed_over), truth)


def test_languages_outside_the_public_keys_are_not_shown(asked: Asked) -> None:
    answer = asked.run(group_by=("language",))
    assert [keys for keys, _ in answer.rows] == [("zh",), ("en",)]
    assert holds(answer, ("zh",), sum(r["language"] == "zh" for r in mart()))


def test_sum_and_mean_leave_out_rows_without_a_value(asked: Asked) -> None:
    waits = [r["wait_s"] for r in mart() if r["wait_s"] is not None]
    answer = asked.run(
        measures=(AskedMeasure("persons"), AskedMeasure("sum", "wait_s"), AskedMeasure("mean", "wait_s"))
    )
    ((_, (persons, total, mean)),) = answer.rows
    assert abs(persons.value - PEOPLE) < 20
    assert total.low - 60_000 <= sum(waits) <= total.high + 60_000
    assert mean.low - 200 <= sum(waits) / len(waits) <= mean.high + 200


def test_answer_states_its_guarantee(asked: Asked) -> None:
    told = asked.run(group_by=("channel",), price=RhoPrice(20_000_000)).guarantee
    assert (told.dataset, told.table_version, told.identity_version) == ("conversations", 0, 0)
    assert (told.rho, told.delta) == (20_000_000, 1e-6)
    assert 0 < told.epsilon < 2
    assert (told.max_groups_per_person, told.max_rows_per_group) == (7, 8)


def test_identity_version_is_read_from_the_lake(asked: Asked) -> None:
    for version in (1, 2):
        row = {"version": version, "token": "t", "previous_person_id": None, "person_id": f"p{version}"}
        rows = pa.Table.from_pylist([row], schema=tables.IDENTITY_HISTORY.schema)
        write_mart(asked.folder, tables.IDENTITY_HISTORY, rows)
        assert asked.run(price=RhoPrice(10_000 + version)).guarantee.identity_version == version


def test_same_question_is_answered_from_the_ledger_until_the_table_changes(asked: Asked) -> None:
    question = a_question(price=RhoPrice(1_000_000))
    first = run_query(question, partner="ada", ports=asked.ports)
    again = run_query(question, partner="ada", ports=asked.ports)
    assert (first.reused, again.reused) == (False, True)
    assert again.answer == first.answer
    write_mart(asked.folder, tables.PRIVATE_CONVERSATIONS, conversations(3, seed=9))
    assert not run_query(question, partner="ada", ports=asked.ports).reused
    assert get_budget("conversations", partner="ada", ports=asked.ports).spent == 2_000_000


def test_another_partner_gets_other_noise_and_pays_itself(asked: Asked) -> None:
    question = a_question(price=RhoPrice(1_000), group_by=("channel", "day"))
    first = run_query(question, partner="ada", ports=asked.ports)
    other = run_query(question, partner="bob", ports=asked.ports)
    assert first.answer != other.answer
    assert get_budget("conversations", partner="bob", ports=asked.ports).spent == 1_000


def test_preview_reads_nothing_costs_nothing_and_tells_what_the_answer_will_state(asked: Asked) -> None:
    question = a_question(price=TargetError(25.0), group_by=("channel",))
    preview = preview_query(question, partner="ada", ports=asked.ports)
    assert get_budget("conversations", partner="ada", ports=asked.ports).spent == 0
    told = asked.run(price=TargetError(25.0), group_by=("channel",)).guarantee
    assert (preview.price, preview.epsilon, preview.noise) == (told.rho, told.epsilon, told.noise)
    assert preview.noise[0].half_width <= 25
    assert preview.affordable and preview.groups == 7


def test_missing_mart_charges_nothing(asked: Asked) -> None:
    with pytest.raises(DatasetUnavailable):
        run_query(a_question(dataset="journeys"), partner="bob", ports=asked.ports)
    assert get_budget("journeys", partner="bob", ports=asked.ports).spent == 0


def test_mart_with_other_columns_is_unavailable_and_charges_nothing(asked: Asked) -> None:
    rows = pa.table({"person_id": ["p"], "day": pa.array([FIRST_DAY])})
    write_mart(asked.folder, tables.PRIVATE_JOURNEYS, rows)
    with pytest.raises(DatasetUnavailable):
        run_query(a_question(dataset="journeys"), partner="bob", ports=asked.ports)
    assert get_budget("journeys", partner="bob", ports=asked.ports).spent == 0


def test_dataset_of_another_partner_is_unknown(asked: Asked) -> None:
    for handler in (run_query, preview_query):
        with pytest.raises(DatasetUnknown):
            handler(a_question(dataset="journeys"), partner="ada", ports=asked.ports)
    with pytest.raises(DatasetUnknown):
        get_budget("journeys", partner="ada", ports=asked.ports)


def test_refusal_for_budget_names_a_target_error_that_is_then_paid(tmp_path: Path) -> None:
    asked = Asked(make_home(tmp_path, people=5, partner_rho_nano=1_000_000).folder)
    with pytest.raises(BudgetExceeded) as refusal:
        asked.run(price=TargetError(10.0))
    wider = int(refusal.value.sentence.split("±")[1].split(",")[0])
    assert asked.run(price=TargetError(float(wider))).guarantee.rho <= 1_000_000


def test_failure_after_the_reservation_counts_as_spent_and_lets_the_next_one_in(asked: Asked) -> None:
    def fails(answer: Answer) -> bytes:
        raise RuntimeError("encoder")

    broken = replace(asked.ports, encode=fails)
    with pytest.raises(RuntimeError):
        run_query(a_question(price=RhoPrice(5_000)), partner="ada", ports=broken)
    assert get_budget("conversations", partner="ada", ports=asked.ports).spent == 5_000
    assert not run_query(a_question(price=RhoPrice(5_000)), partner="ada", ports=asked.ports).reused
    assert get_budget("conversations", partner="ada", ports=asked.ports).spent == 10_000


def test_secrets_are_not_in_the_representation_of_the_ports(asked: Asked) -> None:
    assert "tttt" not in repr(asked.ports)
