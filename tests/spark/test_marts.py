from datetime import timedelta

import pytest

from spark_jobs.gold.marts import build_private_conversations, build_private_journeys, build_units
from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import GOLD_JOURNEYS, SILVER_CONVERSATIONS
from tests.spark.build import START, an_event
from tests.spark.flow import flow_of

pytestmark = pytest.mark.spark


def conversation(number, person="p", **more):
    return {
        **dict.fromkeys(SILVER_CONVERSATIONS.schema.names),
        **{"conversation_id": f"conversation.1.{number:03d}", "person_id": person, "started_at": START},
        **{"ended_at": START, "turns": 1, "outcome": "open"},
        **more,
    }


def units(spark, *people):
    return spark.createDataFrame([(p,) for p in people], "person_id STRING")


def test_marts_hold_at_most_32_rows_a_person_the_first_by_token(spark):
    rows = [conversation(n) for n in range(40)] + [conversation(90, "q"), conversation(91, "stranger")]
    frame = spark.createDataFrame(rows, spark_schema(SILVER_CONVERSATIONS))
    mart = build_private_conversations(frame, units(spark, "p", "q")).orderBy("row_token").collect()
    assert [r["row_token"] for r in mart] == [f"conversation.1.{n:03d}" for n in [*range(32), 90]]


def test_conversations_are_clipped_to_the_declared_bounds_and_null_stays_null(spark):
    rows = [
        conversation(1, turns=900, first_wait_s=99999.0, csat=5, handed_over_at=START),
        conversation(2, first_wait_s=1.6),
        conversation(3),
    ]
    frame = spark.createDataFrame(rows, spark_schema(SILVER_CONVERSATIONS))
    mart = build_private_conversations(frame, units(spark, "p")).orderBy("row_token").collect()
    assert [(r["turns"], r["wait_s"], r["satisfaction"], r["handed_over"]) for r in mart] == [
        (200, 3600, 5, True), (1, 2, None, False), (1, None, None, False),
    ]  # fmt: skip


def test_journeys_are_clipped_to_the_declared_bounds_and_null_stays_null(spark):
    def journey(number, **more):
        base = dict.fromkeys(GOLD_JOURNEYS.schema.names)
        return {**base, "journey_id": f"journey.{number}", "person_id": "p", "started_at": START, **more}

    rows = [
        journey(1, ended_at=START + timedelta(days=99), steps=999, channels=3, amount_minor=99_999_999_00),
        journey(2, ended_at=START + timedelta(seconds=90), steps=1, channels=1, amount_minor=150),
        journey(3, ended_at=START, steps=1, channels=1),
    ]
    frame = spark.createDataFrame(rows, spark_schema(GOLD_JOURNEYS))
    mart = build_private_journeys(frame, units(spark, "p")).orderBy("row_token").collect()
    assert [(r["steps"], r["channels"], r["duration_min"], r["amount"]) for r in mart] == [
        (200, 3, 43200, 100_000), (1, 1, 2, 2), (1, 1, 0, None),
    ]  # fmt: skip


def test_units_are_known_people_who_did_not_withdraw(spark):
    flow = flow_of(
        spark,
        an_event().by(customer="stays"),
        an_event().by(phone="shared"),
        an_event(),
        an_event().by(customer="gone").of("consent_changed", withdrawn=["analytics", "learning"]),
        shared=("phone.1.shared",),
    )
    person_of = {r["token"]: r["person_id"] for r in flow.people.collect()}
    found = [r["person_id"] for r in build_units(flow.events, flow.people).collect()]
    assert found == [person_of["customer.1.stays"]]
