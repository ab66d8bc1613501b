"""Remembers answers to what comes again and again: in memory only, bounded, never shown."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Answers by question; what was not asked for since it was last full is let go.

    Args:
        most: Twice as many answers are held at most.

    Attributes:
        recent: The answers asked for last, always the same dict: whoever is in a hurry looks here first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._earlier: dict[K, V] = {}
        self.recent: dict[K, V] = {}

    def get(self, question: K) -> V | None:
        """Return the answer, or None if it is not remembered."""
        answer = self.recent.get(question)
        if answer is None and (answer := self._earlier.get(question)) is not None:
            self.put(question, answer)
        return answer

    def put(self, question: K, answer: V) -> None:
        """Remember an answer."""
        if len(self.recent) >= self._most:
            self._earlier = self.recent.copy()
            self.recent.clear()
        self.recent[question] = answer

    def __repr__(self) -> str:
        return "Memory(withheld)"
