from dataclasses import replace
from typing import Any

import pytest

from privacy.dp.types import MAX_PRICE, MIN_PRICE
from services.private_query.catalogue import DEFAULT_CATALOGUE, Dataset, load_catalogue
from services.private_query.planning import Plan, plan
from services.private_query.question import (
    AskedMeasure,
    Between,
    Equals,
    Filter,
    OneOf,
    PriceMissing,
    Question,
    QuestionInvalid,
    RhoPrice,
    TargetError,
)

MARK = "nobody-must-see-this"
RESOLVED = Filter("outcome", OneOf(("resolved",)))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_catalogue(DEFAULT_CATALOGUE).get("conversations", "partner")


def a_question(**changes: Any) -> Question:
    question = Question(
        dataset="conversations",
        measures=(AskedMeasure("count"),),
        group_by=("channel",),
        filters=(),
        from_day="2026-01-01",
        until_day="2026-02-01",
        price=RhoPrice(10_000_000),
    )
    return replace(question, **changes)


def broken(dataset: Dataset, **changes: Any) -> set[tuple[str, str]]:
    with pytest.raises(QuestionInvalid) as refusal:
        plan(a_question(**changes), dataset)
    told = [refusal.value.sentence, *(part for v in refusal.value.violations for part in v)]
    assert not any(MARK in text for text in told)
    return {(field, rule) for field, rule, _ in refusal.value.violations}


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"measures": ()}, "measures", "COUNT"),
        ({"measures": tuple(AskedMeasure("sum", c) for c in "abcde")}, "measures", "COUNT"),
        ({"measures": (AskedMeasure("count"),) * 2}, "measures", "REPEATED"),
        ({"measures": (AskedMeasure(""),)}, "measures[0].kind", "UNKNOWN"),
        ({"measures": (AskedMeasure(MARK),)}, "measures[0].kind", "UNKNOWN"),
        ({"measures": (AskedMeasure("count", "turns"),)}, "measures[0].column", "FORBIDDEN"),
        ({"measures": (AskedMeasure("quantiles", "turns"),)}, "measures[0].per_mille", "QUANTILES"),
        ({"measures": (AskedMeasure("sum", "turns", (500,)),)}, "measures[0].per_mille", "QUANTILES"),
        ({"measures": (AskedMeasure("quantiles", "turns", (0,)),)}, "measures[0].per_mille", "RANGE"),
        ({"measures": (AskedMeasure("quantiles", "turns", (1000,)),)}, "measures[0].per_mille", "RANGE"),
        ({"measures": (AskedMeasure("quantiles", "turns", (500, 500)),)}, "measures[0].per_mille", "COUNT"),
        ({"measures": (AskedMeasure("quantiles", "turns", tuple(range(1, 12))),)}, "measures[0].per_mille", "COUNT"),
        ({"measures": (AskedMeasure("ratio"),)}, "measures[0].share_of", "RATIO"),
        ({"measures": (AskedMeasure("ratio", "turns", share_of=RESOLVED),)}, "measures[0].column", "FORBIDDEN"),
        ({"measures": (AskedMeasure("count", share_of=RESOLVED),)}, "measures[0].share_of", "RATIO"),
        (
            {"measures": (AskedMeasure("ratio", share_of=Filter(MARK, Equals(True))),)},
            "measures[0].share_of.column",
            "UNKNOWN",
        ),
        (
            {"measures": (AskedMeasure("ratio", share_of=Filter("channel", OneOf((MARK,)))),)},
            "measures[0].share_of.one_of",
            "NOT_PUBLIC",
        ),
        ({"top": 3}, "top", "NEEDS_UNKNOWN_KEY"),
        ({"max_groups_per_person": 5}, "max_groups_per_person", "RANGE"),
        ({"max_rows_per_group": 4}, "max_rows_per_group", "RANGE"),
        (
            {"measures": (AskedMeasure("histogram", "turns"), AskedMeasure("quantiles", "turns", (500,)))}
            | {"group_by": ("day", "channel", "outcome")}
            | {"until_day": "2027-02-01"},
            "group_by",
            "TOO_MANY_NUMBERS",
        ),
        ({"measures": (AskedMeasure("mean", MARK),)}, "measures[0].column", "NOT_AN_INT_COLUMN"),
        ({"measures": (AskedMeasure("sum", "channel"),)}, "measures[0].column", "NOT_AN_INT_COLUMN"),
        ({"measures": (AskedMeasure("sum"),)}, "measures[0].column", "NOT_AN_INT_COLUMN"),
        ({"group_by": (MARK,)}, "group_by[0]", "NOT_A_KEY"),
        ({"group_by": ("person_id",)}, "group_by[0]", "NOT_A_KEY"),
        ({"group_by": ("turns",)}, "group_by[0]", "NOT_A_KEY"),
        ({"group_by": ("channel", "channel")}, "group_by", "REPEATED"),
        ({"group_by": ("channel", "language", "outcome", "day")}, "group_by", "COUNT"),
        ({"filters": (Filter(MARK, Equals(True)),)}, "filters[0].column", "UNKNOWN"),
        ({"filters": (Filter("day", OneOf(("2026-01-01",))),)}, "filters[0].column", "UNKNOWN"),
        ({"filters": (Filter("channel", Equals(True)),)}, "filters[0].condition", "WRONG_TYPE"),
        ({"filters": (Filter("turns", OneOf(("1",))),)}, "filters[0].condition", "WRONG_TYPE"),
        ({"filters": (Filter("handed_over", Between(0, 1)),)}, "filters[0].condition", "WRONG_TYPE"),
        ({"filters": (Filter("channel", None),)}, "filters[0].condition", "REQUIRED"),
        ({"filters": (Filter("channel", OneOf(())),)}, "filters[0].one_of", "COUNT"),
        ({"filters": (Filter("channel", OneOf((MARK,))),)}, "filters[0].one_of", "NOT_PUBLIC"),
        ({"filters": (Filter("turns", Between(None, None)),)}, "filters[0].range", "EMPTY"),
        ({"filters": (Filter("turns", Between(2, 1)),)}, "filters[0].range", "REVERSED"),
        ({"filters": (Filter("turns", Between(1, 2)),) * 2}, "filters", "REPEATED"),
        ({"from_day": "", "until_day": ""}, "window.from_day", "NOT_A_DAY"),
        ({"from_day": MARK}, "window.from_day", "NOT_A_DAY"),
        ({"until_day": "2026-02-30"}, "window.until_day", "NOT_A_DAY"),
        ({"until_day": "20260201"}, "window.until_day", "NOT_A_DAY"),
        ({"until_day": "2101-01-01"}, "window.until_day", "NOT_A_DAY"),
        ({"until_day": "2026-01-01"}, "window", "LENGTH"),
        ({"until_day": "2025-12-31"}, "window", "LENGTH"),
        ({"until_day": "2027-02-06"}, "window", "LENGTH"),
        ({"price": RhoPrice(0)}, "rho_nano", "RANGE"),
        ({"price": RhoPrice(MIN_PRICE - 1)}, "rho_nano", "RANGE"),
        ({"price": RhoPrice(MAX_PRICE + 1)}, "rho_nano", "RANGE"),
        ({"price": TargetError(float("nan"))}, "target_error", "RANGE"),
        ({"price": TargetError(float("inf"))}, "target_error", "RANGE"),
        ({"price": TargetError(-5.0)}, "target_error", "RANGE"),
        ({"price": TargetError(0.0)}, "target_error", "RANGE"),
        ({"price": TargetError(0.5)}, "target_error", "RANGE"),
        (
            {"price": TargetError(1.0), "measures": (AskedMeasure("sum", "wait_s"),)},
            "target_error",
            "TOO_EXACT",
        ),
        (
            {"price": TargetError(5.0), "measures": (AskedMeasure("mean", "turns"),)},
            "target_error",
            "NEEDS_RHO",
        ),
        (
            {"price": TargetError(5.0), "measures": (AskedMeasure("ratio", share_of=RESOLVED),)},
            "target_error",
            "NEEDS_RHO",
        ),
        ({"group_by": ("day", "week", "channel"), "until_day": "2027-02-01"}, "group_by", "TOO_MANY_GROUPS"),
    ],
)
def test_bad_question_is_refused_with_the_field_and_the_rule(
    dataset: Dataset, changes: dict[str, Any], field: str, rule: str
) -> None:
    assert (f"question.{field}", rule) in broken(dataset, **changes)


def test_question_without_a_price_is_refused(dataset: Dataset) -> None:
    with pytest.raises(PriceMissing):
        plan(a_question(price=None), dataset)


def test_every_broken_rule_is_told_at_once(dataset: Dataset) -> None:
    assert len(broken(dataset, measures=(), group_by=(MARK,), from_day="")) == 3


def test_longest_window_and_widest_range_are_taken(dataset: Dataset) -> None:
    asked = plan(a_question(until_day="2027-02-05", group_by=("day",)), dataset)
    assert asked.groups == 400
    assert asked.keys.values[0][0] == "2026-01-01"


def test_calendar_keys_follow_from_the_window(dataset: Dataset) -> None:
    asked = plan(a_question(from_day="2025-12-28", until_day="2026-01-06", group_by=("week",)), dataset)
    assert asked.keys.values == (("2025-W52", "2026-W01", "2026-W02"),)


def test_contribution_bounds_are_narrowed_to_the_groups_there_are(dataset: Dataset) -> None:
    assert plan(a_question(group_by=()), dataset).asked.bounds.groups == 1
    assert plan(a_question(group_by=("language",)), dataset).asked.bounds.groups == 2
    assert plan(a_question(), dataset).asked.bounds.groups == dataset.max_groups_per_person


def hashed(dataset: Dataset, **changes: Any) -> bytes:
    found: Plan = plan(a_question(**changes), dataset)
    return found.question


def test_order_of_filters_and_of_their_values_makes_no_other_question(dataset: Dataset) -> None:
    channel, turns = Filter("channel", OneOf(("web", "app"))), Filter("turns", Between(1, 2))
    same = Filter("channel", OneOf(("app", "web", "app")))
    assert hashed(dataset, filters=(channel, turns)) == hashed(dataset, filters=(turns, same))


def test_whatever_changes_an_answer_makes_another_question(dataset: Dataset) -> None:
    base = hashed(dataset)
    others = [
        hashed(dataset, price=RhoPrice(10_000_001)),
        hashed(dataset, measures=(AskedMeasure("persons"),)),
        hashed(dataset, measures=(AskedMeasure("sum", "turns"),)),
        hashed(dataset, group_by=("language",)),
        hashed(dataset, group_by=()),
        hashed(dataset, until_day="2026-02-02"),
        hashed(dataset, from_day="2026-01-02"),
        hashed(dataset, filters=(Filter("channel", OneOf(("web",))),)),
        hashed(dataset, filters=(Filter("handed_over", Equals(False)),)),
        hashed(dataset, filters=(Filter("handed_over", Equals(True)),)),
        hashed(dataset, filters=(Filter("turns", Between(None, 1)),)),
        hashed(dataset, filters=(Filter("turns", Between(1, None)),)),
        hashed(dataset, measures=(AskedMeasure("histogram", "turns"),)),
        hashed(dataset, measures=(AskedMeasure("quantiles", "turns", (500,)),)),
        hashed(dataset, measures=(AskedMeasure("quantiles", "turns", (501,)),)),
        hashed(dataset, measures=(AskedMeasure("ratio", share_of=RESOLVED),)),
        hashed(dataset, measures=(AskedMeasure("ratio", share_of=Filter("outcome", OneOf(("open",)))),)),
        hashed(dataset, max_rows_per_group=2),
        hashed(dataset, max_groups_per_person=3),
        hashed(dataset, dropped_share=True),
        hashed(dataset.model_copy(update={"max_rows_per_group": 9})),
    ]
    assert len({base, *others}) == len(others) + 1


def test_target_error_and_the_rho_it_costs_are_the_same_question(dataset: Dataset) -> None:
    priced = plan(a_question(price=TargetError(50.0)), dataset)
    assert hashed(dataset, price=RhoPrice(priced.price)) == priced.question


def test_budgets_and_partners_do_not_make_another_question(dataset: Dataset) -> None:
    assert hashed(dataset.model_copy(update={"partners": ("x",), "meaning": "x"})) == hashed(dataset)


def test_bounds_that_a_question_repeats_make_no_other_question(dataset: Dataset) -> None:
    same = {"max_groups_per_person": dataset.max_groups_per_person, "max_rows_per_group": dataset.max_rows_per_group}
    assert hashed(dataset, **same) == hashed(dataset)


def unknown(dataset: Dataset) -> Dataset:
    columns = [
        c if c.name != "language" else c.model_copy(update={"values": (), "unknown": True}) for c in dataset.column
    ]
    return dataset.model_copy(update={"column": tuple(columns)})


def test_unknown_keys_take_a_share_of_the_price_and_of_delta(dataset: Dataset) -> None:
    asked = plan(a_question(group_by=("language",), top=5, price=RhoPrice(300_000_000)), unknown(dataset))
    assert asked.groups is None
    assert asked.shares.keys is not None and asked.shares.keys.rho == asked.shares.measures[0][0].rho
    assert 0 < asked.threshold_delta <= dataset.delta / 2 * 0.3 * (1 + 1e-9)


def test_deltas_of_all_that_a_budget_pays_for_stay_below_half_of_delta(dataset: Dataset) -> None:
    prices = [RhoPrice(1_000), RhoPrice(399_999_000), RhoPrice(600_000_000)]
    plans = [plan(a_question(group_by=("language",), price=price), unknown(dataset)) for price in prices]
    assert sum(p.price for p in plans) == dataset.limits.dataset
    assert sum(p.threshold_delta for p in plans) <= dataset.delta / 2 * (1 + 1e-9)


def test_long_values_and_too_many_groups_of_an_unknown_column_are_refused(dataset: Dataset) -> None:
    long = Filter("language", OneOf((MARK * 20,)))
    assert ("question.filters[0].one_of", "LENGTH") in broken(unknown(dataset), filters=(long,))
    assert ("question.top", "RANGE") in broken(unknown(dataset), group_by=("language",), top=1001)
