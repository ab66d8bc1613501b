"""How digits stand in texts: what may separate them, and the parts of a run."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from privacy.masking.rules.rule import Rule, TextView

SEPARATOR = "[ .()·_~*/|,\n-]"
"""What is written between the digits of one number, on purpose or to hide it. No colon: that is the time of day."""

GAP = f"{SEPARATOR}{{0,3}}"

_RUN = re.compile(f"(?<![0-9])[0-9](?:{GAP}[0-9]){{8,}}")
_GROUP = re.compile("[0-9]+")
_TRIGGER = re.compile(f"[0-9](?:{GAP}[0-9]){{8}}")
# Every rule asks for the same runs; of long texts only the last is kept, and all in memory only.
_CACHED_LENGTH = 2_000
# No number that we know has more digits, but for two mobiles; cards are looked for by their groups.
_LONGEST = 22
_LENGTHS = frozenset({9, 10, 11, 12, 13, 15, 17, 18, 22})
_WITHOUT_SEPARATORS = str.maketrans("", "", " .()·_~*/|,\n-")


class DigitRun(NamedTuple):
    """Nine digits or more that only separators stand between.

    Attributes:
        text: The whole view.
        digits: The digits alone.
        places: Where each stands in the view.
        bounds: The first digit of each group without separators, and one behind the last.
        windows: By the lengths that rules ask for: the first digit of each part that stands between separators.
    """

    text: str
    digits: str
    places: Sequence[int]
    bounds: tuple[int, ...]
    windows: Mapping[int, Sequence[int]]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return where digits [first, last) stand in the view."""
        return self.places[first], self.places[last - 1] + 1

    def parts(self, length: int) -> Sequence[int]:
        """Return the first digit of each part of a length in `_LENGTHS` that stands between separators."""
        return self.windows.get(length, ())


def runs(text: str) -> tuple[DigitRun, ...]:
    """Return every run of a DIGITS view, left to right."""
    return _cached_runs(text) if len(text) <= _CACHED_LENGTH else _last_runs(text)


def _runs(text: str) -> tuple[DigitRun, ...]:
    return tuple(_run(text, *match.span()) for match in _RUN.finditer(text))


def _run(text: str, start: int, end: int) -> DigitRun:
    written = text[start:end]
    if written.isdigit():
        size = end - start
        return DigitRun(text, written, range(start, end), (0, size), {size: (0,)})
    places: list[int] = []
    bounds = [0]
    for group in _GROUP.finditer(text, start, end):
        places.extend(range(*group.span()))
        bounds.append(len(places))
    windows: dict[int, list[int]] = {}
    for index, first in enumerate(bounds):
        for last in bounds[index + 1 : index + 1 + _LONGEST]:
            if last - first in _LENGTHS:
                windows.setdefault(last - first, []).append(first)
    return DigitRun(text, written.translate(_WITHOUT_SEPARATORS), places, tuple(bounds), windows)


_cached_runs = lru_cache(64)(_runs)
_last_runs = lru_cache(1)(_runs)


def run_rule(entity: str, find_in: Callable[[DigitRun], Iterator[tuple[int, int]]], strength: int) -> Rule:
    """Return a rule that looks at runs of digits, all of which share one trigger and one search.

    Args:
        entity: The entity's name.
        find_in: Gives [start, end) in code points of the view.
        strength: See `Rule`.
    """

    def find(text: str, _start: int, _end: int) -> Iterator[tuple[int, int]]:
        for run in runs(text):
            yield from find_in(run)

    return Rule(entity, _TRIGGER, find, strength, TextView.DIGITS, reach=None)


def compact(text: str) -> str:
    """Return the digits and letters of a text, in capitals."""
    return "".join(c for c in text if c.isalnum()).upper()
