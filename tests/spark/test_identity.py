import random
import tempfile
from collections import defaultdict
from datetime import timedelta

import polars as pl
import pyarrow as pa
import pytest

from services.audit import AuditLog
from services.identity.decisions import Decisions
from services.identity.explain import explain
from spark_jobs.identity import rebuild, resolve
from spark_jobs.identity.decisions import build_standing
from spark_jobs.identity.kinds import MERGE
from spark_jobs.identity.lake_state import to_polars
from spark_jobs.identity.people_of_events import with_person
from spark_jobs.identity.state import MATCHES, Rows
from spark_jobs.lake.files import make, read_all, written
from spark_jobs.lake.io import Lake, spark_schema
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.tables import (
    IDENTITY_DECISIONS,
    IDENTITY_LINKS,
    IDENTITY_MATCHES,
    IDENTITY_PEOPLE,
    IDENTITY_QUARANTINE,
    IDENTITY_VERSIONS,
    SILVER_EVENTS,
)
from tests.spark.build import START
from tests.unit.identity.streams import Chance, an_event

pytestmark = pytest.mark.spark


def sighting(minute: int, **tokens: str | None) -> dict:
    """A silver event that names somebody."""
    at = START + timedelta(minutes=minute)
    named = [{"type": t.rstrip("_"), "token": n and f"{t.rstrip('_')}.1.{n}"} for t, n in tokens.items()]
    empty = dict.fromkeys(SILVER_EVENTS.schema.names)
    ids = "-".join(str(n) for n in tokens.values())
    return {**empty, "event_id": f"{minute}-{ids}", "event_at": at, "received_at": at, "identifiers": named}


def resolved(spark, events: list[dict], *decisions: tuple) -> Rows:
    decided = [
        (f"{kind}-{number}", kind, token, START, None)
        for number, (kind, *tokens) in enumerate(decisions)
        for token in tokens
    ]
    graph = (IDENTITY_LINKS, IDENTITY_QUARANTINE, IDENTITY_PEOPLE)
    with tempfile.TemporaryDirectory() as root:
        for table in graph:
            make(root, table)
        found = rebuild.resolve(
            Lake(spark, root),
            spark.createDataFrame(events, spark_schema(SILVER_EVENTS)),
            spark.createDataFrame(decided, spark_schema(IDENTITY_DECISIONS)),
        )
        parts = zip(graph, (found.links, found.quarantine, found.people), strict=True)
        return Rows(*(read_all(table, written(root, table, of), table.schema.names) for table, of in parts))


def to_spark(spark, rows: pl.DataFrame, table: Table):
    schema = pa.schema([table.schema.field(name) for name in rows.columns])
    return spark.createDataFrame(rows.to_arrow().cast(schema))


def owners(graph: Rows) -> dict[str, tuple[str, bool]]:
    """Token → (person, shared)."""
    return {row["token"]: (row["person_id"], row["shared"]) for row in graph.people.iter_rows(named=True)}


def groups(people: dict[str, tuple[str, bool]]) -> set[frozenset[str]]:
    by_person = defaultdict(set)
    for token, (person, _) in people.items():
        by_person[person].add(token.replace(".1.", "."))
    return {frozenset(tokens) for tokens in by_person.values()}


def test_guards_join_people_and_keep_shared_things_apart(spark):
    events = [
        # A person across channels, through a phone and an e-mail.
        sighting(1, cookie="a1"),
        sighting(2, cookie="a1", customer="a"),
        sighting(3, customer="a", phone="a"),
        sighting(4, phone="a", email="a"),
        # A phone of two customers joins neither, and stands alone.
        sighting(5, customer="b1", phone="b"),
        sighting(6, customer="b2", phone="b"),
        # Two customer numbers in one event are two people.
        sighting(7, customer="c1", customer_="c2"),
        # Nothing and null are no names.
        sighting(8, customer="d1", email=""),
        sighting(9, customer="d2", email=""),
        sighting(10, customer="e1", phone=None),
        sighting(11, customer="e2", phone=None),
        # A chain of tokens, none over a limit, that would join two customers: the device gives way.
        sighting(12, customer="f1", phone="f"),
        sighting(13, phone="f", device="f"),
        sighting(14, device="f", email="f"),
        sighting(15, email="f", customer="f2"),
        # The same through phone and e-mail: the phone's link gives way, both stay with their customer.
        sighting(16, customer="g1", phone="g"),
        sighting(17, phone="g", email="g"),
        sighting(18, email="g", customer="g2"),
    ]
    graph = resolved(spark, events)
    people = owners(graph)
    assert groups(people) == {
        frozenset({"cookie.a1", "customer.a", "phone.a", "email.a"}),
        frozenset({"customer.b1"}), frozenset({"customer.b2"}), frozenset({"phone.b"}),
        frozenset({"customer.c1"}), frozenset({"customer.c2"}),
        frozenset({"customer.d1"}), frozenset({"customer.d2"}),
        frozenset({"customer.e1"}), frozenset({"customer.e2"}),
        frozenset({"customer.f1", "phone.f"}), frozenset({"device.f"}), frozenset({"customer.f2", "email.f"}),
        frozenset({"customer.g1", "phone.g"}), frozenset({"customer.g2", "email.g"}),
    }  # fmt: skip
    assert {t for t, (_, shared) in people.items() if shared} == {"phone.1.b"}
    assert graph.quarantine.select("token", "reason", "neighbours").rows() == [
        ("phone.1.b", "seen with more than 1 customer", 2)
    ]
    assert set(graph.links.filter(~pl.col("used")).select("token_a", "token_b").rows()) == {
        ("customer.1.b1", "phone.1.b"), ("customer.1.b2", "phone.1.b"), ("customer.1.c1", "customer.1.c2"),
        ("device.1.f", "phone.1.f"), ("device.1.f", "email.1.f"), ("email.1.g", "phone.1.g"),
    }  # fmt: skip


def test_decisions_go_before_the_guards_and_leave_no_trace_when_taken_back(spark):
    events = [
        # A phone of two customers, which is one household's, and a tablet that nobody should be known by.
        sighting(1, customer="a1", phone="a", email="a"),
        sighting(2, customer="a2", phone="a"),
        sighting(3, customer="b", device="b"),
        sighting(4, device="b", cookie="b"),
        # Two accounts of one person, and one account under which two write.
        sighting(5, customer="c1", cookie="c1"),
        sighting(6, customer="c2", cookie="c2"),
        sighting(7, customer="d", email="d"),
        sighting(8, customer="d", social="d", cookie="d"),
    ]
    before = groups(owners(resolved(spark, events)))
    graph = resolved(
        spark,
        events,
        ("include", "phone.1.a"),
        ("exclude", "device.1.b"),
        ("merge", "customer.1.c1", "customer.1.c2"),
        ("split", "social.1.d", "cookie.1.d"),
    )
    assert groups(owners(graph)) == {
        frozenset({"customer.a1", "customer.a2", "phone.a", "email.a"}),
        frozenset({"customer.b"}), frozenset({"device.b"}), frozenset({"cookie.b"}),
        frozenset({"customer.c1", "cookie.c1", "customer.c2", "cookie.c2"}),
        frozenset({"customer.d", "email.d"}), frozenset({"social.d", "cookie.d"}),
    }  # fmt: skip
    people = owners(graph)
    # Of people who are joined, the one who was known first gives the id; who is split off gets a new one.
    first = owners(resolved(spark, events))
    assert people["customer.1.c2"] == first["customer.1.c1"]
    assert people["customer.1.d"] == first["customer.1.d"]
    assert people["cookie.1.d"] != first["cookie.1.d"]
    assert graph.quarantine.select("token", "reason").rows() == [("device.1.b", "excluded by a decision")]
    undone = pl.DataFrame({"decision_id": ["m"], "kind": ["merge"], "token": ["customer.1.c1"], "undone_at": [START]})
    assert build_standing(undone).is_empty()
    assert groups(first) == before


def test_a_device_that_changes_hands_is_its_holders_at_the_time(spark):
    day = 24 * 60
    events = [
        sighting(0, customer="a", device="sold"),
        sighting(1, device="sold", cookie="a"),
        sighting(20 * day, customer="b", device="sold"),
        sighting(21 * day, device="sold", cookie="b"),
        # Two who use one in turn share it, and so do two within days of each other.
        *(sighting(60 * n * day, customer="cd"[n % 2], device="turns") for n in range(4)),
        sighting(0, customer="e", device="lent"),
        sighting(3 * day, customer="f", device="lent"),
    ]
    graph = resolved(spark, events)
    assert groups(owners(graph)) == {
        frozenset({"customer.a", "device.sold", "cookie.a"}), frozenset({"customer.b", "device.sold#2", "cookie.b"}),
        frozenset({"customer.c"}), frozenset({"customer.d"}), frozenset({"device.turns"}),
        frozenset({"customer.e"}), frozenset({"customer.f"}), frozenset({"device.lent"}),
    }  # fmt: skip
    silver = spark.createDataFrame(events, spark_schema(SILVER_EVENTS))
    whose = silver.transform(with_person(to_spark(spark, graph.people, IDENTITY_PEOPLE)))
    of_events = {row["event_id"]: row["person_id"] for row in whose.collect()}
    people = owners(graph)
    assert of_events["1-sold-a"] == people["customer.1.a"][0]
    assert of_events[f"{21 * day}-sold-b"] == people["customer.1.b"][0]
    # Whose it was keeps the id that it had before it was sold.
    assert owners(resolved(spark, events[:2]))["device.1.sold"] == people["device.1.sold"]


def random_events(seed: int) -> list[dict]:
    chance = random.Random(seed)
    sizes = {"customer": 12, "email": 14, "phone": 14, "device": 16, "cookie": 20}
    events = []
    for minute in range(120):
        types = chance.sample(sorted(sizes), chance.choice((1, 2, 2, 3)))
        events.append(sighting(minute, **{t: str(chance.randrange(sizes[t])) for t in types}))
    return events


def test_person_ids_are_stable_when_events_are_shuffled_and_no_person_has_two_customer_numbers(spark):
    events = random_events(3)
    people = owners(resolved(spark, events))
    assert owners(resolved(spark, random.Random(4).sample(events, len(events)))) == people
    for tokens in groups(people):
        assert sum(t.startswith("customer.") for t in tokens) <= 1


def test_the_tables_follow_a_decision_and_are_as_before_when_it_is_taken_back(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    events = [sighting(1, customer="a", email="a"), sighting(2, customer="b", cookie="b")]
    lake.sync(SILVER_EVENTS, spark.createDataFrame(events, spark_schema(SILVER_EVENTS)))
    decisions = Decisions(lake.root, AuditLog(tmp_path / "audit.jsonl"))

    def people() -> list[tuple]:
        resolve.main(lake)
        return sorted(map(tuple, lake.read(IDENTITY_PEOPLE).collect()))

    before = people()
    person_of = {row[0]: row[2] for row in before}
    made = decisions.decide(MERGE, ["email.1.a", "cookie.1.b"])
    joined = people()
    assert {row[2] for row in joined} == {person_of["customer.1.a"]}
    assert explain(lake.root, "cookie.1.b").tokens == ("cookie.1.b", "customer.1.a", "customer.1.b", "email.1.a")
    decisions.undo(made.decision_id)
    assert people() == before
    versions = sorted((row["version"], row["moved"]) for row in lake.read(IDENTITY_VERSIONS).collect())
    assert versions == [(1, 4), (2, 2), (3, 2)]
    assert len(explain(lake.root, "cookie.1.b", version=2).tokens) == 4


def test_increments_write_what_a_full_run_writes(spark, tmp_path):
    """The same runs over two lakes, one of which resolves everything each time: all five tables are equal."""
    by_increments, in_full = (Lake(spark, str(tmp_path / name)) for name in ("increments", "full"))
    chance = Chance(7)
    events = [{**dict.fromkeys(SILVER_EVENTS.schema.names), **event} for event in chance.events(90)]
    for number, event in enumerate(events):
        event["received_at"] = START + timedelta(minutes=number)
    audits = [Decisions(lake.root, AuditLog(tmp_path / "audit.jsonl")) for lake in (by_increments, in_full)]
    for end in (70, 90):
        silver = spark.createDataFrame(events[:end], spark_schema(SILVER_EVENTS)).localCheckpoint()
        pairs = pl.DataFrame([(*sorted(pair), 1.5) for pair in set(chance.pairs(2))], MATCHES, orient="row")
        matched = pairs.with_columns(type_a=pl.lit("email"), type_b=pl.lit("email")).unique(["token_a", "token_b"])
        for lake in (by_increments, in_full):
            lake.sync(SILVER_EVENTS, silver)
            lake.sync(IDENTITY_MATCHES, to_spark(spark, matched, IDENTITY_MATCHES))
        known = by_increments.exists(IDENTITY_PEOPLE)
        assert known == (resolve.increment_of(by_increments, resolve.reflects_of(by_increments)) is not None)
        resolve.main(by_increments)
        resolve.resolve_all(in_full)
        for table in resolve.OUTPUTS:
            one, other = (to_polars(lake.read(table)).sort(table.key) for lake in (by_increments, in_full))
            assert one.equals(other), table.name
        tokens = one.filter(~pl.col("shared"))["token"].to_list()[:2]
        for audit in audits:
            audit.decide(MERGE, tokens)


def test_nothing_new_writes_nothing_and_an_empty_lake_gives_empty_tables(spark, tmp_path):
    lake = Lake(spark, str(tmp_path / "lake"))
    lake.sync(SILVER_EVENTS, spark.createDataFrame([], spark_schema(SILVER_EVENTS)))
    assert not any(changes.any for changes in resolve.main(lake))
    event = {
        **dict.fromkeys(SILVER_EVENTS.schema.names),
        **an_event(1, "email.1.a", "cookie.1.a"),
        "received_at": START,
    }
    lake.sync(SILVER_EVENTS, spark.createDataFrame([event], spark_schema(SILVER_EVENTS)))
    resolve.main(lake)
    before = {table.name: lake.version(table) for table in resolve.OUTPUTS}
    assert not any(changes.any for changes in resolve.main(lake))
    assert {table.name: lake.version(table) for table in resolve.OUTPUTS} == before
