import random
from itertools import pairwise

import polars as pl
import pytest

from spark_jobs.identity.guards import MOST_NAMED, MOST_TOKENS
from spark_jobs.identity.sightings import combine, observe
from spark_jobs.identity.state import Rows
from tests.unit.identity.streams import Chance, an_event, differences, frame, in_full, matches, standing


def people_of(rows: Rows) -> set[frozenset[str]]:
    return {frozenset(tokens) for tokens in rows.people.group_by("person_id").agg("token")["token"].to_list()}


def ids_of(rows: Rows) -> dict[str, str]:
    return dict(rows.people.select("token", "person_id").iter_rows())


def reasons_of(rows: Rows) -> dict[str, str]:
    return dict(rows.quarantine.select("token", "reason").iter_rows())


def union_find(edges: list[tuple[str, str]]) -> set[frozenset[str]]:
    """The oracle of plain components."""
    of = {end: {end} for edge in edges for end in edge}
    for a, b in edges:
        if of[a] is not of[b]:
            of[a] |= of[b]
            for end in of[b]:
                of[end] = of[a]
    return {frozenset(group) for group in of.values()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_guard_in_play_people_are_the_components_of_the_links(seed: int) -> None:
    chance = random.Random(seed)
    edges = []
    for graph in range(40):
        names = [f"cookie.1.g{graph:02d}-{n:02d}" for n in range(chance.randint(2, 30))]
        edges += [(chance.choice(names), chance.choice(names)) for _ in range(chance.randint(1, len(names)))]
    edges += [(f"cookie.1.path-{n:03d}", f"cookie.1.path-{n + 1:03d}") for n in range(37)]
    chance.shuffle(edges)
    rows = in_full(frame([an_event(n, *edge) for n, edge in enumerate(edges)]))
    assert people_of(rows) == union_find(edges)
    assert rows.links["used"].all()


@pytest.mark.parametrize("seed", range(6))
def test_order_and_batches_of_events_change_nothing(seed: int) -> None:
    chance = Chance(seed)
    events, decided, pairs = chance.events(100), standing(*chance.decisions()), matches(*chance.pairs(6))
    rows = in_full(frame(events), pairs, decided)
    assert differences(rows, in_full(frame(chance.random.sample(events, len(events))), pairs, decided)) == {}
    parts = [observe(frame(events[start::7])) for start in range(7)]
    key = ["kind", "a", "b"]
    assert combine(parts).sort(key).equals(combine([observe(frame(events))]).sort(key))


@pytest.mark.parametrize("seed", range(6))
def test_nobody_breaks_a_rule(seed: int) -> None:
    chance = Chance(seed, rotated=False)
    rows = in_full(frame(chance.events(150)), matches(*chance.pairs(10)))
    for tokens in people_of(rows):
        assert sum(token.startswith("customer.") for token in tokens) <= 1
    alone = rows.people.filter(pl.len().over("person_id") > 1, pl.col("token").is_in(list(reasons_of(rows))))
    assert alone.is_empty()


@pytest.mark.parametrize(("kind", "count"), [("merge", 3), ("split", 2), ("exclude", 1), ("include", 1)])
def test_a_decision_taken_back_leaves_no_trace(kind: str, count: int) -> None:
    chance = Chance(5)
    events = frame(chance.events(80))
    before = in_full(events)
    decided = in_full(events, decided=standing((kind, *before.people["token"].sample(count, seed=4).to_list())))
    assert differences(before, in_full(events)) == {}
    assert kind == "include" or differences(before, decided)


def test_a_rotation_of_keys_keeps_ids_and_counts_all_versions_as_one() -> None:
    old = [
        an_event(1, "customer.1.a", "email.1.a"),
        an_event(2, "email.1.a", "device.1.a", hours=1),
        an_event(3, "phone.1.a", "customer.1.a", hours=2),
    ]
    before = in_full(frame(old))
    aliases = (("customer.2.A", "customer.1.a"), ("phone.2.A", "phone.1.a"))
    new = an_event(4, "customer.2.A", "phone.2.A", hours=24 * 40, aliases=aliases)
    # Never seen under the old key, and a third version.
    fresh = an_event(5, "email.2.B", "customer.2.A", hours=24 * 41, aliases=(("email.2.B", "email.1.b"),))
    third = an_event(6, "customer.3.A", "cookie.1.a", hours=24 * 99, aliases=(("customer.3.A", "customer.2.A"),))
    after = in_full(frame([*old, new, fresh, third]))
    assert set(ids_of(after).values()) == set(ids_of(before).values())
    assert len(ids_of(after)) == 10
    # One customer, not three; the phone has not changed hands.
    assert reasons_of(after) == {}
    same = dict(after.people.select("token", "same_as").iter_rows())
    assert same["customer.3.A"] == same["customer.1.a"] == "customer.1.a"
    assert same["device.1.a"] is None


def test_only_like_is_an_alias_of_like() -> None:
    event = an_event(
        1, "email.2.a", aliases=(("email.2.a", "phone.1.a"), ("email.2.a", ""), ("email.2.a", "email.2.a"))
    )
    assert ids_of(in_full(frame([event]))).keys() == {"email.2.a"}


def test_a_device_seen_with_two_e_mails_never_seen_together_joins_nobody() -> None:
    events = [
        an_event(1, "email.1.a", "device.1.shared"),
        an_event(2, "email.1.b", "device.1.shared"),
        an_event(3, "email.1.a", "cookie.1.a"),
        # Two addresses of one person are seen together, or with one phone.
        an_event(4, "email.1.c", "phone.1.c"),
        an_event(5, "email.1.d", "phone.1.c"),
        an_event(6, "email.1.c", "device.1.own"),
        an_event(7, "email.1.d", "device.1.own"),
    ]
    rows = in_full(frame(events))
    assert people_of(rows) == {
        frozenset({"email.1.a", "cookie.1.a"}),
        frozenset({"email.1.b"}),
        frozenset({"device.1.shared"}),
        frozenset({"email.1.c", "email.1.d", "phone.1.c", "device.1.own"}),
    }
    assert reasons_of(rows) == {"device.1.shared": "seen with e-mails or phones that were never seen together"}
    trusted = in_full(frame(events), decided=standing(("include", "device.1.shared")))
    assert frozenset({"email.1.a", "email.1.b", "device.1.shared", "cookie.1.a"}) in people_of(trusted)


@pytest.mark.parametrize(
    "between", [("device",), ("device", "cookie"), ("device", "phone"), ("cookie", "phone", "device")]
)
def test_no_chain_of_things_joins_people_without_end(between: tuple[str, ...]) -> None:
    events = []
    for n in range(60):
        chain = [f"email.1.{n:03d}", *(f"{kind}.1.{n:03d}" for kind in between), f"email.1.{n + 1:03d}"]
        events += [an_event(f"{n}-{a}", a, b, hours=n) for a, b in pairwise(chain)]
    rows = in_full(frame(events))
    weak = rows.people.filter(pl.col("type").is_in(("email",)).sum().over("person_id") > 1)
    assert weak.is_empty(), weak


def test_a_person_over_the_cap_loses_the_weakest_links_first_and_is_told_of_if_that_is_not_enough() -> None:
    cookies = [an_event(f"c{n}", "email.1.a", f"cookie.1.{n:04d}") for n in range(MOST_TOKENS + 5)]
    joined = [an_event(1, "email.1.a", "loyalty_card.1.a", "customer.1.a")]
    rows = in_full(frame(cookies + joined))
    assert frozenset({"email.1.a", "loyalty_card.1.a", "customer.1.a"}) in people_of(rows)
    assert reasons_of(rows) == {}
    robots = [an_event(f"r{n}", "customer.1.r", f"cookie.1.r{n:04d}") for n in range(MOST_TOKENS)]
    rows = in_full(frame(robots))
    assert max(len(tokens) for tokens in people_of(rows)) == 1
    assert set(reasons_of(rows).values()) == {f"of a person with more than {MOST_TOKENS} tokens"}
    assert len(reasons_of(rows)) == MOST_TOKENS + 1
    assert max(len(tokens) for tokens in people_of(in_full(frame(robots[1:])))) == MOST_TOKENS


def test_matches_join_unless_a_guard_forbids_it_and_are_given_up_first() -> None:
    events = frame(
        [
            an_event(1, "customer.1.a", "email.1.a"),
            an_event(2, "email.1.b", "phone.1.b"),
            an_event(3, "customer.1.c", "email.1.c"),
            an_event(4, "customer.1.d", "email.1.c"),
        ]
    )
    # Two customers' e-mails match as well: the match goes, what was seen together stays.
    pairs = matches(("email.1.a", "phone.1.b"), ("email.1.c", "email.1.b"), ("customer.1.a", "customer.1.c"))
    rows = in_full(events, pairs)
    assert people_of(rows) == {
        frozenset({"customer.1.a", "email.1.a", "phone.1.b", "email.1.b"}),
        frozenset({"customer.1.c"}), frozenset({"customer.1.d"}), frozenset({"email.1.c"}),
    }  # fmt: skip
    matched = rows.links.filter(pl.col("weight").is_not_null())
    assert dict(matched.select("token_a", "used").iter_rows()) == {
        "email.1.a": True, "email.1.b": False, "customer.1.a": False
    }  # fmt: skip
    assert set(matched["events"]) == {0}
    both = in_full(frame([an_event(1, "customer.1.a", "email.1.a"), an_event(2, "customer.1.b", "email.1.b")]),
                   matches(("email.1.a", "email.1.b")))  # fmt: skip
    assert len(people_of(both)) == 2
    apart = in_full(events, pairs, standing(("split", "email.1.b", "phone.1.b")))
    assert frozenset({"email.1.b", "phone.1.b"}) in people_of(apart)
    assert "email.9.z" not in ids_of(in_full(events, matches(("email.1.a", "email.9.z"))))


def test_events_that_name_nobody_or_too_many_join_nobody() -> None:
    thousands = [f"email.1.{n:05d}" for n in range(10_000)]
    cookies = [f"cookie.1.{n:02d}" for n in range(MOST_NAMED)]
    events = [
        an_event(1),
        an_event(2, None, "", "phone.1.a"),
        an_event(3, None, "", "phone.1.b"),
        an_event(4, *thousands, "phone.1.a", aliases=(("email.1.00001", "email.0.x"),)),
        an_event(5, "email.1.a", "email.1.a", "phone.1.a", "order.1.x"),
        an_event(6, *cookies),
    ]
    rows = in_full(frame(events))
    assert len(rows.links) == 1 + MOST_NAMED * (MOST_NAMED - 1) // 2
    assert ids_of(rows).keys() == {"email.1.a", "phone.1.a", "phone.1.b", *cookies}
    assert rows.quarantine.to_dicts() == [
        {"token": "event.1.4", "type": "event", "reason": "names more tokens than an event may", "neighbours": 10_001}
    ]
    assert all(table.is_empty() for table in (in_full(frame([])).links, in_full(frame([])).people))


def test_a_late_event_from_the_past_or_the_future_gives_the_same_as_in_order() -> None:
    events = [
        an_event(1, "email.1.a", "cookie.1.a", hours=5),
        an_event(2, "cookie.1.a", "device.1.a", hours=-24 * 900),
        an_event(3, "device.1.a", "phone.1.a", hours=24 * 9000),
    ]
    assert differences(in_full(frame(events)), in_full(frame(events[::-1]))) == {}
    assert len(people_of(in_full(frame(events)))) == 1
