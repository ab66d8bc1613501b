"""Moments of journeys tell what was known at each step: nothing after it changes them."""

import random
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.gold.consent import EVENT_COLUMNS, with_person
from spark_jobs.gold.journey_moments import CATEGORIES, COLUMNS, COUNTS, STAGE_GROUPS, build_journey_moments
from spark_jobs.journeys import rules
from spark_jobs.journeys.whose import PEOPLE_COLUMNS
from spark_jobs.lake import tables
from tests.unit.journeys.generated_events import (
    START,
    a_token,
    an_event,
    built_of,
    rows_of,
    some_events,
    some_people,
    some_talks,
)

FEATURES = ["journey_id", "step", "person_id", "as_of", *CATEGORIES, *COUNTS]
AFTER_ALL = START + timedelta(days=400)


def at(number, minutes, channel="web", type_="page_viewed", **more):
    return an_event(number, START + timedelta(minutes=minutes), channel=channel, event_type=type_, **more)


def paid(number, minutes, channel="web"):
    return at(number, minutes, channel, "payment_made", payment_status="succeeded")


def told_of(events, people, talks=(), seen_until=AFTER_ALL):
    """The journeys of events, and their moments."""
    built = built_of(events, people, list(talks))
    rows = rows_of(tables.SILVER_EVENTS, events, (*EVENT_COLUMNS, "event_type", "payment_status"))
    owned = with_person(rows, rows_of(tables.IDENTITY_PEOPLE, people, PEOPLE_COLUMNS))
    payments = owned.filter(pl.col("payment_status") == "succeeded")
    return built, build_journey_moments(built.steps, built.journeys, payments, seen_until), payments


def moments_of(*events, seen_until=AFTER_ALL):
    return told_of(list(events), [a_token("customer.1.a")], seen_until=seen_until)[1]


def walked(seed, count=150):
    return told_of(some_events(count, random.Random(seed), fortnights=3), some_people(), some_talks())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.05, 0.95))
def test_what_comes_after_a_moment_changes_nothing_of_it(seed, share):
    """The events after a moment fall away, or others take their place; journeys are then walked anew."""
    chance = random.Random(seed)
    events, people, talks = some_events(150, chance, fortnights=3), some_people(), some_talks()
    moments = told_of(events, people, talks)[1]
    moment = moments["as_of"].sort()[int(share * (len(moments) - 1))]
    before = [event for event in events if event["event_at"] <= moment]
    others = some_events(80, chance, fortnights=3)
    instead = [{**e, "event_id": f"event.2.{n:06d}"} for n, e in enumerate(others) if e["event_at"] > moment]
    expected = moments.filter(pl.col("as_of") <= moment).select(FEATURES)
    assert len(expected)
    for future in ([], instead):
        now = told_of(before + future, people, talks)[1].filter(pl.col("as_of") <= moment)
        assert now.select(FEATURES).equals(expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_at_the_last_step_the_counts_are_those_of_the_whole_journey(seed):
    built, moments, _ = walked(seed)
    never_paid = built.journeys.filter(pl.col("paid_at").is_null())
    both = never_paid.join(moments.group_by("journey_id").last(), on="journey_id", how="left", suffix="_now")
    assert both["step"].to_list() == both["steps"].to_list()
    for name in ("channels", "loops", "back_and_forths"):
        assert both[f"{name}_now"].to_list() == both[name].to_list(), name


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_of_rows_does_not_matter(seed):
    built, moments, payments = walked(seed)
    frames = (built.steps, built.journeys, payments)
    shuffled = (frame.sample(fraction=1, shuffle=True, seed=seed % 1000) for frame in frames)
    assert build_journey_moments(*shuffled, AFTER_ALL).equals(moments)


def test_a_journey_is_told_step_by_step():
    found = moments_of(
        at(1, 0),
        at(2, 3),
        at(3, 5, "chat", "message_sent", party="customer", conversation_id="conversation.1.a"),
        at(4, 9),
        at(5, 10, type_="cart_changed"),
    )
    told = found.select("step", "channel", "stage", "from_stage", "events", "browse_events", "talked", "elapsed_s")
    assert told.rows() == [
        (1, "web", "browse", None, 1, 1, 0, 0.0),
        (2, "chat", "bot", "browse", 3, 2, 1, 300.0),
        (3, "web", "browse", "bot", 4, 3, 1, 540.0),
        (4, "web", "cart", "browse", 5, 3, 1, 600.0),
    ]
    assert found["since_last_s"].to_list() == [0, 120, 240, 60]
    assert found["longest_gap_s"].to_list() == [0, 120, 240, 240]
    assert found.select("channels", "changes", "loops", "back_and_forths").row(3) == (2, 2, 1, 1)
    assert found.select("hour", "weekday").row(0) == (START.hour, START.isoweekday())
    assert found.columns == list(COLUMNS)


def test_what_was_paid_is_not_foretold():
    found = moments_of(at(1, 0), at(2, 3, type_="cart_changed"), paid(3, 6), at(4, 8))
    assert found.select("stage", "bought").rows() == [("browse", True), ("cart", True)]
    twice = moments_of(at(1, 0), paid(2, 3), at(3, 5), paid(4, 8), at(5, 9))
    assert twice.select("stage", "bought").rows() == [("browse", True)]


def test_a_payment_that_failed_decides_nothing():
    failed = at(2, 5, type_="payment_made", payment_status="failed")
    found = moments_of(at(1, 0), failed, at(3, 7), paid(4, 9))
    assert found.select("stage", "bought").rows() == [("browse", True), ("pay", True), ("browse", True)]


def test_only_journeys_that_ended_before_count_as_earlier():
    week = 7 * 24 * 60
    found = moments_of(paid(1, 0), at(2, week), at(3, 2 * week), paid(4, 2 * week + 5), at(5, 3 * week))
    assert found.select("earlier_journeys", "earlier_bought_share").rows() == [(1, 1.0), (2, 0.5), (3, 2 / 3)]


def test_a_journey_is_over_after_the_pause_that_ends_it():
    events = [at(1, 0), at(2, 5, "app")]
    over_at = START + timedelta(minutes=5) + rules.PAUSE
    assert moments_of(*events, seen_until=over_at)["settled"].all()
    assert not moments_of(*events, seen_until=over_at - timedelta(seconds=1))["settled"].any()
    assert not moments_of(*events, seen_until=None)["settled"].any()


def test_every_stage_but_other_is_counted():
    assert sorted(stage for stages in STAGE_GROUPS.values() for stage in stages) == sorted({*rules.STAGES} - {"other"})


@pytest.mark.parametrize("columns", [CATEGORIES, COUNTS])
def test_no_feature_is_a_label(columns):
    assert not {"bought", "settled", "outcome", "paid_at"} & set(columns)
