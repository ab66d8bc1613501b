import random
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.journeys.kernel import BEGINS, OUTPUTS, Built
from tests.unit.journeys.generated_events import (
    START,
    a_token,
    an_event,
    built_of,
    content,
    owners_of,
    some_events,
    some_people,
    some_talks,
)


def days(*numbers, **more):
    return [an_event(n, START + timedelta(days=day), **more) for n, day in enumerate(numbers)]


def at(number, minutes, channel="web", type_="page_viewed", **more):
    return an_event(number, START + timedelta(minutes=minutes), channel=channel, event_type=type_, **more)


def paid(number, minutes, **more):
    return at(number, minutes, "web", "payment_made", payment_status="succeeded", **more)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 200))
def test_order_of_rows_does_not_matter(seed, count):
    chance = random.Random(seed)
    events, people, talks = some_events(count, chance), some_people(), some_talks()
    expected = content(built_of(events, people, talks))
    for rows in (events, people, talks):
        chance.shuffle(rows)
    assert content(built_of(events, people, talks)) == expected


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32))
def test_people_can_be_built_apart(seed):
    chance = random.Random(seed)
    events = [e for e in some_events(120, chance) if e["identifiers"]]
    whole = content(built_of(events, some_people(), some_talks()))
    ids = {row[1] for row in whole["sessions"]}
    alone = {name: [] for name in whole}
    by_person, owners = {}, owners_of(events, some_people())
    for event in events:
        by_person.setdefault(owners[event["event_id"]], []).append(event)
    assert set(by_person) == ids
    for mine in by_person.values():
        for name, rows in content(built_of(mine, some_people(), some_talks())).items():
            alone[name] += rows
    assert {name: sorted(rows, key=repr) for name, rows in alone.items()} == whole


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_what_follows_a_border_of_journeys_can_be_built_alone(seed):
    chance = random.Random(seed)
    mine = [{"type": "customer", "token": "customer.1.a"}]
    events = [{**event, "identifiers": mine} for event in some_events(150, chance)]
    whole = built_of(events, talks=some_talks())
    border = chance.choice(whole.journeys["started_at"].to_list())
    paid = whole.journeys.filter(pl.col("started_at") < border)["paid_at"].drop_nulls().to_physical().max()
    since = [event for event in events if event["event_at"] >= border]
    alone = built_of(since, talks=some_talks(), paid_before={} if paid is None else {"customer.1.a": paid})
    frames = (whole.sessions, whole.journeys, whole.steps, whole.transitions)
    later = [frame.filter(pl.col(begins) >= border) for frame, begins in zip(frames, BEGINS, strict=True)]
    assert content(alone) == content(Built(*later))


def test_every_event_is_in_one_session_and_one_step():
    events = some_events(300, random.Random(3))
    built = built_of(events, some_people(), some_talks())
    assert built.sessions["events"].sum() == built.steps["events"].sum() == len(events)
    assert built.journeys["steps"].sum() == len(built.steps)
    assert built.journeys["sessions"].sum() == len(built.sessions)
    for frame, table in zip((built.sessions, built.journeys, built.steps, built.transitions), OUTPUTS, strict=True):
        assert set(frame.columns) == set(table.schema.names)
        assert frame.select(table.key).is_unique().all()


def test_no_events_give_empty_tables():
    assert content(built_of([])) == {"sessions": [], "journeys": [], "steps": [], "transitions": []}


@pytest.mark.parametrize(
    ("channels", "minutes", "sessions"),
    [
        (("web", "web"), 29.99, 1), (("web", "web"), 30, 2), (("email", "email"), 24 * 60 - 1, 1),
        (("email", "email"), 24 * 60, 2), (("store", "store"), 119, 1), (("social", "social"), 120, 2),
        (("email", "web"), 31, 2), (("web", "email"), 31, 2), (("store", "email"), 119, 1),
    ],
)  # fmt: skip
def test_from_one_channel_to_another_the_shorter_pause_counts(channels, minutes, sessions):
    built = built_of([at(1, 0, channels[0]), at(2, minutes, channels[1])])
    assert len(built.sessions) == sessions


def test_a_late_event_joins_two_sessions_once_and_gives_what_all_at_once_give():
    early, late, between = at(1, 0), at(3, 50), at(2, 25)
    assert len(built_of([early, late]).sessions) == 2
    (session,) = built_of([early, late, between]).sessions.to_dicts()
    assert (session["events"], session["session_id"]) == (3, "session.event.1.000001")


def test_events_of_one_moment_are_in_the_order_of_their_ids():
    built = built_of([at(2, 0, "app"), at(1, 0, "web"), at(3, 0, "web")])
    assert built.steps.sort("step")["channel"].to_list() == ["web", "app", "web"]
    assert built.sessions["first_channel"].to_list() == ["web"]


def test_who_is_named_by_nothing_known_is_a_person_for_each_event():
    unknown = [{"type": "customer", "token": "customer.1.z"}]
    built = built_of([at(1, 0, identifiers=[]), at(2, 0, identifiers=None), at(3, 0, identifiers=unknown), at(4, 0)])
    ids = built.sessions["person_id"].to_list()
    assert len(set(ids)) == 4
    assert sum(len(i) == len("person.") + 32 for i in ids) == 3


def test_an_event_with_ten_thousand_identifiers_is_its_strongest_tokens_persons():
    tokens = [{"type": "cookie", "token": f"cookie.1.{n:05d}"} for n in range(10_000)]
    people = [a_token(one["token"], "person.weak") for one in tokens] + [a_token("phone.1.z", "person.strong")]
    crowded = an_event(1, identifiers=[*tokens, {"type": "phone", "token": "phone.1.z"}])
    assert built_of([crowded], people).sessions["person_id"].to_list() == ["person.strong"]
    assert built_of([an_event(1, identifiers=tokens)], people).sessions["person_id"].to_list() == ["person.weak"]


def test_centuries_between_events_do_not_break_the_order():
    events = [an_event(n, START.replace(year=year)) for n, year in enumerate((2200, 1700, 2026))]
    people = [a_token(f"customer.1.{n}") for n in range(5000)] + [a_token("customer.1.a")]
    assert built_of(events, people).sessions.sort("started_at")["started_at"].dt.year().to_list() == [1700, 2026, 2200]


@pytest.mark.parametrize(
    ("events", "need"),
    [
        ([at(1, 0)], "look_around"),
        ([at(1, 0), at(2, 1, type_="cart_changed")], "buy"),
        ([at(1, 0), at(2, 1, "chat", "message_sent", party="bot")], "get_help"),
        ([at(1, 0, type_="cart_changed"), at(2, 1, type_="complaint_filed")], "complain"),
    ],
)
def test_a_journeys_need_is_what_its_events_say(events, need):
    assert built_of(events).journeys["need"].to_list() == [need]


@pytest.mark.parametrize(("later", "need"), [(29, "after_sales"), (31, "get_help")])
def test_a_conversation_not_long_after_a_purchase_is_about_it(later, need):
    events = [paid(1, 0), at(2, later * 24 * 60, "chat", "message_sent", party="customer")]
    assert built_of(events).journeys.sort("started_at")["need"].to_list() == ["buy", need]


def test_a_goal_counts_inside_its_window_only():
    def helped(days_later):
        ask = [at(n, n * 2000, "email", "message_sent", party="customer") for n in range(days_later)]
        end = at(99, days_later * 24 * 60, "email", "conversation_ended", end_reason="resolved")
        return built_of([*ask, end]).journeys.sort("started_at").to_dicts()[0]

    assert helped(2)["goal_s"] == 2 * 86_400.0
    assert helped(2)["goal_reached_at"] == START + timedelta(days=2)
    assert helped(9)["goal_reached_at"] is None
    assert helped(9)["outcome"] == "resolved"


def test_who_comes_back_from_the_channel_gone_to_goes_back_and_forth():
    walked = [("web", 0), ("app", 5), ("web", 9), ("chat", 12), ("app", 15), ("chat", 60 * 30)]
    built = built_of([at(n, minutes, channel) for n, (channel, minutes) in enumerate(walked)])
    changes = built.transitions.sort("step")
    assert changes["returns"].to_list() == [False, True, False, True, True]
    assert changes["back_and_forth"].to_list() == [False, True, False, False, False]
    (journey,) = built.journeys.to_dicts()
    assert (journey["loops"], journey["back_and_forths"]) == (3, 1)


def test_friction_at_a_change_of_channel_is_seen():
    left = built_of([at(1, 0, "chat", "message_sent", party="bot"), at(2, 4, "voice", "message_sent", party="bot")])
    (change,) = left.transitions.to_dicts()
    assert (change["same_stage"], change["abandoned"], change["gap_s"]) == (True, True, 240.0)
    stayed = built_of([at(1, 0, "app"), paid(2, 3)])
    (change,) = stayed.transitions.to_dicts()
    assert (change["same_stage"], change["abandoned"]) == (False, False)


def test_a_person_with_a_million_events_is_built():
    import numpy as np
    import polars as pl

    from spark_jobs.journeys.tasks import build_people

    count = 1_000_000
    chance = np.random.default_rng(1)
    rows = pl.DataFrame(
        {
            "person": np.zeros(count, dtype=np.int64),
            "at": chance.integers(0, 90 * 86_400_000_000, count),
            "event_id": pl.Series(np.arange(count)).cast(pl.String),
            **{name: chance.integers(0, most, count).astype(np.uint8) for name, most in
               (("channel", 7), ("stage", 11), ("marks", 32))},
            "amount": np.zeros(count, dtype=np.int64),
        }
    )  # fmt: skip
    built = build_people(rows, pl.Series(["person.busy"]))
    assert built.steps["events"].sum() == count
    assert set(built.journeys["person_id"]) == {"person.busy"}
