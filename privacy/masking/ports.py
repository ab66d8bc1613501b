"""What the detector asks of recognizers that are not its own."""

from collections.abc import Sequence
from typing import Protocol


class OtherDetector(Protocol):
    """A detector beside the rules: a user's Presidio recognizer, or a model of names.

    `name` is used to count failures. What `find` raises, or its taking too long, refuses the text.
    """

    name: str

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """Return (start, end, entity) in code points of the original text, in any order."""
        ...
