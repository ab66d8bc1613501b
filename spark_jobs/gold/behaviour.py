"""silver.events, gold.sessions → gold.behaviour: how a person behaves in a session, in the service domain's terms."""

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.gold import words
from spark_jobs.identity.people_of_events import with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.GOLD_SESSIONS)
OUTPUT = tables.GOLD_BEHAVIOUR
OUTPUTS = (OUTPUT,)

LONG_PAUSE_S = 300
SHORT_REPLY = 2

_MICROS = 1_000_000


def build_behaviour(events: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row a session with all its features. `events` must have passed `with_person`.

    Counts are 0 where nothing was to be counted; times are null where nothing happened that could take any.
    """
    spans = sessions.select("session_id", "person_id", "started_at", "ended_at")
    return (
        events.join(spans, on="person_id")
        .where("event_at BETWEEN started_at AND ended_at")
        .transform(_with_facts)
        .transform(_with_neighbours)
        .groupBy("session_id", "person_id")
        .agg(*(column.alias(name) for name, column in _features().items()))
        .select(*OUTPUT.schema.names)
    )


def _with_facts(events: DataFrame) -> DataFrame:
    """Add what each event tells by itself. Times are whole microseconds: their sums depend on no order."""
    pays = F.col("event_type") == "payment_made"
    return events.withColumns(
        {
            "at": F.unix_micros("event_at"),
            "asks": F.col("party") == "customer",
            "answers": F.col("party").isin("bot", "agent"),
            "pays": pays,
            "fills": F.col("event_type").isin("cart_changed", "order_placed"),
            "human": (F.col("party") == "agent") | (F.col("event_type") == "conversation_transferred"),
            "plain": words.plain("text"),
            "topics": words.topics("text"),
            "question": words.has_question_mark("text"),
            "length": F.length(F.coalesce("text", F.lit(""))).cast("bigint"),
        }
    )


def _with_neighbours(events: DataFrame) -> DataFrame:
    """Add what an event is beside the others of its session."""
    in_order = _ordered("session_id")
    of_party = _ordered("session_id", "party")
    whole = Window.partitionBy("session_id")
    spoke = F.last(F.when(F.col("party").isNotNull(), F.struct("party", "at")), ignorenulls=True)
    before = spoke.over(in_order.rowsBetween(Window.unboundedPreceding, -1))
    since = F.col("at") - before["at"]
    return events.withColumns(
        {
            "gap": F.col("at") - F.lag("at").over(in_order),
            "from_channel": F.lag("channel").over(in_order),
            "wait": F.when(F.col("answers") & (before["party"] == "customer"), since),
            "reply": F.when(F.col("asks") & before["party"].isin("bot", "agent"), since),
            "again": (F.row_number().over(_ordered("session_id", "party", "plain")) > 1) & (F.col("plain") != ""),
            "seen": F.row_number().over(_ordered("session_id", "page")) > 1,
            "last_topics": F.lag("topics").over(of_party),
            "last_question": F.lag("question").over(of_party),
            "last_language": F.lag("language").over(of_party),
            "human_at": F.min(F.when(F.col("human"), F.col("at"))).over(whole),
            "paid_at": F.min(F.when(F.col("pays"), F.col("at"))).over(whole),
        }
    )


def _features() -> dict[str, Column]:
    at, asks, pays = F.col("at"), F.col("asks"), F.col("pays")
    viewed = F.col("page").isNotNull()
    switches = asks & F.col("question") & F.col("last_question") & ~F.arrays_overlap("topics", "last_topics")
    filled_at = F.max(F.when(F.col("fills") & (at <= F.col("paid_at")), at))
    return {
        "events": F.count("*"),
        "duration_s": (F.max("at") - F.min("at")) / _MICROS,
        "longest_pause_s": F.max("gap") / _MICROS,
        "long_pauses": F.count_if(F.col("gap") > LONG_PAUSE_S * _MICROS),
        "channels": F.count_distinct("channel"),
        "channel_changes": F.count_if(F.col("channel") != F.col("from_channel")),
        "customer_messages": F.count_if(asks),
        "bot_messages": F.count_if(F.col("party") == "bot"),
        "agent_messages": F.count_if(F.col("party") == "agent"),
        "first_wait_s": F.min_by("wait", F.when(F.col("wait").isNotNull(), F.struct("at", "event_id"))) / _MICROS,
        "mean_wait_s": _mean("wait") / _MICROS,
        "longest_wait_s": F.max("wait") / _MICROS,
        "mean_reply_s": _mean("reply") / _MICROS,
        "quickest_reply_s": F.min("reply") / _MICROS,
        "mean_text_length": F.sum(F.when(asks, F.col("length"))) / F.count_if(asks),
        "longest_text": F.coalesce(F.max(F.when(asks, F.col("length"))), F.lit(0)),
        "short_replies": F.count_if(asks & F.col("length").between(1, SHORT_REPLY)),
        "questions": F.count_if(asks & F.col("question")),
        "question_switches": F.count_if(switches),
        "repeats": F.count_if(asks & F.col("again")),
        "bot_repeats": F.count_if((F.col("party") == "bot") & F.col("again")),
        "emoji": _summed(asks, words.emoji("text")),
        "exclamations": _summed(asks, words.exclamations("text")),
        "shouts": F.count_if(asks & words.shouts("text")),
        "asks_for_human": F.count_if(asks & words.asks_for_human("text")),
        "negative_words": _summed(asks, words.negative_words("text")),
        "language_switches": F.count_if(asks & (F.col("language") != F.col("last_language"))),
        "menu_depth": F.count_if((F.col("party") == "bot") & (at < F.coalesce("human_at", at + 1))),
        "handovers": F.count_if(F.col("event_type") == "conversation_transferred"),
        "pages": F.count_if(viewed),
        "page_returns": F.count_if(viewed & F.col("seen")),
        "searches": F.count_if(F.col("event_type") == "searched"),
        "cart_changes": F.count_if(F.col("event_type") == "cart_changed"),
        "payment_attempts": F.count_if(pays),
        "payments_failed": F.count_if(pays & (F.col("payment_status") != "succeeded")),
        "hesitation_s": (F.min("paid_at") - filled_at) / _MICROS,
        "complaints": F.count_if(F.col("event_type") == "complaint_filed"),
    }


def _ordered(*group: str) -> WindowSpec:
    return Window.partitionBy(*group).orderBy("event_at", F.coalesce("turn", F.lit(0)), "event_id")


def _mean(name: str) -> Column:
    return F.sum(name) / F.count(name)


def _summed(condition: Column, number: Column) -> Column:
    return F.coalesce(F.sum(F.when(condition, number)), F.lit(0))


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build the features of all sessions."""
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(lake.read(tables.IDENTITY_PEOPLE)))
    return (lake.sync(OUTPUT, build_behaviour(events, lake.read(tables.GOLD_SESSIONS))),)


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("behaviour", main)
