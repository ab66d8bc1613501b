"""Reads digits that are spelled out or disguised as letters: "one three double eight", "l38OO138OOO", "yao san ba"."""

import re

from privacy.masking.normalise.reading import Reading

_ENGLISH = {
    **{"zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4"},
    **{"five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9"},
}
_PINYIN = {
    **{"ling": "0", "dong": "0", "yi": "1", "yao": "1", "er": "2", "liang": "2", "san": "3", "si": "4", "wu": "5"},
    **{"liu": "6", "qi": "7", "guai": "7", "ba": "8", "jiu": "9", "gou": "9"},
}
_WORDS = _ENGLISH | _PINYIN
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_WORD = "|".join(sorted([*_WORDS, *_TIMES], key=len, reverse=True))
_GAP = "[ ,.\\-_/]{0,3}"

SIGN_OF_SPEECH = re.compile(f"(?i)(?<![A-Za-z])(?:(?:{_WORD}){_GAP}){{2}}(?:(?:{_WORD}|[0-9]){_GAP}){{3}}")
"""Every text whose digits are spelled out as words, five in a row or more, matches it."""

SIGN_OF_LETTERS = re.compile("[0-9]{2}[OolI][0-9OolI]|[OolI][0-9][0-9OolI][0-9OolI-]|[0-9][OolI][0-9]{2}")
"""Every text with letters in the place of digits matches it."""

_RUN = re.compile(f"(?i)(?<![A-Za-z])(?:(?:{_WORD}|[0-9]){_GAP}){{5,60}}(?![A-Za-z])")
_PART = re.compile(f"(?i)({_WORD})|([0-9])")
_LETTERS = re.compile("(?<![A-Za-z])[0-9OolI](?:[-. ]?[0-9OolI]){6,30}(?![A-Za-z])")
_TOUCHING = re.compile("[OolI]{0,12}[0-9][0-9OolI]{0,30}")
_LETTER = re.compile("[OolI]")
_SEPARATORS = str.maketrans("", "", "-. ")
_LOOKS_LIKE = str.maketrans("OolI", "0011")


def may_be_spelled(text: str) -> bool:
    """Say whether `spell_out` may read a text differently: a closer look than the signs allow an automaton."""
    return SIGN_OF_SPEECH.search(text) is not None or any(_is_lettered(run.group()) for run in _LETTERS.finditer(text))


def spell_out(reading: Reading) -> Reading:
    """Return the reading with spelled digits as digits; the same object if there are none."""
    if SIGN_OF_SPEECH.search(reading.text):
        reading = _spoken(reading)
    return _lettered(reading)


def _is_lettered(run: str) -> bool:
    return not run.translate(_SEPARATORS).isdigit() and sum(c.isdigit() for c in run) >= 4


def _spoken(reading: Reading) -> Reading:
    """Read each word as its digit; "double" is one of the two, so that it belongs to the number."""
    parts: dict[int, str] = {}
    for run in _RUN.finditer(reading.text):
        times: tuple[int, int] | None = None
        for part in _PART.finditer(reading.text, *run.span()):
            word = part.group().lower()
            if word in _TIMES:
                times = (part.start(), _TIMES[word])
                parts[part.start()] = ""
                continue
            digit = _WORDS.get(word, word)
            parts[part.start()] = digit
            if times is not None:
                parts[times[0]] = digit * (times[1] - 1)
                times = None
    return reading.rewritten(_PART, lambda match: parts.get(match.start()) if match.group(1) else None)


def _lettered(reading: Reading) -> Reading:
    """A letter is read as the digit that it looks like where it touches a digit, or another such letter that does."""
    places = {
        place
        for run in _LETTERS.finditer(reading.text)
        if _is_lettered(run.group())
        for part in _TOUCHING.finditer(reading.text, *run.span())
        for place in range(*part.span())
    }
    return reading.rewritten(
        _LETTER, lambda match: match.group().translate(_LOOKS_LIKE) if match.start() in places else None
    )
