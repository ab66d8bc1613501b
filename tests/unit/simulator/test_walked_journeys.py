"""The journeys as they were walked: cut by purchases and pauses, with what was planted in them."""

import pytest

from services.simulator.journeys import Journey, Visit, goes_there_and_back, journeys_as_walked, planted
from services.simulator.world import World

MINUTE, HOUR = 60_000, 3_600_000


def walked(*visits):
    return [journey.channels for journey in journeys_as_walked("p", [Visit(*visit) for visit in visits])]


def test_repeats_of_a_channel_are_one_and_order_is_that_of_time():
    assert walked((2 * MINUTE, "chat", False), (0, "web", False), (MINUTE, "web", False)) == [("web", "chat")]


def test_a_purchase_ends_the_journey_with_its_session():
    assert walked(
        (0, "web", True), (5 * MINUTE, "chat", False), (34 * MINUTE, "app", False), (64 * MINUTE, "store", False)
    ) == [("web", "chat", "app"), ("store",)]  # fmt: skip


def test_a_pause_of_72_hours_ends_it_and_a_shorter_one_does_not():
    assert walked((0, "web", False), (72 * HOUR - 1, "app", False), (144 * HOUR - 1, "web", False)) == [
        ("web", "app"),
        ("web",),
    ]


@pytest.mark.parametrize(
    ("channels", "there_and_back"),
    [
        (("web", "store", "web"), True),
        (("web", "store", "store", "app"), True),
        (("store", "web", "app"), False),
        (("web", "app", "store"), False),
        (("store", "web", "store", "chat"), True),
        ((), False),
    ],
)
def test_there_and_back_is_online_then_offline_then_online(channels, there_and_back):
    assert goes_there_and_back(channels) is there_and_back


def test_planted_figures_count_journeys_and_changes():
    figures = planted([Journey("p", ("web", "store", "web"), True), Journey("q", ("app",), False)])
    assert (figures.journeys, figures.loop_share, figures.there_and_back_share) == (2, 0.5, 0.5)
    assert figures.changes == {("web", "store"): 1, ("store", "web"): 1}


def test_every_event_that_may_be_stored_is_in_one_journey_of_its_person():
    world = World.generate(seed=3, people=200)
    kept = set(world.marks.person_of) - set(world.marks.without_consent) - set(world.marks.invalid)
    assert sum(map(len, world.marks.visits.values())) == len(kept)
    assert {journey.person for journey in world.journeys} == {world.marks.person_of[event] for event in kept}


def test_a_world_has_enough_of_what_is_planted():
    figures = planted(World.generate(seed=3, people=1000).journeys)
    assert 0.15 < figures.loop_share < 0.4
    assert 0.02 < figures.there_and_back_share < 0.08
    assert len(figures.changes) > 20
