"""The two views of a batch, the rules that look at each, and where in each text which of them may match."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy.masking.automaton import Automaton
from privacy.masking.conflicts import Detection
from privacy.masking.normalise.fold import Codes, FoldedBatch, text_of
from privacy.masking.normalise.signs import Sign
from privacy.masking.rules import Rule

# Further off nothing decides whether a number is one, or whose.
_IN_SIGHT = 160

Hits = dict[int, list[tuple[int, int]]]
"""For each trigger that may match a text: between which code points of the view its matches may end, in order."""


@dataclass(frozen=True, slots=True)
class FoldedText:
    """One text in both views; `origin` is None where every character kept its place."""

    text: str
    digits: str
    origin: Sequence[int] | None

    @staticmethod
    def of(batch: FoldedBatch, place: int) -> "FoldedText":
        """Return one text of a batch."""
        first, last = int(batch.bounds[place]), int(batch.bounds[place + 1]) - 1
        origin = None if batch.origin is None else (batch.origin[first:last] - batch.starts[place]).tolist()
        return FoldedText(text_of(batch.text[first:last]), text_of(batch.digits[first:last]), origin)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map [start, end) of a view to the text that was folded."""
        return (start, end) if self.origin is None else (self.origin[start], self.origin[end - 1] + 1)


class View:
    """The rules of one view by their triggers, the signs of disguise by theirs, and the automaton of all triggers."""

    def __init__(self, rules: Sequence[Rule], signs: dict[Sign, re.Pattern[str]]) -> None:
        triggers = list(dict.fromkeys([*(rule.trigger for rule in rules), *signs.values()]))
        self.signs = {triggers.index(pattern): sign for sign, pattern in signs.items()}
        self._automaton = Automaton(triggers)
        self._rules = [[rule for rule in rules if rule.trigger is trigger] for trigger in triggers]

    def hits_in(self, codes: Codes, bounds: npt.NDArray[np.int64]) -> dict[int, Hits]:
        """Return which texts of a batch may hold something, and where."""
        triggers, firsts, lasts = self._automaton.ends(text_of(codes).encode())
        if not triggers:
            return {}
        widths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x1_0000)
        ends = np.searchsorted(np.cumsum(widths), [firsts, lasts])
        texts = np.searchsorted(bounds, ends, side="right") - 1
        ends += 1 - bounds[texts]
        found: dict[int, Hits] = {}
        for trigger, text, last_text, first, last in zip(triggers, *texts.tolist(), *ends.tolist(), strict=True):
            # An expression that takes anything but some characters goes on over the end of a text: each has its part.
            for place in range(text, last_text + 1):
                row = (
                    first if place == text else 0,
                    last if place == last_text else int(bounds[place + 1] - bounds[place]),
                )
                found.setdefault(place, {}).setdefault(trigger, []).append(row)
        return found

    def hits_of(self, text: str) -> Hits:
        """Return which triggers may match one folded text, and where."""
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        return self.hits_in(codes, np.array([0, len(text) + 1])).get(0, {})

    def matches(self, text: str, hits: Hits) -> list[Detection]:
        """Return what the rules find in a text, where the hits say that they may."""
        return [
            Detection(start, end, rule.entity, rule.strength)
            for trigger, ends in hits.items()
            for rule in self._rules[trigger]
            for begin, finish in ([(0, len(text))] if rule.reach is None else _parts(ends, rule.reach, rule.ahead))
            for start, end in rule.find(text, begin, finish)
        ]


def near_to(places: list[int], hits: Hits) -> Hits:
    """Return the hits whose matches may hold one of some ascending places, or have it in sight."""
    near: Hits = {}
    for trigger, ends in hits.items():
        rows = [
            (first, last)
            for first, last in ends
            if bisect_left(places, first - _IN_SIGHT) < bisect_right(places, last + _IN_SIGHT)
        ]
        if rows:
            near[trigger] = rows
    return near


def _parts(ends: list[tuple[int, int]], reach: int, ahead: int) -> list[tuple[int, int]]:
    """Return the parts of a text to look at, apart from each other."""
    parts: list[tuple[int, int]] = []
    for first, last in ends:
        begin, finish = max(0, first - reach), last + ahead
        if parts and begin <= parts[-1][1]:
            parts[-1] = (min(begin, parts[-1][0]), max(finish, parts[-1][1]))
        else:
            parts.append((begin, finish))
    return parts
