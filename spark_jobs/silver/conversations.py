"""silver.events → silver.conversations: one row a conversation."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.people_of_events import build_people_of_conversations, with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE)
OUTPUT = tables.SILVER_CONVERSATIONS
OUTPUTS = (OUTPUT,)


def build_conversations(events: DataFrame) -> DataFrame:
    """One row a conversation: its person, turns, first wait, hand-over and end.

    A human took over when an agent was handed the conversation before any agent spoke, or spoke after a bot
    had; a conversation that an agent has from the start is not handed over. The last end that was sent
    counts; without one it is open. `events` must have passed `with_person`.
    """
    people = build_people_of_conversations(events)
    return (
        events.where("conversation_id IS NOT NULL")
        .transform(_with_firsts)
        .transform(_summarised)
        .join(people, on="conversation_id", how="inner")
        .select(*OUTPUT.schema.names)
    )


def _with_firsts(events: DataFrame) -> DataFrame:
    """Add when the customer, a bot and an agent first spoke in the conversation."""
    conversation = Window.partitionBy("conversation_id")
    return events.withColumns(
        {
            f"first_{party}_at": F.min(F.when(F.col("party") == party, F.col("event_at"))).over(conversation)
            for party in ("customer", "bot", "agent")
        }
    )


def _summarised(events: DataFrame) -> DataFrame:
    in_order = F.struct("event_at", F.coalesce("turn", F.lit(0)), "event_id")
    answers = F.col("party").isin("bot", "agent") & F.expr("event_at >= first_customer_at")
    return (
        events.groupBy("conversation_id")
        .agg(
            F.min_by("channel", in_order).alias("channel"),
            F.min("event_at").alias("started_at"),
            F.max("event_at").alias("ended_at"),
            F.count("party").alias("turns"),
            *(_count(F.col("party") == p).alias(f"{p}_turns") for p in ("customer", "bot", "agent")),
            _count(F.col("party").isNotNull() & (F.col("language") == "zh")).alias("zh"),
            _count(F.col("party").isNotNull() & (F.col("language") == "en")).alias("en"),
            F.min_by("language", in_order).alias("first_language"),
            F.min("first_customer_at").alias("asked_at"),
            F.min(F.when(answers, F.col("event_at"))).alias("answered_at"),
            F.min(F.when(_takes_over(), F.col("event_at"))).alias("handed_over_at"),
            F.max_by("end_reason", F.when(F.col("end_reason").isNotNull(), in_order)).alias("end_reason"),
            F.max_by("score", F.when(_is_csat(), in_order)).alias("csat"),
        )
        .withColumns(
            {
                "language": F.when(F.col("zh") + F.col("en") == 0, F.col("first_language")).otherwise(
                    F.when(F.col("zh") >= F.col("en"), "zh").otherwise("en")
                ),
                "first_wait_s": seconds_between("asked_at", "answered_at"),
                "outcome": F.coalesce("end_reason", F.lit("open")),
            }
        )
    )


def _count(condition: Column) -> Column:
    return F.count(F.when(condition, 1))


def _takes_over() -> Column:
    handed = (F.col("to_party") == "agent") & F.expr("first_agent_at IS NULL OR event_at <= first_agent_at")
    speaks = (F.col("party") == "agent") & F.expr("first_bot_at < first_agent_at")
    return handed | speaks


def _is_csat() -> Column:
    return (F.col("feedback_kind") == "csat") & F.col("score").between(1, 5)


def seconds_between(start: str, end: str) -> Column:
    """Seconds from one timestamp column to another, with microseconds; null if either is."""
    return (F.unix_micros(F.col(end)) - F.unix_micros(F.col(start))) / F.lit(1e6)


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build all conversations."""
    versions = {table.name: lake.version(table) for table in INPUTS}
    reflects = {name: version for name, version in versions.items() if version is not None}
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(lake.read(tables.IDENTITY_PEOPLE)))
    return (lake.sync(OUTPUT, build_conversations(events), reflects=reflects),)


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("conversations", main)
