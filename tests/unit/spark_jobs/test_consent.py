"""Only people whose every event allows learning are learned from."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.gold.consent import EVENT_COLUMNS, build_consents, with_person
from spark_jobs.journeys.whose import PEOPLE_COLUMNS
from spark_jobs.lake import tables
from tests.unit.journeys.generated_events import START, a_token, an_event, owners_of, rows_of, some_events, some_people

ALL = ["service", "analytics", "learning"]


def consents(events, people=None):
    rows = rows_of(tables.SILVER_EVENTS, events, EVENT_COLUMNS)
    known = rows_of(tables.IDENTITY_PEOPLE, people or [a_token("customer.1.a")], PEOPLE_COLUMNS)
    return build_consents(with_person(rows, known))


def event(number, purposes=ALL, **more):
    return an_event(number, START + timedelta(hours=number), purposes=purposes, language="en", **more)


def may_learn(*events):
    return consents(list(events))["may_learn"].to_list()


def test_one_event_without_learning_is_enough():
    assert may_learn(event(1), event(2)) == [True]
    assert may_learn(event(1), event(2, ["service", "analytics"]), event(3)) == [False]
    assert may_learn(event(1), event(2, None)) == [False]
    assert may_learn(event(1), event(2, [])) == [False]


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ([("withdrawn", ["learning"])], [False]),
        ([("granted", ["learning"])], [True]),
        ([("withdrawn", ["learning"]), ("granted", ["learning"])], [True]),
        ([("granted", ["learning"]), ("withdrawn", ["learning"])], [False]),
        ([("withdrawn", ["analytics"])], []),
        ([("withdrawn", ["analytics"]), ("granted", ["analytics"])], [True]),
    ],
)
def test_the_last_change_of_consent_counts(changes, allowed):
    told = [event(n, event_type="consent_changed", **{which: what}) for n, (which, what) in enumerate(changes, start=2)]
    assert may_learn(event(1), *told) == allowed


def test_a_change_that_grants_and_withdraws_is_a_withdrawal():
    both = event(2, event_type="consent_changed", granted=["learning"], withdrawn=["learning"])
    assert may_learn(event(1), both) == [False]


def test_a_language_is_that_of_most_events():
    tongues = [{**event(n), "language": language} for n, language in enumerate(("zh", "en", "en", None))]
    assert consents(tongues)["language"].to_list() == ["en"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_people_are_those_of_the_events_and_each_is_judged_by_all_of_theirs(seed):
    chance = random.Random(seed)
    events = [{**e, "purposes": chance.choice((ALL, ALL, ALL, ALL[:2]))} for e in some_events(60, chance)]
    owners = owners_of(events, some_people())
    allowed = dict.fromkeys(owners.values(), True)
    for one in events:
        allowed[owners[one["event_id"]]] &= "learning" in one["purposes"]
    found = consents(events, some_people())
    assert dict(found.select("person_id", "may_learn").iter_rows()) == allowed
    assert found["person_id"].is_sorted()
    assert found.equals(consents(chance.sample(events, len(events)), some_people()))
