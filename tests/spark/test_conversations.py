import pytest

from tests.spark.build import START, an_event
from tests.spark.flow import flow_of

pytestmark = pytest.mark.spark


def chat(name, minute):
    return an_event().after(minutes=minute).by(customer="a").in_chat(name)


def test_conversations_tell_turns_waits_hand_over_and_end(spark):
    flow = flow_of(
        spark,
        # With a bot, then handed to an agent by a transfer.
        chat("moved", 0).of("conversation_started"),
        chat("moved", 1).saying("什么时候发货"),
        chat("moved", 2).saying("还在吗"),
        chat("moved", 3).saying("您好", "bot"),
        chat("moved", 4).of("conversation_transferred", to_party="agent"),
        chat("moved", 6).saying("我来帮您", "agent"),
        chat("moved", 7).of("conversation_ended", reason="resolved"),
        chat("moved", 9).of("feedback_given", kind="csat", score=4),
        # With an agent from the start, and passed on to another.
        chat("human", 0).saying("hello"),
        chat("human", 1).saying("hi", "agent"),
        chat("human", 2).of("conversation_transferred", to_party="agent"),
        chat("human", 3).saying("hello again", "agent"),
        # An agent speaks after a bot, nobody says it was transferred; the last end counts.
        chat("joined", 0).on("app").saying("hello"),
        chat("joined", 1).saying("hi", "bot"),
        chat("joined", 2).of("conversation_ended", reason="abandoned"),
        chat("joined", 5).saying("hi, a human here", "agent"),
        chat("joined", 6).of("conversation_ended", reason="escalated"),
        # Nobody answers.
        chat("alone", 0).saying("anybody?"),
        chat("alone", 1).of("feedback_given", kind="csat", score=9),
    )
    rows = {r["conversation_id"].removeprefix("conversation.1."): r for r in flow.conversations.collect()}

    def minutes(moment):
        return None if moment is None else (moment.replace(tzinfo=START.tzinfo) - START).total_seconds() / 60

    facts = {
        name: (
            r["channel"], r["language"], r["turns"], r["bot_turns"], r["agent_turns"], r["first_wait_s"],
            minutes(r["handed_over_at"]), r["outcome"], r["csat"],
        )
        for name, r in rows.items()
    }  # fmt: skip
    assert facts == {
        "moved": ("chat", "zh", 4, 1, 1, 120.0, 4.0, "resolved", 4),
        "human": ("chat", "en", 3, 0, 2, 60.0, None, "open", None),
        "joined": ("app", "en", 3, 1, 1, 60.0, 5.0, "escalated", None),
        "alone": ("chat", "en", 1, 0, 0, None, None, "open", None),
    }


def test_a_conversation_belongs_to_the_known_person_of_most_of_its_events(spark):
    def said(minute, **who):
        return an_event().after(minutes=minute).by(**who).in_chat("c").saying("hello")

    flow = flow_of(
        spark,
        said(0), said(1), said(2), said(3, phone="shared"), said(4, phone="shared"), said(5, phone="shared"),
        said(6, customer="a", phone="shared"), said(7, email="b"), said(8, customer="a", cookie="z"),
        shared=("phone.1.shared",),
    )  # fmt: skip
    person_of = {r["token"]: r["person_id"] for r in flow.people.collect()}
    assert [r["person_id"] for r in flow.conversations.collect()] == [person_of["customer.1.a"]]


def test_an_event_belongs_to_its_strongest_token_that_is_not_shared(spark):
    flow = flow_of(
        spark,
        an_event("strong").by(cookie="x", customer="a"),
        an_event("not_shared").by(cookie="x", phone="shared"),
        an_event("only_shared").by(phone="shared"),
        an_event("nobody"),
        an_event("nobody_else"),
        shared=("phone.1.shared",),
    )
    person_of = {r["token"]: r["person_id"] for r in flow.people.collect()}
    found = {r["event_id"].removeprefix("event.1."): (r["person_id"], r["known"]) for r in flow.events.collect()}
    assert found["strong"] == (person_of["customer.1.a"], True)
    assert found["not_shared"] == (person_of["cookie.1.x"], True)
    assert found["only_shared"] == (person_of["phone.1.shared"], False)
    assert len({found["nobody"], found["nobody_else"], *((p, False) for p in person_of.values())}) == 2 + len(person_of)
