"""What the simulated world promises: the same from the same seed, valid, bilingual, and true to its truth."""

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from mangrove.event.v1 import event_pb2 as pb
from privacy.masking import compile_plan
from privacy.masking.validate import violations
from services.simulator.truth import truth, write_truth
from services.simulator.world import DAYS, DEFAULT_START, World, WorldImpossible, planted, simulate

PLAN = compile_plan(pb.Event.DESCRIPTOR)


@pytest.fixture(scope="module")
def world():
    return World.generate(seed=11, people=500)


def digest(world):
    sha = hashlib.sha256()
    for event in simulate(world):
        sha.update(event.SerializeToString(deterministic=True))
    return sha.hexdigest()


def by_conversation(world):
    talks = defaultdict(dict)
    for event in simulate(world):
        if event.conversation_id:
            talks[event.conversation_id][event.event_id] = event
    return {key: sorted(events.values(), key=lambda e: e.occurred_at_unix_nano) for key, events in talks.items()}


def test_same_seed_and_start_give_the_same_events_byte_for_byte():
    assert digest(World.generate(3, 40)) == digest(World.generate(3, 40))


def test_another_seed_gives_another_world():
    assert digest(World.generate(3, 40)) != digest(World.generate(4, 40))


def test_another_start_moves_all_events_by_the_same_time():
    later = World.generate(3, 20, DEFAULT_START + timedelta(days=7))
    here = World.generate(3, 20)
    moved = {
        b.occurred_at_unix_nano - a.occurred_at_unix_nano
        for a, b in zip(simulate(here), simulate(later), strict=True)
        if a.occurred_at_unix_nano
    }
    assert moved == {7 * 86_400 * 10**9}


def test_default_world_has_the_promised_size_and_reaches_every_channel():
    world = World.generate()
    assert 32_000 <= len(world.marks.person_of) <= 36_000
    channels = Counter(event.channel for event in simulate(world))
    assert all(channels[channel] > 200 for channel in range(pb.CHANNEL_WEB, pb.CHANNEL_STORE + 1))


@pytest.mark.parametrize(("people", "start"), [(0, DEFAULT_START), (5, datetime(2026, 1, 5))])
def test_impossible_worlds_are_refused(people, start):
    with pytest.raises(WorldImpossible):
        World.generate(1, people, start)


def test_exactly_the_events_marked_invalid_break_a_rule(world):
    broken = {e.event_id for e in simulate(world) if violations(e, PLAN)}
    assert broken == set(world.marks.invalid)
    assert 0.003 < len(broken) / len(world.marks.person_of) < 0.02


def test_exactly_the_events_marked_without_consent_lack_it(world):
    lacking = {
        e.event_id
        for e in simulate(world)
        if pb.PURPOSE_ANALYTICS not in e.consent.purposes and e.WhichOneof("body") != "consent_changed"
    }
    assert lacking == set(world.marks.without_consent)
    assert 0.002 < len(lacking) / len(world.marks.person_of) < 0.03


def test_repeated_events_are_those_marked_and_few(world):
    times = Counter(e.event_id for e in simulate(world))
    repeated = {event_id for event_id, count in times.items() if count > 1}
    assert repeated == set(world.marks.duplicates)
    assert 0.001 < len(repeated) / len(times) < 0.01


def test_events_come_in_time_order_but_for_late_and_repeated_ones(world):
    exceptions = set(world.marks.late) | set(world.marks.duplicates) | set(world.marks.invalid)
    times = [e.occurred_at_unix_nano for e in simulate(world) if e.event_id not in exceptions]
    behind = sum(b < a - 3 * 10**9 for a, b in pairwise(times))
    assert behind == 0
    assert world.marks.late


def test_everything_happens_within_the_span(world):
    first = int(DEFAULT_START.replace(tzinfo=UTC).timestamp()) * 10**9
    times = [e.occurred_at_unix_nano for e in simulate(world) if e.occurred_at_unix_nano]
    assert first <= min(times)
    assert max(times) < first + DAYS * 86_400 * 10**9


def test_both_languages_are_spoken_in_the_stated_shares(world):
    texts = [e.message_sent.text for e in simulate(world) if e.message_sent.text]
    chinese = sum(any("\u4e00" <= c <= "\u9fff" for c in text) for text in texts)
    assert 0.5 < chinese / len(texts) < 0.7


def test_conversations_begin_with_their_start_and_count_their_turns(world):
    for events in by_conversation(world).values():
        assert events[0].WhichOneof("body") == "conversation_started"
        turns = [e.message_sent.turn for e in events if e.HasField("message_sent")]
        assert turns == list(range(1, len(turns) + 1))
        times = [e.occurred_at_unix_nano for e in events]
        assert len(set(times)) == len(times)


def test_truth_of_conversations_agrees_with_their_events(world):
    talks = by_conversation(world)
    reasons = {"resolved": 1, "abandoned": 2, "escalated": 3}
    for talk in world.talks:
        events = talks[talk.conversation_id]
        assert talk.handed_over == any(e.HasField("conversation_transferred") for e in events)
        ended = [e.conversation_ended.reason for e in events if e.HasField("conversation_ended")]
        assert ended == ([reasons[talk.outcome]] if talk.outcome in reasons else [])
        own = [e.event_id for e in events if e.message_sent.party == pb.PARTY_CUSTOMER]
        assert own[: len(talk.turns)] == [event_id for event_id, _, _ in talk.turns]


def test_handovers_and_loops_exist_in_the_expected_shares(world):
    handed_over = sum(talk.handed_over for talk in world.talks) / len(world.talks)
    looping = sum(way.loops > 0 for way in world.ways) / len(world.ways)
    assert 0.3 < handed_over < 0.5
    assert 0.15 < looping < 0.4


def test_truth_holds_nothing_that_was_planted(world, tmp_path):
    write_truth(world, tmp_path / "truth.json")
    written = (tmp_path / "truth.json").read_text()
    assert [value for value in planted(world) if value in written] == []
    assert json.loads(written)["counts"]["events"] == len(world.marks.person_of)


def test_a_world_in_a_log_line_or_traceback_shows_nobody():
    small = World.generate(1, 3)
    assert [value for value in planted(small) if value in repr(small)] == []


def test_truth_knows_the_person_of_every_event(world):
    assert {e.event_id for e in simulate(world)} == set(truth(world)["people"])


def test_planted_data_is_in_the_events(world):
    wire = b"\n".join(e.SerializeToString() for e in simulate(world)).decode("utf-8", errors="ignore")
    found = sum(value in wire for value in planted(world))
    assert found > 0.8 * len(planted(world))


def test_some_cookies_are_linked_to_a_customer_only_later(world):
    named, first_alone = set(), set()
    for event in sorted(simulate(world), key=lambda e: e.occurred_at_unix_nano):
        kinds = {i.type: i.value for i in event.identifiers}
        if 7 not in kinds:
            continue
        if 1 in kinds:
            named.add(kinds[7])
        elif kinds[7] not in named:
            first_alone.add(kinds[7])
    assert len(named & first_alone) > 20
    assert len(first_alone - named) > 20
