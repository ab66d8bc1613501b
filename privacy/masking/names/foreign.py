"""Names of people from elsewhere in Chinese characters: by sound with and without a middle dot."""

import re
from collections.abc import Iterator

from privacy.masking.names import characters as ch
from privacy.masking.names.context import EVERYDAY, NOT_PEOPLE, ROLES, SPEECH
from privacy.masking.names.evidence import after, after_role, before, windows
from privacy.masking.names.words import Words
from privacy.masking.rules.rule import Rule

_SOUNDS = ch.in_both_scripts(ch.FOREIGN)
_RUN = re.compile(f"[{_SOUNDS}]{{3,12}}")
_FIRST = re.compile(f"[{_SOUNDS}]{{3}}")
_ENOUGH = 4.6


def _found(words: Words, start: int, end: int) -> bool:
    text = words.text[start:end]
    if any(place in text for place in NOT_PEOPLE) or len(text) < 3:
        return False
    points = min(len(text), 6) * 0.8 + words.foreign(start, end) + before(words, start) + after(words, end)
    return points >= _ENOUGH


def _by_sound(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    runs = {m.start(): m.end() for m in _RUN.finditer(text, start, end)}
    for words, places in windows(text, list(runs)):
        for place in places:
            limit = min(runs[place + words.start] - words.start, len(words.text))
            for first, last in words.units(place, limit):
                if _found(words, first, last):
                    yield first + words.start, last + words.start


_BESIDE = ch.in_both_scripts(ch.FOREIGN_BESIDE_DOT)
_DOTS = "·•・‧･∙⋅"
_DOTTED = re.compile(f"[{_BESIDE}]{{1,8}}(?:[{_DOTS}.-][{_BESIDE}]{{1,8}}){{1,4}}")
_DOT_SEEN = re.compile(f"[{_BESIDE}][{_DOTS}.-][{_BESIDE}]")
_DOT = re.compile(f"[{_DOTS}.-]")


def _dotted(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    taken = 0
    for match in _DOTTED.finditer(text, start, end):
        first, last = match.span()
        margin = max(taken, first - 4)
        words = Words(ch.simplified(text[margin : last + 4]), margin)
        dots = [dot.start() - margin for dot in _DOT.finditer(text, first, last)]
        first, last = words.around_dots(first - margin, last - margin, dots[0], dots[-1])
        if first < dots[0] and not any(place in words.text[first:last] for place in NOT_PEOPLE):
            taken = last + margin
            yield first + margin, taken


_PAIR = re.compile(f"(?<![{_SOUNDS}])[{_SOUNDS}]{{2}}(?![{_SOUNDS}])")
_SAYING = "|".join(sorted(word for word in SPEECH if len(word) == 2 or word in "说称"))
_PAIR_SEEN = re.compile(f"[{_SOUNDS}]{{2}}(?:{_SAYING})|(?:{'|'.join(sorted(ROLES))})[{_SOUNDS}]{{2}}")


def _pairs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield foreign names of two characters, which only their place in the sentence shows: 外长库克, 科恩表示."""
    for match in _PAIR.finditer(text, start, end):
        first, last = match.span()
        if not (after_role(text, first) or text[last : last + 2] in SPEECH or text[last : last + 1] in "说称"):
            continue
        margin = max(0, first - 6)
        words = Words(ch.simplified(text[margin : last + 6]), margin)
        if (
            words.foreign(first - margin, last - margin) > 0
            and words.text[first - margin : last - margin] not in EVERYDAY
        ):
            yield first, last


FOREIGN = (
    Rule("PERSON", _FIRST, _by_sound, 8),
    Rule("PERSON", _DOT_SEEN, _dotted, 8),
    Rule("PERSON", _PAIR_SEEN, _pairs, 8),
)
