"""Names in Latin letters: after a cue or a title, and in a sentence by lists of first and last names."""

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from privacy.masking.names.english_words import ENDINGS, EVERYDAY, FIRM_WORDS, PARTICLES, PLACES, SPEECH, TITLES
from privacy.masking.names.name_lists import name_lists
from privacy.masking.rules.rule import Rule

_LETTERS = [chr(code) for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)) if chr(code).isalpha()]
UPPER = "A-Z" + "".join(letter for letter in _LETTERS if letter.isupper())
LOWER = "a-z" + "".join(letter for letter in _LETTERS if letter.islower())
ANY = f"{UPPER}{LOWER}"
"""Letters for a character class: capitals, small ones, both."""

_ACCENTED = "\u00c0-\u024f\u1e00-\u1eff"
ANY_ROUGHLY = f"A-Za-z{_ACCENTED}"
UPPER_ROUGHLY = f"A-Z{_ACCENTED}"
"""The same and a few signs more, short enough for an automaton."""

MARK = "['’\u0300-\u036f-]"
"""What may stand inside a name between letters."""

SMALL = "(?:(?:" + "|".join(sorted(PARTICLES)) + ") ){0,2}"
"""The small words before a last name."""


def _word_of(upper: str, lower: str) -> str:
    """Return the pattern of a capitalised word, for classes of capital and small letters."""
    return f"[{upper}](?:[{lower}]|['’][{upper}])(?:{MARK}?[{upper}{lower}]){{0,24}}"


def _run_of(upper: str, lower: str) -> re.Pattern[str]:
    word = _word_of(upper, lower)
    return re.compile(
        f"(?<![{upper}{lower}0-9@._-]){word}(?: (?:[{upper}]\\.? )?{SMALL}{word}){{0,4}}(?![{upper}{lower}0-9@_])"
    )


_RUN, _ASCII_RUN = _run_of(UPPER, LOWER), _run_of("A-Z", "a-z")
_ACCENT = re.compile(f"[{_ACCENTED}\u0300-\u036f]")
_SEEN = re.compile(f"[{UPPER_ROUGHLY}](?:[a-z{_ACCENTED}]|['’][{UPPER_ROUGHLY}])")
_TOKEN = re.compile(f"[{ANY}](?:{MARK}?[{ANY}])*\\.?")
_POSSESSIVE = ("'s", "’s", "'S", "’S")
_LAST_ENDINGS = tuple(ENDINGS)
_TITLES = frozenset(title.lower() for title in TITLES) | {"dds", "phd", "md", "jr", "sr", "usns", "uss", "ul"}
_NAME = 1.5
"""The weight from which a word is taken for a name's."""

_CONTRACTED = frozenset(
    word.replace("'", mark)
    for word in "i'm i'll i've i'd it's that's what's here's don't can't he's she's you're we're".split()
    for mark in "'’"
)


class _Word(NamedTuple):
    text: str
    start: int
    end: int
    points: float
    is_name: bool


def _word(token: re.Match[str]) -> _Word:
    text, start, end = token.group(), token.start(), token.end()
    if text.endswith("."):
        text, end = (text[:-1], end - 1) if len(text) > 2 else (text, end)
    if text.endswith(_POSSESSIVE) and text.lower() not in _CONTRACTED:
        text, end = text[:-2], end - 2
    points = weight(text.lower())
    if points >= _NAME and len(text) < 5 and text.isupper():
        points = 0.5  # AUD and its like
    return _Word(text, start, end, points, points >= _NAME)


@functools.lru_cache(maxsize=16384)
def weight(lower: str) -> float:
    """Return how much a word in small letters speaks for a name; below 0 it cannot stand in one."""
    lists = name_lists()
    if lower == "i":
        return -3.0
    if len(lower.rstrip(".")) == 1 or lower in PARTICLES:
        return 0.0
    if lower in FIRM_WORDS or lower in _TITLES or lower in _CONTRACTED:
        return -3.0
    if lower in EVERYDAY or lower in PLACES:
        return 1.0 if lower in lists.everyday else -3.0
    points = 0.5
    if lower in lists.first:
        points = 3.0
    elif lower in lists.last:
        points = 2.0
    elif "-" in lower and any(part in lists.first or part in lists.last for part in lower.split("-")):
        points = 2.5
    elif lower.endswith(_LAST_ENDINGS) and len(lower) > 4:
        points = 1.5
    return points if lower.isascii() else points + 1.0


def _bare(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    # Small classes are searched twice as fast.
    runs = _RUN if _ACCENT.search(text, start, end) else _ASCII_RUN
    for run in runs.finditer(text, start, end):
        words = [_word(token) for token in _TOKEN.finditer(text, run.start(), run.end())]
        yield from _names_in(text, words)


def _names_in(text: str, words: list[_Word]) -> Iterator[tuple[int, int]]:
    """Yield the names in a run of capitalised words: the stretches between words that are none."""
    stretch: list[_Word] = []
    for word in [*words, _Word("", 0, 0, -3.0, False)]:
        broken = stretch and stretch[-1].text.lower() not in PARTICLES and text[stretch[-1].end : word.start].strip()
        if word.points < 0 or broken:
            span = _accepted(text, stretch, word)
            if span is not None:
                yield span
            stretch = [] if word.points < 0 else [word]
        else:
            stretch.append(word)


def _accepted(text: str, stretch: list[_Word], following: _Word) -> tuple[int, int] | None:
    while stretch and (len(stretch[-1].text) < 2 or stretch[-1].text.lower() in PARTICLES):
        stretch = stretch[:-1]
    while len(stretch) > 3 and not stretch[0].is_name:
        stretch = stretch[1:]
    if not stretch or (following.text.lower() in FIRM_WORDS and following.text):
        return None
    start, end = stretch[0].start, stretch[-1].end
    full = [word for word in stretch if len(word.text.rstrip(".")) > 1 and word.text.lower() not in PARTICLES]
    points = sum(word.points for word in full) + _around(text, start, end)
    if len(full) == 1:
        needed = 3.0 if _opens_sentence(text, start) else 2.0
        return (start, end) if full[0].points >= _NAME and points >= needed else None
    if any(word.is_name for word in full):
        return (start, end) if points >= 2.0 else None
    initial = len(full) < len(stretch)
    return (start, end) if points >= (1.0 if initial else 2.5) else None


def _opens_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 2) : start].rstrip(" ")
    return not before or before[-1] in '.!?\n:>"“'


_BEFORE = frozenset(
    "by hi hello hey dear to from with and or mr mrs ms dr miss says said called calls me named kid son daughter "
    "husband wife brother sister friend partner regards cheers sincerely love thanks name user customer for than "
    "producer songwriter singer actor director".split()
)


def _around(text: str, start: int, end: int) -> float:
    points = 0.0
    before = text[max(0, start - 14) : start]
    if before[-2:-1].isdigit() and before[-1:] == " ":
        points -= 3.0
    opener = before.rstrip(" \"'>(").rsplit(None, 1)[-1:] or [""]
    if opener[0].lower().rstrip(".,:") in _BEFORE:
        points += 1.0
    following = re.match(r"[ ,]{0,2}(?:'s|’s)?[ ]?([A-Za-z]{1,12}|[0-9]{1,5})", text[end : end + 20])
    if following is not None:
        word = following.group(1).lower()
        points += 1.0 if word in SPEECH or text[end : end + 2] in _POSSESSIVE else 0.0
        points -= 2.5 if word.isdigit() or word in FIRM_WORDS else 0.0
    at_line_start = start == 0 or text[start - 1] == "\n"
    at_line_end = end == len(text) or text[end] in "\n:"
    return points + (0.5 if at_line_start and at_line_end else 0.0)


BARE_ENGLISH = Rule("PERSON", _SEEN, _bare, 8)
