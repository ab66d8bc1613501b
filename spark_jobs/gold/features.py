"""silver → gold.features: what was known of a conversation at each message of the customer."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.gold import words
from spark_jobs.identity.people_of_events import build_withdrawn, with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS)
OUTPUT = tables.GOLD_FEATURES
OUTPUTS = (OUTPUT,)

CONTACTS_BACK = timedelta(days=30)
CHANNELS_BACK = timedelta(days=7)


def build_features(events: DataFrame, conversations: DataFrame) -> DataFrame:
    """One row for each message of the customer before a human took over, in conversations that a bot had.

    Every feature is a function of events up to the message (`as_of`) in the order of time, turn and event
    id; only the label, the consent and the choice of rows look further. Whether a bot has a conversation is
    known when it is routed, so it may choose the rows. The graph of people is that of today.
    People who withdrew analytics are left out. `events` must have passed `with_person`.
    """
    return (
        build_moments(events, conversations)
        .transform(lambda m: _with_prior_contacts(m, conversations))
        .transform(lambda m: _with_channels_before(m, events))
        .transform(lambda m: _with_consent(m, events))
        .select(*OUTPUT.schema.names)
    )


def build_moments(events: DataFrame, conversations: DataFrame) -> DataFrame:
    """The customer's messages with everything that the conversation alone tells, and the label."""
    had_by_bot = conversations.where("bot_turns > 0 OR handed_over_at IS NOT NULL").select(
        "conversation_id", F.col("person_id").alias("owner"), "handed_over_at"
    )
    so_far = Window.partitionBy("conversation_id").orderBy("event_at", F.coalesce("turn", F.lit(0)), "event_id")
    said = Window.partitionBy("conversation_id", "party", "plain").orderBy(
        "event_at", F.coalesce("turn", F.lit(0)), "event_id"
    )
    asks = F.col("party") == "customer"
    return (
        events.join(had_by_bot, on="conversation_id", how="inner")
        .withColumns({"plain": words.plain("text"), "text_length": F.length(F.coalesce("text", F.lit("")))})
        .withColumns({"again": (F.row_number().over(said) > 1) & (F.col("plain") != ""), "wait_s": _wait(so_far)})
        .withColumns(_running(so_far, asks))
        .where(asks & F.expr("handed_over_at IS NULL OR event_at < handed_over_at"))
        .withColumns(
            {
                "person_id": F.col("owner"),
                "as_of": F.col("event_at"),
                "turn": F.col("customer_turns"),
                "text_length": F.col("text_length").cast("bigint"),
                "language": F.when(
                    F.col("zh") + F.col("en") > 0, F.when(F.col("zh") >= F.col("en"), "zh").otherwise("en")
                ),
                "handed_over_later": F.col("handed_over_at").isNotNull(),
                "learns": F.array_contains("purposes", "learning"),
            }
        )
    )


def _running(so_far: Column, asks: Column) -> dict[str, Column]:
    """Counts and means over the conversation's events up to and with each one."""

    def count(condition: Column) -> Column:
        return F.count(F.when(condition, 1)).over(so_far)

    began_at = F.min("event_at").over(so_far)
    return {
        "customer_turns": count(asks),
        "bot_turns": count(F.col("party") == "bot"),
        "elapsed_s": (F.unix_micros("event_at") - F.unix_micros(began_at)) / F.lit(1e6),
        "mean_wait_s": F.coalesce(F.avg("wait_s").over(so_far), F.lit(0.0)),
        "last_wait_s": F.coalesce(F.last("wait_s", ignorenulls=True).over(so_far), F.lit(0.0)),
        "mean_text_length": F.coalesce(F.avg(F.when(asks, F.col("text_length"))).over(so_far), F.lit(0.0)),
        "repeats": count(asks & F.col("again")),
        "questions": count(asks & words.has_question_mark("text")),
        "asks_for_human": count(asks & words.asks_for_human("text")),
        "negative_words": F.sum(F.when(asks, words.negative_words("text")).otherwise(0)).over(so_far),
        "zh": count(F.col("party").isNotNull() & (F.col("language") == "zh")),
        "en": count(F.col("party").isNotNull() & (F.col("language") == "en")),
    }


def _wait(so_far: Column) -> Column:
    """On an answer that follows a message of the customer: the seconds between the two."""
    speaks_before = F.struct("party", "event_at")
    before = F.last(F.when(F.col("party").isNotNull(), speaks_before), ignorenulls=True).over(
        so_far.rowsBetween(Window.unboundedPreceding, -1)
    )
    waited = (F.unix_micros("event_at") - F.unix_micros(before["event_at"])) / F.lit(1e6)
    return F.when(F.col("party").isin("bot", "agent") & (before["party"] == "customer"), waited)


def _with_prior_contacts(moments: DataFrame, conversations: DataFrame) -> DataFrame:
    """Add prior_contacts and prior_handovers: of the person's conversations begun in the 30 days before."""
    # One array a person instead of a join of rows: a busy unit has thousands of both.
    talks = conversations.groupBy(F.col("person_id")).agg(
        F.collect_list(F.struct("conversation_id", "started_at", "handed_over_at")).alias("talks")
    )
    back = F.lit(CONTACTS_BACK)
    prior = F.filter(
        "talks",
        lambda t: (
            (t["conversation_id"] != F.col("conversation_id"))
            & (t["started_at"] < F.col("as_of"))
            & (t["started_at"] >= F.col("as_of") - back)
        ),
    )
    return (
        moments.join(talks, on="person_id", how="left")
        .withColumn("prior", prior)
        .withColumns(
            {
                "prior_contacts": F.size("prior").cast("bigint"),
                "prior_handovers": F.size(F.filter("prior", lambda t: t["handed_over_at"] < F.col("as_of"))).cast(
                    "bigint"
                ),
            }
        )
        .drop("talks", "prior")
    )


def _with_channels_before(moments: DataFrame, events: DataFrame) -> DataFrame:
    """Add channels_before: distinct channels of the person's events in the 7 days before as_of."""
    key = ("conversation_id", "turn")
    at = F.unix_micros("at").alias("micros")
    seen = events.select("person_id", F.col("event_at").alias("at"), "channel", *(F.lit(None).alias(k) for k in key))
    asked = moments.select("person_id", F.col("as_of").alias("at"), F.lit(None).alias("channel"), *key)
    week = int(CHANNELS_BACK.total_seconds() * 1_000_000)
    before = Window.partitionBy("person_id").orderBy("micros").rangeBetween(-week, -1)
    counted = (
        seen.unionByName(asked)
        .select("person_id", "channel", *key, at)
        .withColumn("channels_before", F.size(F.collect_set("channel").over(before)).cast("bigint"))
        .where("turn IS NOT NULL")
        .select(*key, "channels_before")
    )
    return moments.join(counted, on=list(key), how="inner")


def _with_consent(moments: DataFrame, events: DataFrame) -> DataFrame:
    """Leave out who withdrew analytics; add may_learn: all messages allow it and nobody withdrew it."""
    stopped = build_withdrawn(events, "learning").withColumn("stopped", F.lit(True))
    allowed = F.min("learns").over(Window.partitionBy("conversation_id"))
    return (
        moments.join(build_withdrawn(events, "analytics"), on="person_id", how="left_anti")
        .join(stopped, on="person_id", how="left")
        .withColumn("may_learn", F.coalesce(allowed, F.lit(False)) & F.col("stopped").isNull())
    )


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build the features of all conversations."""
    people = lake.read(tables.IDENTITY_PEOPLE)
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(people)).persist()
    try:
        return (lake.sync(OUTPUT, build_features(events, lake.read(tables.SILVER_CONVERSATIONS))),)
    finally:
        events.unpersist()


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("features", main)
