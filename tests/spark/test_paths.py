from datetime import timedelta

import pytest

from spark_jobs.journeys.attribution import build_attribution, build_credits, build_moves, build_touches
from spark_jobs.journeys.paths import ARROW, CUT, LONGEST, build_friction, build_funnel, build_paths
from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import GOLD_JOURNEY_STEPS, GOLD_JOURNEYS, GOLD_TRANSITIONS
from tests.spark.build import START

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def walked(spark):
    """Steps and journeys of walks written as channel/stage, a day between two steps."""

    def make(**walks: tuple[str, str]):
        steps, journeys = [], []
        for name, (outcome, walk) in walks.items():
            for step, (channel, stage) in enumerate((part.split("/") for part in walk.split()), start=1):
                at = START + timedelta(days=step)
                steps.append((name, step, f"person.{name[0]}", channel, stage, at, at, None, 1))
            blank = dict.fromkeys(GOLD_JOURNEYS.schema.names)
            journeys.append({**blank, "journey_id": name, "person_id": f"person.{name[0]}", "outcome": outcome})
        return (
            spark.createDataFrame(steps, spark_schema(GOLD_JOURNEY_STEPS)),
            spark.createDataFrame(journeys, spark_schema(GOLD_JOURNEYS)),
        )

    return make


def test_paths_are_counted_with_repeats_as_one_and_cut_when_they_are_long(walked):
    back_and_forth = " ".join(f"{channel}/browse" for channel in ("web", "app") * 8)
    steps, journeys = walked(
        a1=("bought", "web/browse web/cart app/order app/pay"),
        a2=("abandoned", "web/browse app/browse"),
        b1=("abandoned", "web/browse app/browse web/browse"),
        c1=("abandoned", back_and_forth),
    )
    paths = {row["path"]: row for row in build_paths(steps, journeys).collect()}
    assert {(r["path"], r["length"], r["journeys"], r["people"], r["bought"], r["share"]) for r in paths.values()} == {
        (f"web{ARROW}app", 2, 2, 1, 1, 0.5),
        (f"web{ARROW}app{ARROW}web", 3, 1, 1, 0, 0.25),
        (ARROW.join([*("web", "app") * (LONGEST // 2), CUT]), 16, 1, 1, 0, 0.25),
    }


def test_the_funnel_counts_who_reached_a_stage_after_the_ones_before(walked):
    steps, _ = walked(
        a1=("bought", "web/browse web/cart web/order web/pay"),
        a2=("abandoned", "web/browse chat/bot chat/agent web/cart"),
        # Out of order: a cart before anything was seen is no step down the funnel, the one after is.
        b1=("abandoned", "web/cart web/browse web/cart"),
        c1=("abandoned", "web/cart"),
        d1=("abandoned", "web/browse web/order web/pay"),
    )
    rows = sorted(map(tuple, build_funnel(steps).collect()))
    day = 86_400.0
    assert rows == [
        (1, "browse", 4, 3, 0, None, None),
        (2, "cart", 3, 2, 1, day, day),
        (3, "order", 1, 1, 2, day, 2 * day),
        (4, "pay", 1, 1, 0, day, 3 * day),
    ]


def test_friction_is_counted_pair_by_pair(walked, spark):
    _, journeys = walked(a1=("bought", "web/browse"), a2=("abandoned", "web/browse"), b1=("abandoned", "web/browse"))
    blank = dict.fromkeys(GOLD_TRANSITIONS.schema.names)

    def change(journey, step, way, gap, *true):
        away, to = way.split(">")
        marks = {name: name in true for name in ("returns", "back_and_forth", "same_stage", "abandoned")}
        row = {"journey_id": journey, "step": step, "person_id": f"person.{journey[0]}", "gap_s": gap, **marks}
        return {**blank, **row, "from_channel": away, "to_channel": to}

    rows = [
        change("a1", 1, "web>chat", 10.0), change("a1", 2, "chat>web", 20.0, "returns", "back_and_forth"),
        change("a1", 3, "web>chat", 30.0, "returns", "back_and_forth"),
        change("b1", 1, "web>chat", 80.0, "same_stage", "abandoned"),
    ]  # fmt: skip
    friction = build_friction(spark.createDataFrame(rows, spark_schema(GOLD_TRANSITIONS)), journeys)
    third = round(1 / 3, 9)
    assert sorted(map(tuple, friction.collect())) == [
        ("chat", "web", 1, 1, 1, third, 1, 1, third, 0, 0, 20.0),
        ("web", "chat", 3, 2, 2, round(2 / 3, 9), 1, 1, third, 1, 1, 30.0),
    ]


def test_each_model_owes_all_purchases_and_each_weighs_as_it_says(walked):
    steps, journeys = walked(
        # Web, a week of nothing, chat, chat, and a payment that is no reason to buy.
        a1=("bought", "web/browse chat/bot web/browse chat/agent app/pay"),
        b1=("bought", "store/pay"),
        c1=("abandoned", "web/browse social/social"),
    )
    touches = build_touches(steps, journeys).localCheckpoint()
    credited = {(r["model"], r["channel"]): r for r in build_attribution(build_credits(touches)).collect()}
    credit = {key: row["credit"] for key, row in credited.items() if row["credit"]}
    halves = [0.5 ** (days / 7) for days in (4, 3, 2, 1)]
    assert credit == {
        ("first", "web"): 1.0, ("first", "store"): 1.0,
        ("last", "chat"): 1.0, ("last", "store"): 1.0,
        ("linear", "web"): 0.5, ("linear", "chat"): 0.5, ("linear", "store"): 1.0,
        ("shapley", "web"): 0.5, ("shapley", "chat"): 0.5, ("shapley", "store"): 1.0,
        ("time_decay", "web"): pytest.approx((halves[0] + halves[2]) / sum(halves)),
        ("time_decay", "chat"): pytest.approx((halves[1] + halves[3]) / sum(halves)),
        ("time_decay", "store"): 1.0,
    }  # fmt: skip
    assert credited["linear", "store"]["share"] == 0.5
    moves = {(r["origin"], r["target"]): r["count"] for r in build_moves(touches).collect()}
    assert moves == {
        ("(start)", "web"): 2, ("(start)", "store"): 1, ("web", "chat"): 2, ("chat", "web"): 1,
        ("chat", "(bought)"): 1, ("store", "(bought)"): 1, ("web", "social"): 1, ("social", "(left)"): 1,
    }  # fmt: skip


def test_no_journeys_give_empty_tables(walked, spark):
    steps = spark.createDataFrame([], spark_schema(GOLD_JOURNEY_STEPS))
    journeys = spark.createDataFrame([], spark_schema(GOLD_JOURNEYS))
    assert build_paths(steps, journeys).isEmpty()
    assert [row["journeys"] for row in build_funnel(steps).collect()] == [0, 0, 0, 0]
    assert build_attribution(build_credits(build_touches(steps, journeys))).isEmpty()
