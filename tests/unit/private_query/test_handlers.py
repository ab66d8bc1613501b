"""The handlers over a real mart and a ledger in memory."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from privacy.dp.keys import PublicKeys
from privacy.ledger.port import BudgetExceeded, Reservation
from services.private_query.catalogue import DatasetUnknown, load_catalogue
from services.private_query.engine import DeltaEngine
from services.private_query.handlers import get_budget, preview_query, run_query
from services.private_query.ports import Answer, DatasetUnavailable
from services.private_query.question import (
    AskedMeasure,
    Between,
    Equals,
    Filter,
    OneOf,
    RhoPrice,
    TargetError,
)
from spark_jobs.lake import tables
from tests.unit.private_query.asking import Asked, a_question
from tests.unit.private_query.homes import DAYS, FIRST_DAY, conversations, make_home, write_mart

PEOPLE = 60


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
        (Filter("turns", Between(-(2**63), 2**63 - 1)), lambda r: True),
        (Filter("outcome", OneOf(("open", "escalated"))), lambda r: False),
    ],
)
def test_filters_keep_the_rows_that_fit_and_drop_those_without_a_value(asked: Asked, fits: Filter, keep: Any) -> None:
    by_day = asked.exact(filters=(fits,), group_by=("day",)).vectors[0][0]
    days = [r["day"] for r in mart() if keep(r)]
    assert by_day.tolist() == [days.count(FIRST_DAY + timedelta(days=n)) for n in range(DAYS)]


def test_window_is_half_open(asked: Asked) -> None:
    exact = asked.exact(group_by=("day",), from_day="2026-01-05", until_day="2026-01-07")
    assert isinstance(exact.keys, PublicKeys)
    assert list(exact.keys.combinations()) == [("2026-01-05",), ("2026-01-06",)]
    assert exact.vectors[0][0].tolist() == [sum(r["day"].day == day for r in mart()) for day in (5, 6)]


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


def test_answer_names_the_identity_version_of_its_mart_and_not_the_newest(asked: Asked) -> None:
    def told() -> int:
        return asked.run().guarantee.identity_version

    assert told() == 0
    write_mart(asked.folder, tables.PRIVATE_CONVERSATIONS, conversations(1, seed=2), identity_version=3)
    assert told() == 3
    moved = {"version": 4, "token": "t", "previous_person_id": "p", "person_id": "q"}
    write_mart(
        asked.folder,
        tables.IDENTITY_HISTORY,
        pa.Table.from_pylist([moved], schema=tables.IDENTITY_HISTORY.schema),
        identity_version=4,
    )
    assert told() == 3
    write_mart(asked.folder, tables.PRIVATE_CONVERSATIONS, conversations(1, seed=3))
    assert told() == 3
    write_mart(asked.folder, tables.PRIVATE_CONVERSATIONS, conversations(1, seed=4), identity_version=4)
    assert told() == 4


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
    def fails(answer: Answer, _reservation: Reservation) -> bytes:
        raise RuntimeError("encoder")

    broken = replace(asked.ports, encode=fails)
    with pytest.raises(RuntimeError):
        run_query(a_question(price=RhoPrice(5_000)), partner="ada", ports=broken)
    assert get_budget("conversations", partner="ada", ports=asked.ports).spent == 5_000
    assert not run_query(a_question(price=RhoPrice(5_000)), partner="ada", ports=asked.ports).reused
    assert get_budget("conversations", partner="ada", ports=asked.ports).spent == 10_000


def test_secrets_are_not_in_the_representation_of_the_ports(asked: Asked) -> None:
    assert "tttt" not in repr(asked.ports)


def test_variance_quantiles_histogram_and_ratio_are_near_the_truth(asked: Asked) -> None:
    given = [r["satisfaction"] for r in mart() if r["satisfaction"] is not None]
    answer = asked.run(
        measures=(
            AskedMeasure("variance", "satisfaction"),
            AskedMeasure("quantiles", "satisfaction", (100, 500, 900)),
            AskedMeasure("histogram", "satisfaction"),
            AskedMeasure("ratio", share_of=Filter("outcome", OneOf(("resolved",)))),
        )
    )
    ((_, found),) = answer.rows
    by_name = dict(zip(answer.measure_columns, found, strict=True))
    mean = sum(given) / len(given)
    truth = {"variance_satisfaction": sum((v - mean) ** 2 for v in given) / len(given)}
    truth |= {f"p{p}_satisfaction": sorted(given)[len(given) * p // 100] for p in (10, 50, 90)}
    truth |= {f"histogram_satisfaction_from_{v}": given.count(v) for v in range(1, 6)}
    truth["ratio_outcome"] = sum(r["outcome"] == "resolved" for r in mart()) / len(mart())
    assert set(by_name) == set(truth)
    slack = {"histogram": 40, "variance": 1.5, "p": 0, "ratio": 0.15}
    for name, value in truth.items():
        room = next(most for start, most in slack.items() if name.startswith(start))
        assert by_name[name].low - room <= value <= by_name[name].high + room


def test_two_ratios_on_one_column_have_names_of_their_own(asked: Asked) -> None:
    shares = [AskedMeasure("ratio", share_of=Filter("outcome", OneOf((v,)))) for v in ("resolved", "abandoned")]
    answer = asked.run(measures=tuple(shares))
    assert answer.measure_columns == ("ratio_outcome", "ratio_outcome_2")
    ((_, (resolved, abandoned)),) = answer.rows
    assert abs(resolved.value + abandoned.value - 1) < 0.3


def with_unknown_language(asked: Asked) -> None:
    catalogue = asked.folder / "catalogue.toml"
    catalogue.write_text(catalogue.read_text().replace('values = ["zh", "en"]', "unknown = true"))
    asked.ports = replace(asked.ports, catalogue=load_catalogue(catalogue))


def test_unknown_groups_are_found_and_those_of_few_are_not(asked: Asked) -> None:
    alone = conversations(1, seed=5).to_pylist()[0] | {"language": "xx", "person_id": "alone", "row_token": "alone"}
    rows = pa.Table.from_pylist([alone], schema=tables.PRIVATE_CONVERSATIONS.schema)
    write_mart(asked.folder, tables.PRIVATE_CONVERSATIONS, rows)
    with_unknown_language(asked)
    answer = asked.run(group_by=("language",))
    assert [keys for keys, _ in answer.rows] == [("en",), ("fr",), ("zh",)]
    assert holds(answer, ("fr",), sum(r["language"] == "fr" for r in mart()))
    found = answer.guarantee.finding
    assert found is not None and found.threshold > 2 and found.delta <= 5e-7


def test_largest_unknown_groups_come_first(asked: Asked) -> None:
    with_unknown_language(asked)
    answer = asked.run(group_by=("language", "handed_over"), top=2)
    values = [estimates[0].value for _, estimates in answer.rows]
    assert len(values) == 2 and values == sorted(values, reverse=True)


def test_unknown_groups_beside_public_ones_and_weeks(asked: Asked) -> None:
    with_unknown_language(asked)
    answer = asked.run(group_by=("week", "language", "handed_over"))
    assert {keys[0] for keys, _ in answer.rows} <= {f"2026-W0{n}" for n in range(1, 6)}
    assert {keys[1] for keys, _ in answer.rows} <= {"zh", "en", "fr"}
    assert answer.rows == tuple(sorted(answer.rows, key=lambda row: (row[0][0], row[0][1], row[0][2])))


def test_filter_on_an_unknown_column_takes_any_value(asked: Asked) -> None:
    with_unknown_language(asked)
    for value in ("fr", "nothing of that name"):
        exact = asked.exact(filters=(Filter("language", OneOf((value,))),))
        assert exact.vectors[0][0].tolist() == [sum(r["language"] == value for r in mart())]


def test_share_of_dropped_rows_is_told_when_it_is_asked_for(asked: Asked) -> None:
    assert asked.run().dropped_share is None
    dropped = asked.run(max_rows_per_group=1, dropped_share=True).dropped_share
    assert dropped is not None
    truth = 1 - PEOPLE / len(mart())
    assert dropped.low - 0.3 <= truth <= dropped.high + 0.3


def test_lower_bounds_of_a_question_are_told_and_make_less_noise(asked: Asked) -> None:
    wide, narrow = (asked.run(group_by=("channel",), max_rows_per_group=most).guarantee for most in (0, 2))
    assert (wide.max_rows_per_group, narrow.max_rows_per_group) == (8, 2)
    assert narrow.noise[0].scale < wide.noise[0].scale / 3


def test_answer_bounds_what_all_answers_tell_about_a_person_and_a_day(tmp_path: Path) -> None:
    told = Asked(make_home(tmp_path, people=5).folder).run(price=RhoPrice(1_000_000)).guarantee
    assert told.person.rho == 1_000_000_000 and 7.5 < told.person.epsilon < 8
    assert told.person_day.rho == 4_000_000_000 and told.person_day.epsilon > told.person.epsilon


def test_decoded_rows_are_held_for_the_newest_version_only_and_within_their_bound(asked: Asked) -> None:
    engine = asked.ports.engine
    assert isinstance(engine, DeltaEngine)
    asked.exact()
    first = dict(engine._held)
    asked.exact(group_by=("channel",))
    assert engine._held == first
    write_mart(asked.folder, tables.PRIVATE_CONVERSATIONS, conversations(3, seed=9))
    asked.exact()
    assert [version for version, _ in engine._held.values()] == [1]


def test_mart_that_is_too_large_to_hold_gives_the_same_aggregates(asked: Asked) -> None:
    small = DeltaEngine(str(asked.folder / "lake"), cache_bytes=1000)
    question = {
        "group_by": ("channel", "week"),
        "measures": (AskedMeasure("count"), AskedMeasure("sum", "turns")),
        "filters": (Filter("language", OneOf(("zh",))),),
        "max_groups_per_person": 2,
        "from_day": "2026-01-06",
    }
    held = asked.exact(**question)
    asked.ports = replace(asked.ports, engine=small)
    read = asked.exact(**question)
    assert not small._held
    for left, right in zip(held.vectors, read.vectors, strict=True):
        assert left[0].tolist() == right[0].tolist()
