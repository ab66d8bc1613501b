import random
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_jobs.identity.people_of_events import with_person
from spark_jobs.journeys import journeys
from spark_jobs.journeys.kernel import OUTPUTS
from spark_jobs.lake import tables
from spark_jobs.lake.io import Lake, spark_schema
from tests.unit.journeys.generated_events import a_token, an_event, owners_of, some_events, some_people, some_talks

pytestmark = pytest.mark.spark

SOURCES = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS)


@pytest.fixture(autouse=True)
def any_share(monkeypatch):
    monkeypatch.setattr(journeys, "SHARE_CHANGED", 3.0)


def write(lake, table, rows, mode="append"):
    blank = dict.fromkeys(table.schema.names)
    arrow = pa.Table.from_pylist([{**blank, **row} for row in rows], table.schema)
    write_deltalake(lake.path(table), arrow, mode=mode, configuration=table.properties)


def talks():
    return [{**talk, "started_at": an_event(0)["event_at"], "person_id": "person.a"} for talk in some_talks()]


def a_lake(spark, root, events, people=None, conversations=None):
    lake = Lake(spark, str(root))
    for table, rows in zip(SOURCES, (events, people or some_people(), conversations or talks()), strict=True):
        write(lake, table, rows)
    return lake


def content(lake):
    """The rows of the four tables, read as other readers do: by the log."""
    return {
        table.name: sorted(map(repr, DeltaTable(lake.path(table)).to_pyarrow_table().to_pylist())) for table in OUTPUTS
    }


def versions(lake):
    return [lake.version(table) for table in OUTPUTS]


@pytest.mark.parametrize("change", ["late", "in order", "people", "conversations", "deleted", "named", "all"])
def test_an_increment_gives_what_a_full_run_gives(spark, tmp_path, change):
    chance = random.Random(change)
    events, people, conversations = some_events(400, chance), some_people(), talks()
    if change == "in order":
        events.sort(key=lambda event: event["event_at"])
    lake = a_lake(spark, tmp_path / "kept", events[:360], people, conversations)
    journeys.main(lake)
    if change in ("late", "in order", "all"):
        write(lake, tables.SILVER_EVENTS, events[360:])
    else:
        events = events[:360]
    if change in ("people", "all"):
        people = [{**row, "person_id": "person.b"} if row["token"] == "phone.1.e" else row for row in people]
        people = [row for row in people if row["token"] != "customer.1.c"]
        write(lake, tables.IDENTITY_PEOPLE, people, "overwrite")
    if change == "named":
        people = [*people, a_token("customer.1.g", "person.g")]
        write(lake, tables.IDENTITY_PEOPLE, people[-1:])
    if change in ("conversations", "all"):
        conversations = [{**talk, "bot_turns": 0, "agent_turns": 1, "outcome": "open"} for talk in conversations]
        write(lake, tables.SILVER_CONVERSATIONS, conversations, "overwrite")
    if change == "deleted":
        events = events[:-60]
        write(lake, tables.SILVER_EVENTS, events, "overwrite")
    changed = journeys.main(lake)
    assert any(one.any for one in changed)
    whole = a_lake(spark, tmp_path / "whole", events, people, conversations)
    expected = journeys.main(whole)
    assert content(lake) == content(whole)
    assert [one.rows for one in changed] == [one.rows for one in expected]
    before = versions(lake)
    assert not any(one.any for one in journeys.main(lake))
    assert versions(lake) == before


def test_increments_of_people_who_come_seldom_give_what_a_full_run_gives(spark, tmp_path):
    events = some_events(300, random.Random(3), fortnights=12)
    lake = a_lake(spark, tmp_path / "kept", events[:240])
    journeys.main(lake)
    for start in (240, 260, 280):
        write(lake, tables.SILVER_EVENTS, events[start : start + 20])
        journeys.main(lake)
    whole = a_lake(spark, tmp_path / "whole", events)
    journeys.main(whole)
    assert content(lake) == content(whole)


def test_a_run_that_was_killed_between_two_tables_is_made_good(spark, tmp_path):
    events = some_events(120, random.Random(5))
    lake = a_lake(spark, tmp_path / "kept", events[:80])
    journeys.main(lake)
    write(lake, tables.SILVER_EVENTS, events[80:])
    journeys.main(lake)
    expected = content(lake)
    max(Path(lake.path(tables.GOLD_JOURNEYS), "_delta_log").glob("*.json")).unlink()
    journeys.main(lake)
    assert content(lake) == expected


def test_an_event_is_the_same_persons_in_the_kernel_and_in_spark(spark):
    events, people = some_events(400, random.Random(11)), some_people()
    twins = [a_token("email.1.a", "person.a"), a_token("email.1.b", "person.b")]
    for event in events[:40]:
        event["identifiers"] = [{"type": "email", "token": f"email.1.{name}"} for name in "ba"]
    rows = [[{**dict.fromkeys(t.schema.names), **row} for row in given] for t, given in
            ((tables.SILVER_EVENTS, events), (tables.IDENTITY_PEOPLE, [*people, *twins]))]  # fmt: skip
    there, known = (
        spark.createDataFrame([tuple(row[n] for n in table.schema.names) for row in given], spark_schema(table))
        for table, given in zip((tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE), rows, strict=True)
    )
    expected = {row["event_id"]: row["person_id"] for row in there.transform(with_person(known)).collect()}
    assert owners_of(events, [*people, *twins]) == expected


def test_spark_reads_what_the_tasks_wrote(spark, tmp_path):
    lake = a_lake(spark, tmp_path, [an_event(1), an_event(2, an_event(1)["event_at"] + timedelta(minutes=1))])
    journeys.main(lake)
    (session,) = lake.read(tables.GOLD_SESSIONS).collect()
    assert (session["events"], session["channels"]) == (2, ["web"])
    assert lake.read(tables.GOLD_JOURNEYS).where("started_at < '2026-03-03'").count() == 1
    assert lake.read(tables.GOLD_TRANSITIONS).isEmpty()


def test_an_empty_lake_gives_empty_tables_and_no_versions(spark, tmp_path):
    lake = Lake(spark, str(tmp_path))
    journeys.main(lake)
    before = versions(lake)
    assert all(lake.read(table).isEmpty() for table in OUTPUTS)
    journeys.main(lake)
    assert versions(lake) == before
