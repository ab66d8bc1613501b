"""Knows our own placeholders and tokens in texts again, so that masking twice is masking once.

Only what has their exact form counts: `<PHONE_NUMBER:13800138000>` hides nothing.
"""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cache

from privacy.masking.actions import LAST_FOUR, LAST_TWO, TOKEN_TYPES, domain_part
from privacy.masking.rules.placeholder import NAMES


@dataclass(frozen=True, slots=True)
class Marked:
    """A text as detectors see it: tokens and partial placeholders stand there as plain placeholders.

    Their letters and digits say nothing, and what stands beside them is judged alike under every policy.

    Attributes:
        text: What detectors see.
        spans: Where placeholders and tokens stand in the original, sorted.
        shown: Where they stand in `text`.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()
    shown: tuple[tuple[int, int], ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map [start, end) of `text` to the original; an end inside a placeholder is moved out of it."""
        return self._start(start), self._end(end)

    def _start(self, position: int) -> int:
        before = bisect_right(self.shown, (position, len(self.text) + 1)) - 1
        if before < 0:
            return position
        inside = position < self.shown[before][1]
        return self.spans[before][0] if inside else self.spans[before][1] + position - self.shown[before][1]

    def _end(self, position: int) -> int:
        before = bisect_left(self.shown, (position, -1)) - 1
        if before < 0:
            return position
        return self.spans[before][1] + max(position - self.shown[before][1], 0)

    def __repr__(self) -> str:
        return f"Marked({len(self.spans)} marks, withheld)"


def marked(text: str, own: tuple[str, ...] = ()) -> Marked:
    """Return a text with its placeholders and tokens known.

    Args:
        text: Any text.
        own: Entities beside ours.
    """
    if "<" not in text:
        return Marked(text)
    spans: list[tuple[int, int]] = []
    shown: list[tuple[int, int]] = []
    parts: list[str] = []
    position = length = 0
    for mark in _marks(own).finditer(text):
        if mark["domain"] and domain_part(mark["domain"]) is None:
            continue
        name = f"<{mark.group()[1:-1].partition(':')[0]}>"
        parts += (text[position : mark.start()], name)
        length += mark.start() - position
        spans.append(mark.span())
        shown.append((length, length + len(name)))
        length += len(name)
        position = mark.end()
    parts.append(text[position:])
    return Marked("".join(parts), tuple(spans), tuple(shown))


@cache
def _marks(own: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join((*NAMES, *own))
    tokens = "|".join(f"{entity}:{kind}" for entity, kind in TOKEN_TYPES.items())
    # 52 characters of base32 hold 260 bits, of which the last four of an HMAC-SHA256 are zero.
    return re.compile(
        f"<(?:(?:{names})"
        f"|(?:{tokens})\\.[1-9][0-9]{{0,2}}\\.[A-Z2-7]{{51}}[AQ]"
        f"|(?:{'|'.join(LAST_FOUR)}):\\*[0-9A-Z]{{4}}|(?:{'|'.join(LAST_TWO)}):\\*[0-9A-Z]{{2}}"
        r"|PERSON:[^\W\d_]\*|EMAIL_ADDRESS:\*(?P<domain>@[a-z0-9.-]{3,255}))>"
    )
