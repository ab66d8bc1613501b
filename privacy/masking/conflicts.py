"""Settles what overlapping detections are: nothing detected stays readable, and the strongest gives its name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

# More than this overlap only in texts made to hurt: they are masked as one, in linear time.
_MOST_AT_ONCE = 64


class Detection(NamedTuple):
    """Personal data found at [start, end) in code points of the original; smaller `strength` is stronger."""

    start: int
    end: int
    entity: str
    strength: int


def settled(found: Iterable[Detection], text: str) -> tuple[Detection, ...]:
    """Return sorted, disjoint detections that cover every letter and digit that was found.

    An id is stronger than a card, a card than a phone. The stronger keeps its place; of a weaker one that
    overlaps it, what sticks out stays a detection of its own, so two values side by side stay two.

    Args:
        found: Detections in any order.
        text: The original text.
    """
    done: list[Detection] = []
    for cluster in _clusters(sorted(found, key=lambda d: (d.start, -d.end, d.entity))):
        if len(cluster) == 1:
            done += cluster
        elif len(cluster) > _MOST_AT_ONCE:
            strongest = min(cluster, key=lambda d: (d.strength, d.entity))
            done.append(strongest._replace(start=cluster[0].start, end=max(d.end for d in cluster)))
        else:
            done += _by_strength(cluster, text)
    return tuple(done)


def _clusters(ordered: list[Detection]) -> Iterator[list[Detection]]:
    """Give detections that overlap each other, directly or through others, together."""
    cluster: list[Detection] = []
    end = 0
    for one in ordered:
        if cluster and one.start >= end:
            yield cluster
            cluster = []
        cluster.append(one)
        end = max(end, one.end) if len(cluster) > 1 else one.end
    if cluster:
        yield cluster


def _by_strength(cluster: list[Detection], text: str) -> list[Detection]:
    taken: list[Detection] = []
    for one in sorted(cluster, key=lambda d: (d.strength, d.start - d.end, d.start, d.entity)):
        pieces = [one]
        for other in taken:
            pieces = [part for piece in pieces for part in _outside(piece, other)]
        taken += [piece for piece in pieces if any(c.isalnum() for c in text[piece.start : piece.end])]
    return sorted(taken, key=lambda d: d.start)


def _outside(one: Detection, other: Detection) -> list[Detection]:
    """Return the parts of a detection that another does not cover."""
    if other.end <= one.start or one.end <= other.start:
        return [one]
    parts = []
    if one.start < other.start:
        parts.append(Detection(one.start, other.start, one.entity, one.strength))
    if other.end < one.end:
        parts.append(Detection(other.end, one.end, one.entity, one.strength))
    return parts
