"""gold.sessions → gold.journeys, gold.journey_steps, gold.transitions."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.people_of_events import with_person
from spark_jobs.journeys.sessions import hashed_id, paused, running_count
from spark_jobs.journeys.stages import with_stage
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake
from spark_jobs.silver.conversations import seconds_between

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS, tables.GOLD_SESSIONS)
OUTPUTS = (tables.GOLD_JOURNEYS, tables.GOLD_JOURNEY_STEPS, tables.GOLD_TRANSITIONS)

PAUSE = timedelta(hours=72)


def build_journey_events(events: DataFrame, sessions: DataFrame, conversations: DataFrame) -> DataFrame:
    """Events with their journey_id, stage and conversation: what the three tables are built from.

    Sessions of a person belong to one journey while each starts less than 72 hours after the one before
    ended and no payment succeeded in that one; a purchase ends the journey with its session. `events` must
    have passed `with_person`.
    """
    talks = conversations.select(
        "conversation_id",
        "handed_over_at",
        "bot_turns",
        "agent_turns",
        F.col("outcome").alias("talk_outcome"),
    )
    return (
        events.join(_journey_of_sessions(events, sessions), on="person_id", how="inner")
        .where("event_at BETWEEN session_started_at AND session_ended_at")
        .join(talks, on="conversation_id", how="left")
        .transform(with_stage)
        .select(
            "journey_id", "person_id", "session_id", "event_id", "event_at", "event_type", "channel", "stage",
            "conversation_id", "handed_over_at", "talk_outcome", "end_reason", "payment_status",
            "amount_minor",
        )
    )  # fmt: skip


def build_steps(journey_events: DataFrame) -> DataFrame:
    """Runs of events on one channel and stage: the columns of gold.journey_steps and what transitions need.

    Beside the declared columns: ended_at, and `next_*` of the following step of the same journey.
    """
    in_order = Window.partitionBy("journey_id").orderBy("event_at", "event_id")
    steps = Window.partitionBy("journey_id").orderBy("step")
    here = F.struct("channel", "stage")
    changes = (here != F.lag(here).over(in_order)) | F.lag(here).over(in_order).isNull()
    return (
        journey_events.withColumn("changes", changes.cast("bigint"))
        .withColumn("step", F.sum("changes").over(in_order))
        .groupBy("journey_id", "person_id", "step", "channel", "stage")
        .agg(
            F.min("event_at").alias("started_at"),
            F.max("event_at").alias("ended_at"),
            F.count("*").alias("events"),
        )
        .withColumn("first_on_channel", F.min("step").over(Window.partitionBy("journey_id", "channel")))
        .withColumns(
            {
                "next_started_at": F.lead("started_at").over(steps),
                "next_channel": F.lead("channel").over(steps),
                "next_returns": F.lead(F.col("first_on_channel") < F.col("step")).over(steps),
            }
        )
        .withColumn("dwell_s", seconds_between("started_at", "next_started_at"))
    )


def build_transitions(steps: DataFrame) -> DataFrame:
    """One row a change of channel; it returns if the journey was on the entered channel before."""
    return (
        steps.where("next_channel <> channel")
        .withColumns(
            {
                "from_channel": F.col("channel"),
                "to_channel": F.col("next_channel"),
                "gap_s": seconds_between("ended_at", "next_started_at"),
                "returns": F.col("next_returns"),
            }
        )
        .select(*tables.GOLD_TRANSITIONS.schema.names)
    )


def build_journeys(journey_events: DataFrame, steps: DataFrame) -> DataFrame:
    """One row a journey.

    The outcome is the first that holds: bought (a payment succeeded), escalated (a complaint, or a
    conversation ended so), transferred (a human took the last conversation and it was not resolved),
    resolved (a conversation ended so), abandoned.
    """
    walks = steps.groupBy("journey_id").agg(
        F.count("*").alias("steps"),
        F.count_distinct("channel").alias("channels"),
        F.count_if((F.col("next_channel") != F.col("channel")) & F.col("next_returns")).alias("loops"),
        F.min_by("channel", "step").alias("first_channel"),
        F.max_by("channel", "step").alias("last_channel"),
    )
    return (
        journey_events.groupBy("journey_id", "person_id")
        .agg(
            F.min("event_at").alias("started_at"),
            F.max("event_at").alias("ended_at"),
            F.count_distinct("session_id").alias("sessions"),
            F.sum(F.when(_pays(), F.coalesce("amount_minor", F.lit(0)))).alias("amount_minor"),
            F.coalesce(F.bool_or(_pays()), F.lit(False)).alias("bought"),
            F.bool_or(F.expr("event_type = 'complaint_filed' OR end_reason <=> 'escalated'")).alias("escalated"),
            F.bool_or(F.expr("end_reason <=> 'resolved'")).alias("resolved"),
            _last_talk().alias("last_talk"),
        )
        .join(walks, on="journey_id", how="inner")
        .withColumn("outcome", _outcome())
        .select(*tables.GOLD_JOURNEYS.schema.names)
    )


def _journey_of_sessions(events: DataFrame, sessions: DataFrame) -> DataFrame:
    """Sessions with their journey_id: hash of the person and the journey's first session."""
    paid = (
        events.where(_pays())
        .select("person_id", F.col("event_at").alias("paid_at"))
        .join(sessions.select("person_id", "session_id", "started_at", "ended_at"), on="person_id", how="inner")
        .where("paid_at BETWEEN started_at AND ended_at")
        .select("session_id", F.lit(True).alias("paid"))
        .distinct()
    )
    in_order = Window.partitionBy("person_id").orderBy("started_at", "session_id")
    journey = Window.partitionBy("person_id", "stretch")
    last_end = F.lag("ended_at").over(in_order)
    return (
        sessions.join(paid, on="session_id", how="left")
        .withColumn("opens", F.lag("paid").over(in_order).isNotNull() | paused(last_end, F.col("started_at"), PAUSE))
        .withColumn("stretch", running_count(F.col("opens"), in_order))
        .withColumn("first_session_id", F.min_by("session_id", F.struct("started_at", "session_id")).over(journey))
        .select(
            "person_id",
            "session_id",
            F.col("started_at").alias("session_started_at"),
            F.col("ended_at").alias("session_ended_at"),
            hashed_id("journey", F.col("person_id"), F.col("first_session_id")).alias("journey_id"),
        )
    )


def _pays() -> Column:
    return F.col("payment_status") == "succeeded"


def _last_talk() -> Column:
    """Of the journey's last event in a conversation: whether a human had it by then, and how it ended."""
    talk = F.struct(
        F.coalesce(F.col("handed_over_at") <= F.col("event_at"), F.lit(False)).alias("with_human"),
        F.col("talk_outcome").alias("outcome"),
    )
    return F.max_by(talk, F.when(F.col("conversation_id").isNotNull(), F.struct("event_at", "event_id")))


def _outcome() -> Column:
    transferred = F.expr("coalesce(last_talk.with_human AND last_talk.outcome <> 'resolved', false)")
    return (
        F.when(F.col("bought"), "bought")
        .when(F.col("escalated"), "escalated")
        .when(transferred, "transferred")
        .when(F.col("resolved"), "resolved")
        .otherwise("abandoned")
    )


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build all journeys, their steps and changes of channel."""
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(lake.read(tables.IDENTITY_PEOPLE)))
    journey_events = build_journey_events(
        events, lake.read(tables.GOLD_SESSIONS), lake.read(tables.SILVER_CONVERSATIONS)
    ).persist()
    steps = build_steps(journey_events).persist()
    try:
        return (
            lake.sync(tables.GOLD_JOURNEY_STEPS, steps.select(*tables.GOLD_JOURNEY_STEPS.schema.names)),
            lake.sync(tables.GOLD_TRANSITIONS, build_transitions(steps)),
            lake.sync(tables.GOLD_JOURNEYS, build_journeys(journey_events, steps)),
        )
    finally:
        steps.unpersist()
        journey_events.unpersist()


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("journeys", main)
