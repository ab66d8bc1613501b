import pytest

from spark_jobs.gold.behaviour import build_behaviour
from spark_jobs.lake.tables import GOLD_BEHAVIOUR
from tests.spark.build import an_event
from tests.spark.built import sessions_of
from tests.spark.flow import flow_of

pytestmark = pytest.mark.spark


def said(text, seconds, party="customer"):
    return an_event().by(customer="talks").in_chat("c").after(seconds=seconds).saying(text, party)


def seen(person, seconds, on="web"):
    return an_event().by(customer=person).on(on).after(seconds=seconds)


@pytest.fixture(scope="module")
def behaviour(spark):
    """The features of each session, by the person's name."""
    flow = flow_of(
        spark,
        said("请问什么时候发货？", 0), said("您好，请选择：1 物流 2 发票", 10, "bot"),
        # The next question is about something else; the one after it about the same.
        said("发票怎么开？", 40), said("请选择：1 物流 2 发票", 41, "bot"),
        said("发票可以重开吗？", 60), said("请选择：1 物流 2 发票", 62, "bot"),
        said("转人工!!😀[微笑]", 65), said("转人工", 66), said("转人工！", 67), said("THIS IS useless", 70),
        an_event().by(customer="talks").in_chat("c").after(seconds=90).of("conversation_transferred", to_party="agent"),
        said("我来帮您", 100, "agent"), said("HELLO THERE", 101), said("嗯", 102),
        an_event().by(customer="talks").on("web").after(seconds=110).of("complaint_filed", text="no"),
        # Somebody looks around, comes back to a page, goes away for long, and hesitates before paying.
        seen("buys", 0), seen("buys", 10).of("page_viewed", url="https://shop.example/shoes"), seen("buys", 20),
        seen("buys", 30).of("searched", query="shoes"),
        seen("buys", 400, "app").of("cart_changed"), seen("buys", 420, "app").of("order_placed", order_id="order.1.x"),
        seen("buys", 500, "app").of("payment_made", status="failed"),
        seen("buys", 520, "app").of("payment_made", status="succeeded"),
        seen("looks", 0),
    )  # fmt: skip
    sessions = sessions_of(spark, flow)
    names = {r["person_id"]: r["token"].removeprefix("customer.1.") for r in flow.people.collect()}
    return {names[row["person_id"]]: row for row in build_behaviour(flow.events, sessions).collect()}


def features(row, *names):
    return {name: row[name] for name in names}


def test_what_is_said_and_waited_for_is_counted(behaviour):
    row = behaviour["talks"]
    assert features(row, "customer_messages", "bot_messages", "agent_messages", "handovers", "menu_depth") == {
        "customer_messages": 9, "bot_messages": 3, "agent_messages": 1, "handovers": 1, "menu_depth": 3,
    }  # fmt: skip
    assert features(row, "first_wait_s", "mean_wait_s", "longest_wait_s") == {
        "first_wait_s": 10.0, "mean_wait_s": (10 + 1 + 2 + 30) / 4, "longest_wait_s": 30.0,
    }  # fmt: skip
    assert features(row, "mean_reply_s", "quickest_reply_s") == {
        "mean_reply_s": (30 + 19 + 3 + 1) / 4, "quickest_reply_s": 1.0,
    }  # fmt: skip
    assert features(row, "questions", "question_switches", "repeats", "bot_repeats", "asks_for_human") == {
        "questions": 3, "question_switches": 1, "repeats": 1, "bot_repeats": 1, "asks_for_human": 3,
    }  # fmt: skip
    assert features(row, "emoji", "exclamations", "shouts", "short_replies", "negative_words", "complaints") == {
        "emoji": 2, "exclamations": 3, "shouts": 1, "short_replies": 1, "negative_words": 1, "complaints": 1,
    }  # fmt: skip
    assert features(row, "longest_text", "language_switches") == {"longest_text": 15, "language_switches": 2}


def test_ways_and_hesitation_are_measured(behaviour):
    row = behaviour["buys"]
    assert features(row, "events", "duration_s", "longest_pause_s", "long_pauses") == {
        "events": 8, "duration_s": 520.0, "longest_pause_s": 370.0, "long_pauses": 1,
    }  # fmt: skip
    assert features(row, "channels", "channel_changes", "pages", "page_returns", "searches", "cart_changes") == {
        "channels": 2, "channel_changes": 1, "pages": 3, "page_returns": 1, "searches": 1, "cart_changes": 1,
    }  # fmt: skip
    assert features(row, "payment_attempts", "payments_failed", "hesitation_s") == {
        "payment_attempts": 2, "payments_failed": 1, "hesitation_s": 80.0,
    }  # fmt: skip


def test_what_did_not_happen_is_zero_or_null(behaviour):
    row = behaviour["looks"].asDict()
    times = {name for name in row if name.endswith("_s")} | {"mean_text_length"}
    assert {name for name, value in row.items() if value is None} == times - {"duration_s"}
    counts = {name for name, value in row.items() if value == 0}
    assert counts == {c.name for c in GOLD_BEHAVIOUR.columns} - times - {
        "session_id", "person_id", "events", "channels", "pages",
    } | {"duration_s"}  # fmt: skip


def test_there_are_the_features_that_the_service_domain_asks_for():
    assert len(GOLD_BEHAVIOUR.columns) - 2 >= 27
