"""What people share: many are seen with it, and it changes identifiers and nothing else."""

from collections import defaultdict

import pytest

from mangrove.event.v1 import event_pb2 as pb
from mangrove.privacy.v1 import options_pb2 as ids
from services.simulator.sharing import LEVELS, QUIET_DAYS, Sharing, SharingLevel
from services.simulator.truth import truth
from services.simulator.world import DEFAULT_START, World, planted, simulate

DAY_NS = 86_400 * 10**9
START_NS = int(DEFAULT_START.timestamp()) * 10**9
KINDS = {"family_tablet", "call_centre", "kiosk", "role_account", "passed_on"}


def world_with(sharing, people=800):
    return World.generate(seed=5, people=people, sharing=sharing)


@pytest.fixture(scope="module")
def heavy():
    return world_with(LEVELS[SharingLevel.HEAVY])


@pytest.fixture(scope="module")
def unshared():
    return world_with(LEVELS[SharingLevel.HEAVY].unshared())


def values(world, kind):
    """Which people an identifier of a kind was seen with, and on which days with each."""
    seen = defaultdict(lambda: defaultdict(set))
    for event in simulate(world):
        if event.occurred_at_unix_nano:
            person, day = world.marks.person_of[event.event_id], (event.occurred_at_unix_nano - START_NS) // DAY_NS
            for one in event.identifiers:
                if one.type == kind:
                    seen[one.value][person].add(day)
    return seen


def without_identifiers(world):
    stripped = []
    for event in simulate(world):
        copy = pb.Event()
        copy.CopyFrom(event)
        del copy.identifiers[:]
        stripped.append(copy.SerializeToString(deterministic=True))
    return stripped


def test_worlds_that_share_more_or_less_differ_in_identifiers_alone(heavy, unshared):
    assert without_identifiers(heavy) == without_identifiers(unshared)
    assert truth(heavy)["people"] == truth(unshared)["people"]
    assert truth(heavy)["journeys"] == truth(unshared)["journeys"]


def test_the_truth_names_the_events_of_each_kind_and_who_they_are_of(heavy):
    told = truth(heavy)
    assert set(told["shared_events"]) == KINDS
    assert all(event_id in told["people"] for events in told["shared_events"].values() for event_id in events)


def test_unshared_identifiers_have_one_owner(unshared):
    assert unshared.marks.shared == {}
    for kind in (ids.IDENTIFIER_TYPE_DEVICE, ids.IDENTIFIER_TYPE_COOKIE, ids.IDENTIFIER_TYPE_CUSTOMER):
        assert {len(people) for people in values(unshared, kind).values()} == {1}


def test_the_kiosk_and_the_call_centre_are_seen_with_many():
    world = world_with(Sharing(kiosk=0.9, switchboard=0.9), people=2500)
    assert max(len(people) for people in values(world, ids.IDENTIFIER_TYPE_DEVICE).values()) > 200
    assert max(len(people) for people in values(world, ids.IDENTIFIER_TYPE_PHONE).values()) > 100


def test_families_share_one_tablet_and_use_their_own_devices_too():
    world = world_with(Sharing(families=0.5))
    tablets = [people for people in values(world, ids.IDENTIFIER_TYPE_DEVICE).values() if len(people) > 1]
    assert len(tablets) > 20
    assert all(2 <= len(people) <= 4 for people in tablets)


def test_what_changes_hands_rests_in_between():
    world = world_with(Sharing(passed_on=1.0))
    passed = [people for people in values(world, ids.IDENTIFIER_TYPE_DEVICE).values() if len(people) > 1]
    assert len(passed) > 5
    for people in passed:
        first, second = sorted(people.values(), key=min)
        assert len(people) == 2
        assert min(second) - max(first) > QUIET_DAYS


def test_guests_show_no_number_and_cleared_cookies_last_a_day():
    world = world_with(Sharing(guests=1.0, clears_cookies=1.0), people=200)
    kinds = {one.type for event in simulate(world) for one in event.identifiers if one.value}
    cookies = values(world, ids.IDENTIFIER_TYPE_COOKIE)
    assert kinds <= {
        ids.IDENTIFIER_TYPE_EMAIL, ids.IDENTIFIER_TYPE_COOKIE, ids.IDENTIFIER_TYPE_DEVICE, ids.IDENTIFIER_TYPE_SOCIAL
    }  # fmt: skip
    assert {len(days) for people in cookies.values() for days in people.values()} == {1}


def test_shared_identifiers_are_remembered_as_planted(heavy):
    shown = {one.value for event in simulate(heavy) for one in event.identifiers if one.value}
    assert shown <= set(planted(heavy))


def test_members_show_all_their_names_at_once_and_stay_signed_in():
    world = world_with(Sharing(members=1.0), people=200)
    first, web = {}, []
    for event in sorted(simulate(world), key=lambda event: event.occurred_at_unix_nano):
        if event.event_id not in world.marks.invalid:
            kinds = {one.type for one in event.identifiers}
            first.setdefault(world.marks.person_of[event.event_id], kinds)
            web += [kinds] if event.channel == pb.CHANNEL_WEB else []
    assert all({ids.IDENTIFIER_TYPE_EMAIL, ids.IDENTIFIER_TYPE_PHONE} <= kinds for kinds in first.values())
    signed_in = sum(bool({ids.IDENTIFIER_TYPE_CUSTOMER, ids.IDENTIFIER_TYPE_EMAIL} & kinds) for kinds in web)
    assert 0.85 < signed_in / len(web) < 0.97
