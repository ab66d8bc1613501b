import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.gold import signals
from spark_jobs.gold.moments import COLUMNS, EVENT_COLUMNS, build_moments
from spark_jobs.lake.tables import GOLD_FEATURES

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LABELS = {
    *("handed_over_later", "abandoned_later", "escalated_later", "resolved_later"),
    *("handed_over_at", "ended_at", "had_by_bot", "settled"),
}
FEATURES = [name for name in COLUMNS if name not in LABELS]
SAID = ("hi", "Where is my parcel?", "where is my parcel", "人工！", "太差了，退款", "thanks", "", None, "ok!")


def an_event(number, second, **what):
    known = {
        "person_id": "p",
        "event_id": f"e{number:04}",
        "event_type": "message_sent",
        "event_at": START + timedelta(seconds=second),
        "channel": "chat",
        "language": "en",
    }
    return {**dict.fromkeys(EVENT_COLUMNS), **known, **what}


def frame(rows):
    return pl.DataFrame(rows, schema=EVENT_COLUMNS)


def a_life(seed, events=40):
    """Events of three people on several channels with talks that go every way."""
    chance = random.Random(seed)
    rows, second = [], 0
    for number in range(events):
        second += chance.choice((0, 1, 30, 4000, 90_000))
        talk = chance.choice((None, "a", "b", "c", "d"))
        person = {"a": "p", "b": "p", "c": "q", "d": None}.get(talk, chance.choice(("p", "q", None)))
        kind = chance.random()
        what = {"person_id": person, "conversation_id": talk, "channel": chance.choice(("chat", "voice", "web"))}
        if talk is None:
            what |= chance.choice(
                (
                    {"event_type": "page_viewed", "page": "/x"},
                    {"event_type": "payment_made", "payment_status": "failed"},
                    {"event_type": "complaint_filed", "text": "terrible"},
                )
            )
        elif kind < 0.85:
            party = chance.choice(("customer", "customer", "bot", "agent"))
            what |= {
                "party": party,
                "text": chance.choice(SAID),
                "turn": number,
                "language": chance.choice(("zh", "en")),
            }
        elif kind < 0.93:
            what |= {"event_type": "conversation_transferred", "to_party": chance.choice(("agent", "bot"))}
        else:
            what |= {"event_type": "conversation_ended", "end_reason": chance.choice(("resolved", "abandoned"))}
        rows.append(an_event(number, second, **what))
    return rows


def features(rows):
    return {
        (row["conversation_id"], row["turn"]): row for row in build_moments(frame(rows)).select(FEATURES).to_dicts()
    }


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 39))
def test_while_events_come_in_a_moment_is_what_it_is_in_the_end(seed, cut):
    rows = a_life(seed)
    so_far = features(rows[:cut])
    whole = features(rows)
    assert so_far.items() <= whole.items()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 39))
def test_shifting_the_future_changes_nothing_of_what_was_known(seed, cut):
    rows = a_life(seed)
    chance = random.Random(seed + 1)
    later = [
        {**row, "event_at": row["event_at"] + timedelta(seconds=chance.randint(1, 10**6)), "text": "人工 refund!!"}
        for row in rows[cut:]
    ]
    known = features(rows[:cut])
    assert known.items() <= features(rows[:cut] + later).items()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_in_which_events_come_does_not_matter(seed):
    rows = a_life(seed)
    assert build_moments(frame(random.Random(1).sample(rows, len(rows)))).equals(build_moments(frame(rows)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_people_do_not_change_each_others_moments(seed):
    rows = a_life(seed)
    everybody = features(rows)
    for person in ("p", "q", None):
        assert features([row for row in rows if row["person_id"] == person]).items() <= everybody.items()


def test_moments_have_the_columns_and_types_of_the_table_and_no_text():
    made = build_moments(frame(a_life(3)), START + timedelta(days=90)).to_arrow()
    assert made.schema.names == [name for name in GOLD_FEATURES.schema.names if name != "may_learn"]
    assert made.cast(GOLD_FEATURES.schema.remove(GOLD_FEATURES.schema.get_field_index("may_learn"))).num_rows
    assert not {"text", "plain"} & set(made.schema.names)


def test_nothing_gives_no_moments():
    assert build_moments(frame([])).is_empty()
    assert build_moments(frame([an_event(0, 0, event_type="page_viewed", page="/x")])).is_empty()


def test_waits_replies_and_what_is_slow_are_counted_by_channel():
    talk = [("customer", 0), ("bot", 25), ("customer", 40), ("bot", 100), ("customer", 110)]
    rows = {
        channel: [
            an_event(n, at, conversation_id=channel, channel=channel, party=party, text="x")
            for n, (party, at) in enumerate(talk)
        ]
        for channel in ("chat", "voice", "email")
    }
    last = {channel: build_moments(frame(of)).to_dicts()[-1] for channel, of in rows.items()}
    assert {name: row["slow_waits"] for name, row in last.items()} == {"chat": 1, "voice": 2, "email": 0}
    chat = last["chat"]
    assert (chat["mean_wait_s"], chat["last_wait_s"], chat["longest_wait_s"]) == (42.5, 60.0, 60.0)
    assert (chat["mean_reply_s"], chat["last_reply_s"]) == (12.5, 10.0)


def test_a_conversation_without_an_end_is_over_when_nothing_came_for_a_day():
    rows = [an_event(0, 0, conversation_id="c", party="customer", text="hi")]
    told = [build_moments(frame(rows), START + timedelta(hours=hours))["settled"].item() for hours in (1, 24, 25)]
    assert told == [False, False, True]
    assert build_moments(frame(rows))["settled"].item() is False


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("我的快递怎么还没到？", "delivery"),
        ("退款三天了还没到账", "refund"),
        ("发票抬头写错了", "invoice"),
        ("应用一打开就闪退", "technical"),
        ("where is my parcel?", "delivery"),
        ("can i get my money back", "refund"),
        ("the app crashes when i open it", "technical"),
        ("is there a discount?", "purchase"),
        ("我要投诉", "complaint"),
        ("hello there", None),
        ("returning the parcel, my refund is late", "refund"),
    ],
)
def test_topics_are_told_by_their_words_in_both_languages(text, topic):
    assert pl.DataFrame({"t": [text]}).select(signals.topic(pl.col("t")).alias("topic")).item() == topic
