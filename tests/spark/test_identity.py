import random
from collections import defaultdict
from datetime import timedelta

import pytest

from spark_jobs.identity import resolve
from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import IDENTITY_HISTORY, SILVER_EVENTS
from tests.spark.build import START

pytestmark = pytest.mark.spark


def sighting(minute: int, **tokens: str | None) -> dict:
    """A silver event that names somebody."""
    at = START + timedelta(minutes=minute)
    named = [{"type": t.rstrip("_"), "token": n and f"{t.rstrip('_')}.1.{n}"} for t, n in tokens.items()]
    empty = dict.fromkeys(SILVER_EVENTS.schema.names)
    ids = "-".join(str(n) for n in tokens.values())
    return {**empty, "event_id": f"{minute}-{ids}", "event_at": at, "received_at": at, "identifiers": named}


def resolved(spark, events: list[dict]) -> resolve.Graph:
    return resolve.resolve(spark.createDataFrame(events, spark_schema(SILVER_EVENTS)))


def owners(graph: resolve.Graph) -> dict[str, tuple[str, bool]]:
    """Token → (person, shared)."""
    return {row["token"]: (row["person_id"], row["shared"]) for row in graph.people.collect()}


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
    quarantined = graph.quarantine.collect()
    assert [(q["token"], q["reason"], q["neighbours"]) for q in quarantined] == [
        ("phone.1.b", "seen with more than 1 customer", 2)
    ]
    unused = {(r["token_a"], r["token_b"]) for r in graph.links.where("NOT used").collect()}
    assert unused == {
        ("customer.1.b1", "phone.1.b"), ("customer.1.b2", "phone.1.b"), ("customer.1.c1", "customer.1.c2"),
        ("device.1.f", "phone.1.f"), ("device.1.f", "email.1.f"), ("email.1.g", "phone.1.g"),
    }  # fmt: skip


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


def test_history_gains_a_version_with_a_change_and_none_without(spark):
    def people(**of):
        return spark.createDataFrame(list(of.items()), "token STRING, person_id STRING")

    def rows(frame):
        return sorted(tuple(row) for row in frame.collect())

    empty = spark.createDataFrame([], spark_schema(IDENTITY_HISTORY))
    first = resolve.build_history(empty, people(a="A", b="B")).localCheckpoint()
    assert rows(first) == [(1, "a", None, "A"), (1, "b", None, "B")]
    assert rows(resolve.build_history(first, people(a="A", b="B"))) == rows(first)
    joined = resolve.build_history(first, people(a="A", b="A")).localCheckpoint()
    assert rows(joined.where("version = 2")) == [(2, "b", "B", "A")]
    gone = resolve.build_history(joined, people(a="A"))
    assert rows(gone.where("version = 3")) == [(3, "b", "A", None)]
