"""The journeys as they were walked: what the pipeline would find if it knew every person.

What is declared of pauses is taken from the pipeline. How journeys are cut is told here once more, one event after the
other, over people as they are and not as they were resolved: a journey ends with the session of a purchase, or with a
pause of 72 hours.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from spark_jobs.journeys import rules

_MS = timedelta(milliseconds=1)
OFFLINE = frozenset({"store"})
"""Channels on which a person is there in the flesh; all others are online."""


@dataclass(frozen=True, slots=True, order=True)
class Visit:
    """Something that a person did: when, in milliseconds since the Unix epoch, where, and whether it paid."""

    at_ms: int
    channel: str
    pays: bool


@dataclass(frozen=True, slots=True)
class Journey:
    """A journey as it was walked: the channels in the order of entering, and whether it ended with a purchase."""

    person: str
    channels: tuple[str, ...]
    bought: bool

    @property
    def loops(self) -> int:
        """How often the person came back to a channel that they had left."""
        return len(self.channels) - len(set(self.channels))

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """The changes of channel: left, entered."""
        return tuple(pairwise(self.channels))


@dataclass(frozen=True, slots=True)
class Planted:
    """What the journeys of a world come to.

    `changes` counts changes of channel by (left, entered). `loop_share` is the share of journeys that come back to a
    channel left before, `there_and_back_share` of those that go online → offline → online.
    """

    journeys: int
    loop_share: float
    there_and_back_share: float
    changes: Counter[tuple[str, str]]


def journeys_as_walked(person: str, visits: Iterable[Visit]) -> list[Journey]:
    """Cut what one person did into journeys."""
    journeys: list[list[Visit]] = []
    last: Visit | None = None
    paid = False
    for visit in sorted(visits):
        pause = (visit.at_ms - last.at_ms) * _MS if last else rules.PAUSE
        rests = last is None or pause >= min(rules.PAUSE_OF_CHANNEL[one.channel] for one in (last, visit))
        if pause >= rules.PAUSE or (rests and paid):
            journeys.append([])
        paid = visit.pays or (paid and not rests)
        journeys[-1].append(visit)
        last = visit
    return [Journey(person, _entered(walked), any(visit.pays for visit in walked)) for walked in journeys]


def planted(journeys: Sequence[Journey]) -> Planted:
    """Count what the journeys of a world come to; shares of no journey are 0."""
    count = len(journeys) or 1
    return Planted(
        journeys=len(journeys),
        loop_share=sum(journey.loops > 0 for journey in journeys) / count,
        there_and_back_share=sum(goes_there_and_back(journey.channels) for journey in journeys) / count,
        changes=Counter(change for journey in journeys for change in journey.changes),
    )


def goes_there_and_back(channels: Iterable[str]) -> bool:
    """Whether channels, in order, go from online to offline and online again.

    >>> goes_there_and_back(["web", "app", "store", "web"]), goes_there_and_back(["store", "web", "store"])
    (True, False)
    """
    sides = "".join("f" if channel in OFFLINE else "n" for channel in channels)
    return "n" in sides and "fn" in sides[sides.index("n") :]


def _entered(visits: Sequence[Visit]) -> tuple[str, ...]:
    """The channels in the order of entering, repeats being one."""
    return (visits[0].channel, *(b.channel for a, b in pairwise(visits) if a.channel != b.channel))
