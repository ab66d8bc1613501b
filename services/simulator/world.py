"""A whole world from a seed: people, their ways, the events in the order of sending, and the truth."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mangrove.event.v1.event_pb2 import Event
from privacy.errors import MangroveError
from services.simulator.journeys import Journey, journeys_as_walked
from services.simulator.people import Person, population
from services.simulator.personal_data import PersonalData
from services.simulator.recorder import Marks, Recorder
from services.simulator.sharing import LEVELS, Naming, Sharing, SharingLevel
from services.simulator.speech import Speaker
from services.simulator.stories import NEEDS, play_story
from services.simulator.talks import TalkTruth
from services.simulator.walk import DAY, HOUR, Stage, Walk

DEFAULT_START = datetime(2026, 1, 5, tzinfo=UTC)
DEFAULT_PEOPLE = 2500
DEFAULT_SEED = 7
DAYS = 45
_LAST_BEGIN_DAY = 41.0
_APART_DAYS = 5.0
_WAYS_WEIGHTS = (0.55, 0.34, 0.11)
_BUSY_HOURS = ((9, 12), (12, 14), (14, 18), (18, 22), (22, 24), (6, 9))
_BUSY_WEIGHTS = (22, 14, 22, 28, 8, 6)


class WorldImpossible(MangroveError):
    """The parameters describe no world."""

    reason = "WORLD_IMPOSSIBLE"


@dataclass(frozen=True, slots=True)
class WayTruth:
    """What is true of one person's way through one need; `channels` in the order of entering.

    A need is not a journey: what comes after a purchase belongs to the need, and to the next journey.
    """

    person: str
    need: str
    outcome: str
    channels: tuple[str, ...]
    loops: int
    events: int


@dataclass(frozen=True, slots=True, repr=False)
class World:
    """Everything that happens, and the truth about it.

    `sent` are the events in the order in which they are sent; a repeated event stands twice. `planted` is all
    personal data in each written form, kept in memory only. `ways` are the needs and what became of them, `journeys`
    what was walked, cut as the pipeline cuts it.
    """

    seed: int
    people: int
    sharing: Sharing
    start: datetime
    sent: tuple[Event, ...]
    planted: tuple[str, ...]
    marks: Marks
    talks: tuple[TalkTruth, ...]
    ways: tuple[WayTruth, ...]
    journeys: tuple[Journey, ...]

    @classmethod
    def generate(
        cls,
        seed: int = DEFAULT_SEED,
        people: int = DEFAULT_PEOPLE,
        start: datetime = DEFAULT_START,
        sharing: Sharing = LEVELS[SharingLevel.USUAL],
    ) -> "World":
        """Make the world of a seed; the same arguments give the same events byte for byte.

        Args:
            seed: Any integer.
            people: How many people, 1 to 100,000; each has about 14 events in 45 days.
            start: When it begins, with a time zone, whole seconds.
            sharing: What people share; it changes the identifiers in the events and nothing else.

        Raises:
            WorldImpossible: if a parameter is out of its bounds.
        """
        if not 1 <= people <= 100_000:
            raise WorldImpossible("A world has 1 to 100,000 people. Choose a number between them.")
        if start.tzinfo is None:
            raise WorldImpossible("The start of a world needs a time zone, such as 2026-01-05T00:00:00+00:00.")
        rng = random.Random(seed)
        data = PersonalData(rng)
        recorder = Recorder(rng, data, Naming(seed, sharing), int(start.timestamp()))
        stage = Stage(rng, data, Speaker(rng, data), recorder)
        talks: list[TalkTruth] = []
        ways: list[WayTruth] = []
        for person in population(people, rng, data, DAYS * DAY):
            _live(person, stage, talks, ways)
        sent = tuple(event for _, _, event in sorted(recorder.sent, key=lambda s: s[:2]))
        marks = recorder.marks
        walked = [one for person, visits in marks.visits.items() for one in journeys_as_walked(person, visits)]
        return cls(
            seed=seed,
            people=people,
            sharing=sharing,
            start=start,
            sent=sent,
            planted=data.planted,
            marks=marks,
            talks=tuple(talks),
            ways=tuple(ways),
            journeys=tuple(walked),
        )


def _begins(rng: random.Random, count: int) -> list[float]:
    """When a person's needs arise, in seconds from the start: days apart, at busy hours."""
    slack = _LAST_BEGIN_DAY - _APART_DAYS * (count - 1)
    days = sorted(rng.uniform(0, slack) for _ in range(count))
    begins = []
    for i, day in enumerate(days):
        low, high = rng.choices(_BUSY_HOURS, weights=_BUSY_WEIGHTS)[0]
        begins.append((int(day) + _APART_DAYS * i) * DAY + rng.uniform(low, high) * HOUR)
    return begins


def _live(person: Person, stage: Stage, talks: list[TalkTruth], ways: list[WayTruth]) -> None:
    rng = stage.rng
    prior = 0
    begins = _begins(rng, rng.choices((1, 2, 3), weights=_WAYS_WEIGHTS)[0])
    for begin in begins:
        need = rng.choices(tuple(NEEDS), weights=tuple(NEEDS.values()))[0]
        walk = Walk(person, need, begin, stage, rng.choice(person.cookies))
        if rng.random() < 0.25:
            walk.log_in()
        held = play_story(walk, prior)
        if rng.random() < 0.02:
            walk.change_consent()
        prior += len(held)
        talks.extend(held)
        ways.append(
            WayTruth(person.key, need, walk.outcome(), tuple(walk.visited), walk.loops, walk.events),
        )
    _withdraw(person, stage)


def _withdraw(person: Person, stage: Stage) -> None:
    if person.withdraws_at is None:
        return
    walk = Walk(person, "consent", person.withdraws_at, stage, person.cookies[0])
    walk.change_consent()


def simulate(world: World) -> Iterator[Event]:
    """Yield the world's events in the order in which they are sent: by time, some late, some twice."""
    yield from world.sent


def planted(world: World) -> list[str]:
    """All personal data of the world in each form in which it was written. Keep it in memory."""
    return list(world.planted)
