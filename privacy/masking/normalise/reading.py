"""Another reading of a text, in which every character knows where it stood in the original."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and, for each of its characters, the [start, end) in the original that it was read from.

    Attributes:
        text: What is read.
        starts, ends: Positions in code points of the original, one a character, never falling.
    """

    text: str
    starts: Positions
    ends: Positions

    @staticmethod
    def of(text: str) -> "Reading":
        """Return a text read as it stands."""
        positions = np.arange(len(text), dtype=np.int64)
        return Reading(text, positions, positions + 1)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map [start, end), not empty, to the original."""
        return int(self.starts[start]), int(self.ends[end - 1])

    def changed(self) -> list[int]:
        """Return the characters that stand for more than themselves, or before which something was left out."""
        skipped = np.diff(self.starts, prepend=-1) != 1
        return np.flatnonzero(skipped | (self.ends - self.starts != 1)).tolist()

    def rewritten(self, pattern: re.Pattern[str], read: Callable[[re.Match[str]], str | None]) -> "Reading":
        """Return the reading with each match replaced; every new character stands for the whole match.

        Args:
            pattern: What may be written differently.
            read: What a match says; None leaves it as it is.
        """
        pieces: list[str] = []
        starts: list[Positions] = []
        ends: list[Positions] = []
        position = 0
        for match in pattern.finditer(self.text):
            said = read(match)
            if said is None:
                continue
            first, last = match.span()
            pieces += (self.text[position:first], said)
            begin, finish = self.span(first, last)
            starts += (self.starts[position:first], np.full(len(said), begin, dtype=np.int64))
            ends += (self.ends[position:first], np.full(len(said), finish, dtype=np.int64))
            position = last
        if not pieces:
            return self
        pieces.append(self.text[position:])
        starts.append(self.starts[position:])
        ends.append(self.ends[position:])
        return Reading("".join(pieces), np.concatenate(starts), np.concatenate(ends))
