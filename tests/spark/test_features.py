import random
from datetime import UTC, timedelta

import pytest

from spark_jobs.gold.features import build_features
from spark_jobs.lake.tables import GOLD_FEATURES
from tests.spark.build import START, a_busy_month, an_event
from tests.spark.flow import flow_of

pytestmark = pytest.mark.spark

KNOWN_LATER = {
    *("handed_over_later", "abandoned_later", "escalated_later", "resolved_later"),
    *("handed_over_at", "ended_at", "had_by_bot", "settled", "may_learn"),
}
FEATURES = [name for name in GOLD_FEATURES.schema.names if name not in KNOWN_LATER]


def features(spark, *events):
    flow = flow_of(spark, *events)
    seen_until = max(event.at for event in events)
    rows = build_features(flow.events, flow.conversations, seen_until).orderBy("conversation_id", "turn").collect()
    return [row.asDict() for row in rows]


def chat(name, second, person="a"):
    return an_event().after(seconds=second).by(customer=person).in_chat(name)


def test_features_count_what_was_said_so_far(spark):
    rows = features(
        spark,
        an_event().by(customer="a").on("store").after(days=-1).of("store_visited"),
        an_event().by(customer="a").on("social").after(days=-8).of("social_posted", text="x"),
        chat("old", -86400 * 40).saying("hi"), chat("old", -86400 * 40 + 1).saying("hi", "bot"),
        chat("before", -86400).saying("hi"), chat("before", -86399).saying("hi", "bot"),
        chat("before", -86398).saying("hi", "agent"),
        chat("now", 0).of("conversation_started"),
        chat("now", 10).saying("Where is it?"),
        chat("now", 14).saying("Please wait", "bot"),
        chat("now", 20).saying("where is it"),
        chat("now", 30).saying("Sorry", "bot"),
        chat("now", 40).saying("this is useless, give me a human"),
        chat("now", 41).of("conversation_transferred", to_party="agent"),
        chat("now", 50).saying("are you there?"),
    )  # fmt: skip
    now = [r for r in rows if r["conversation_id"] == "conversation.1.now"]
    names = (
        "turn", "bot_turns", "elapsed_s", "mean_wait_s", "last_wait_s", "text_length", "repeats", "questions",
        "asks_for_human", "negative_words", "prior_contacts", "prior_handovers", "channels_before",
    )  # fmt: skip
    assert [tuple(r[n] for n in names) for r in now] == [
        (1, 0, 10.0, 0.0, 0.0, 12, 0, 1, 0, 0, 1, 1, 2),
        (2, 1, 20.0, 4.0, 4.0, 11, 1, 1, 0, 0, 1, 1, 2),
        (3, 2, 40.0, 7.0, 10.0, 32, 1, 1, 1, 1, 1, 1, 2),
        (4, 2, 50.0, 7.0, 10.0, 14, 1, 2, 1, 1, 1, 1, 2),
    ]
    assert {r["language"] for r in now} == {"en"}
    assert [r["handed_over_later"] for r in now] == [True, True, True, False]
    assert [r["with_agent"] for r in now] == [0, 0, 0, 1]
    assert now[0]["as_of"].replace(tzinfo=UTC) == START + timedelta(seconds=10)


def test_who_has_a_conversation_and_how_it_ends_is_told_beside_the_moments(spark):
    rows = features(
        spark,
        chat("human", 0).saying("hi"), chat("human", 1).saying("hi", "agent"),
        chat("left", 0).saying("hi"), chat("left", 1).saying("hi", "bot"),
        chat("left", 2).of("conversation_ended", reason="abandoned"),
        an_event().by(customer="b").after(days=2),
    )  # fmt: skip
    told = {r["conversation_id"].removeprefix("conversation.1."): r for r in rows}
    assert {name: (r["had_by_bot"], r["settled"], r["abandoned_later"]) for name, r in told.items()} == {
        "human": (False, True, False),
        "left": (True, True, True),
    }


def test_what_happens_at_the_end_is_what_silver_conversations_says(spark):
    flow = flow_of(spark, *a_busy_month(25, seed=4))
    rows = build_features(flow.events, flow.conversations, None).select("conversation_id", "handed_over_at").distinct()
    talks = flow.conversations.where("customer_turns > 0").select("conversation_id", "handed_over_at")
    assert rows.exceptAll(talks).isEmpty()


def test_consent_decides_who_is_learned_from_and_who_is_left_out(spark):
    def talk(person, *purposes):
        return [
            chat(person, 0, person).saying("hi").allowing(*purposes),
            chat(person, 1, person).saying("hi", "bot").allowing(*purposes),
        ]

    def change(person, day, **what):
        return an_event().by(customer=person).after(days=day).of("consent_changed", **what)

    rows = features(
        spark,
        *talk("all", "service", "analytics", "learning"),
        *talk("no_learning", "service", "analytics"),
        *talk("gone", "analytics", "learning"), change("gone", 1, withdrawn=["analytics"]),
        *talk("back", "analytics", "learning"), change("back", 1, withdrawn=["analytics"]),
        change("back", 2, granted=["analytics"]), change("back", 3, granted=["service"]),
        *talk("unlearn", "analytics", "learning"), change("unlearn", 1, withdrawn=["learning"]),
    )  # fmt: skip
    assert {r["conversation_id"].removeprefix("conversation.1."): r["may_learn"] for r in rows} == {
        "all": True, "no_learning": False, "back": True, "unlearn": False,
    }  # fmt: skip


def test_changing_everything_after_a_moment_changes_no_feature_of_it(spark):
    events = a_busy_month(25, seed=9)
    cut = sorted(e.at for e in events)[len(events) // 2]
    chance = random.Random(9)

    def changed(event):
        if event.at <= cut or chance.random() < 0.2:
            return [event] if event.at <= cut else []
        late = event.after(seconds=(event.at - START).total_seconds() + chance.random() * 5000)
        return [late.saying("another thing entirely?! 人工", chance.choice(("customer", "bot", "agent")))]

    def known_at_cut(rows):
        chosen = [tuple(r[n] for n in FEATURES) for r in rows if r["as_of"].replace(tzinfo=UTC) <= cut]
        return {(row[0], row[1]): row for row in chosen}

    before = known_at_cut(features(spark, *events))
    after = known_at_cut(features(spark, *(new for e in events for new in changed(e))))
    both = before.keys() & after.keys()
    assert len(both) > 20
    assert {key: before[key] for key in both} == {key: after[key] for key in both}
