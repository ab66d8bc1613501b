"""Whose event and whose conversation it is: the one join between events and the identity graph."""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.guards import priority
from spark_jobs.identity.holdings import held_at


def person_id_of(token: Column) -> Column:
    """The person id that a token (or an event id, where nobody is named) gives: 128 bits of its SHA-256.

    The token is a keyed pseudonym already, so the hash opens nothing.
    """
    return F.concat(F.lit("person."), F.substring(F.sha2(token, 256), 1, 32))


def with_person(people: DataFrame) -> Callable[[DataFrame], DataFrame]:
    """Add `person_id` and `known` to events.

    An event belongs to the person of its strongest token that is not shared, else to its shared token's
    own unit, else, naming nobody, to a unit of its own. `known` is true in the first case only. Ties between
    tokens of one type go to the smaller token. A token that changed hands is its holder's at the event's time.
    """

    def transform(events: DataFrame) -> DataFrame:
        strongest = (
            events.select("event_id", "event_at", F.inline("identifiers"))
            .join(people.drop("token", "type").withColumnRenamed("seen_as", "token"), on="token", how="inner")
            .where(held_at("event_at"))
            .groupBy("event_id")
            .agg(F.min(F.struct("shared", priority(F.col("type")).alias("priority"), "token", "person_id")).alias("s"))
            .select("event_id", F.col("s.person_id").alias("person_id"), (~F.col("s.shared")).alias("known"))
        )
        return (
            events.join(strongest, on="event_id", how="left")
            .withColumn("person_id", F.coalesce("person_id", person_id_of(F.col("event_id"))))
            .withColumn("known", F.coalesce("known", F.lit(False)))
        )

    return transform


def build_people_of_conversations(events: DataFrame) -> DataFrame:
    """One row a conversation (conversation_id, person_id): the person of most of its events.

    A known person goes before a shared token or an event that names nobody, however many of those there
    are; ties go to the smaller id. `events` must have passed `with_person`.
    """
    order = Window.partitionBy("conversation_id").orderBy(F.desc("known"), F.desc("count"), "person_id")
    return (
        events.where("conversation_id IS NOT NULL")
        .groupBy("conversation_id", "person_id", "known")
        .count()
        .withColumn("place", F.row_number().over(order))
        .where("place = 1")
        .select("conversation_id", "person_id")
    )


def build_withdrawn(events: DataFrame, purpose: str) -> DataFrame:
    """People (person_id) whose latest consent change about `purpose` withdrew it.

    A change that both grants and withdraws counts as a withdrawal. `events` must have passed `with_person`.
    """
    withdraws = F.coalesce(F.array_contains("withdrawn", purpose), F.lit(False))
    grants = F.coalesce(F.array_contains("granted", purpose), F.lit(False))
    return (
        events.where(withdraws | grants)
        .groupBy("person_id")
        .agg(F.max_by(withdraws, F.struct("event_at", withdraws.alias("w"), "event_id")).alias("gone"))
        .where("gone")
        .select("person_id")
    )
