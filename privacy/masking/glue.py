"""Values that stand directly beside letters or digits, and the text that is left when they are masked."""

from collections.abc import Sequence

import numpy as np

from privacy.masking.conflicts import Detection
from privacy.masking.normalise.fold import HAN_NUMERALS
from privacy.masking.normalise.reading import Reading

_ESCAPES = ("%", "\\", "&#")
_HAN = ("\u3040", "\u9fff")


def is_glued(text: str, found: Sequence[Detection]) -> bool:
    """Say whether a detection touches a letter or digit (of Han only a numeral) or an escape, and misled a rule."""
    return any(
        _goes_on(text[d.start - 1 : d.start]) or _goes_on(text[d.end : d.end + 1]) or text.startswith(_ESCAPES, d.end)
        for d in found
    )


def _goes_on(character: str) -> bool:
    return character.isalnum() and (not _HAN[0] <= character <= _HAN[1] or character in HAN_NUMERALS)


def without(text: str, found: Sequence[Detection]) -> Reading:
    """Return the text with placeholders for what was found; each stands for the whole of its value."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    position = 0
    for one in found:
        placeholder = f"<{one.entity}>"
        pieces += (text[position : one.start], placeholder)
        spans += [(at, at + 1) for at in range(position, one.start)]
        spans += [(one.start, one.end)] * len(placeholder)
        position = one.end
    pieces.append(text[position:])
    spans += [(at, at + 1) for at in range(position, len(text))]
    places = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return Reading("".join(pieces), places[:, 0], places[:, 1])
