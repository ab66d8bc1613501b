"""Values that stand directly beside letters or digits, and the text that is left when they are masked."""

from collections.abc import Sequence

import numpy as np

from privacy.masking.conflicts import Detection
from privacy.masking.normalise.fold import HAN_NUMERALS
from privacy.masking.normalise.reading import Positions, Reading

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
    starts: list[Positions] = []
    ends: list[Positions] = []
    position = 0
    for one in found:
        placeholder = f"<{one.entity}>"
        pieces += (text[position : one.start], placeholder)
        between = np.arange(position, one.start, dtype=np.int64)
        starts += (between, np.full(len(placeholder), one.start, dtype=np.int64))
        ends += (between + 1, np.full(len(placeholder), one.end, dtype=np.int64))
        position = one.end
    pieces.append(text[position:])
    rest = np.arange(position, len(text), dtype=np.int64)
    return Reading("".join(pieces), np.concatenate([*starts, rest]), np.concatenate([*ends, rest + 1]))
