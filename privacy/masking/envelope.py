"""How messages within events stand in the columns of a record, and what those became that come again and again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from privacy.masking.memory import Memory

Reader = Callable[[Any, Any], dict[str, Any] | None]
"""Takes a message and a run; returns its masked fields, or None to have somebody look closer."""

Shape = Callable[[dict[str, Any]], object]
"""Says how a message stands in its column; nothing is None."""

Token = Callable[[str, str], str | None]
"""Makes the token of a value of a type, or None for what names nobody."""

# Longer messages hardly ever come again.
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Envelope:
    """How the fields of an event stand in its record.

    Attributes:
        event_id: The field that is an event's own name: it stays as it is, for its token is made with those of others.
        columns: The columns of fields that are not called alike, and of each choice: which field of it is set.
        shapes: What messages become; in lists, what is empty is left out.
    """

    event_id: str
    columns: Mapping[str, str]
    shapes: Mapping[str, Shape]


class Remembered:
    """A message within events that comes again and again and holds no text: what its bytes became.

    Args:
        read: Reads the message.
        shape: Says how it stands among the fields.
        most: See `Memory`.
    """

    def __init__(self, read: Reader, shape: Shape | None, most: int) -> None:
        self._read = read
        self._shape = shape
        self._memory: Memory[bytes, object] = Memory(most)
        self.recent = self._memory.recent

    def look(self, message: Any, written: bytes, run: Any) -> object | None:
        """Return what a message became, or None if somebody has to look closer."""
        known = self._memory.get(written)
        if known is None:
            fields = self._read(message, run)
            if fields is None:
                return None
            known = self._shape(fields) if self._shape is not None else fields
            if len(written) <= _LONGEST:
                self._memory.put(written, known)
        return known
