"""How much speaks for a stretch of Chinese being a name: its characters, the words and the cuts around it."""

from collections.abc import Iterator

from privacy.masking.names import characters as ch
from privacy.masking.names import context as ctx
from privacy.masking.names.words import Words, is_known

ENOUGH = 5.5
"""Points from which a stretch is taken for a name when nothing but the sentence speaks for it."""

_SURNAME_POINTS = {
    **dict.fromkeys(ch.DOUBTFUL_SURNAMES, 0.0),
    **dict.fromkeys(ch.RARE_SURNAMES, 1.0),
    **dict.fromkeys(ch.LIKELY_SURNAMES, 2.0),
    **dict.fromkeys(ch.SURE_SURNAMES, 3.0),
}
_GIVEN_POINTS = {
    **dict.fromkeys(ch.POSSIBLE_GIVEN, 0.5),
    **dict.fromkeys(ch.LIKELY_GIVEN, 1.5),
    **dict.fromkeys(ch.SURE_GIVEN, 2.5),
}
_TITLES = frozenset(ctx.TITLES)
_ANNOUNCED = 3.5
_EDGE = 1.5
# What may follow, the strongest last: it wins where a word is of two kinds.
_FOLLOWING = {
    **dict.fromkeys(ctx.PLACE_ENDS, -4.0),
    **dict.fromkeys(ctx.ROLES, 4.0),
    **dict.fromkeys(ctx.TITLES, 4.0),
    **dict.fromkeys(ctx.SPEECH, 2.5),
}
_NEVER_GIVEN = frozenset(ch.NEVER_GIVEN)
_SURE = frozenset(ch.in_both_scripts(ch.SURE_SURNAMES))
_NEVER_LAST = frozenset(ch.NEVER_LAST)
_SURE_GIVEN = frozenset(ch.SURE_GIVEN)
_COUNTED_BY = frozenset("一二两三四五六七八九十几这那每半多百0123456789")
"""What stands before 张 where it counts sheets and cards: 这张卡, 3张."""

_BETWEEN = 1.0
"""Points for standing between two signs that both belong beside a name, as 、 and 、 do in a list."""
_MOST_CUTS = 4.0 + _BETWEEN + 1.0
"""The most that the cuts, the signs on both sides and the length can add."""
_HAN_FIRST, _HAN_LAST = "\u3400", "\u9fff"
_MARGIN = 8
_GAP = 14


def windows(text: str, places: list[int]) -> Iterator[tuple[Words, list[int]]]:
    """Cut windows around ascending places and yield each with the places in it, counted from its start."""
    at = 0
    while at < len(places):
        first = last = at
        while last + 1 < len(places) and places[last + 1] - places[last] <= _GAP and places[last] - places[first] < 200:
            last += 1
        start = max(0, places[first] - _MARGIN)
        end = min(len(text), places[last] + _MARGIN + 2)
        words = Words(ch.simplified(text[start:end]), start)
        yield words, [place - start for place in places[first : last + 1]]
        at = last + 1


def surname_length(text: str, at: int) -> int:
    """Return how many characters the surname at a place has: 2 for a compound one, 1, or 0 when none stands there."""
    if text[at : at + 2] in ch.COMPOUND_SURNAMES:
        return 2
    return 1 if at < len(text) and text[at] in _SURNAME_POINTS else 0


def may_begin(text: str, at: int) -> bool:
    """Say whether a surname's character is no part of an everyday word: a quick look, before anything is cut."""
    pair = text[at : at + 2]
    if text[at] == "张" and text[at - 1 : at] in _COUNTED_BY:
        return False
    if pair in ctx.EVERYDAY:
        return text[at] in _SURE and text[at + 2 : at + 3] in _SURE_GIVEN
    if at and is_known(text[at - 1 : at + 1]) and not after_role(text, at):
        return False
    if text[at] in _SURE or pair[1:] in _SURE_GIVEN or not is_known(pair):
        return True
    return is_known(text[at : at + 3]) or after_role(text, at)


def best(words: Words, start: int, bonus: float = 0.0) -> tuple[int, float] | None:
    """Return the end and the points of the likeliest name that starts at a place of the window, or None.

    Args:
        words: The window.
        start: Where the surname stands in it.
        bonus: Points for what the caller knows about the place, such as a cue before it.
    """
    text = words.text
    surname = surname_length(text, start)
    if surname == 0:
        return None
    most_left = bonus + (_ANNOUNCED if after_role(text, start) else 1.0)
    left: float | None = None
    found: tuple[int, float] | None = None
    for end in range(start + surname + 1, min(start + surname + 2, len(text)) + 1):
        given = text[start + surname : end]
        if not _HAN_FIRST <= given[-1] <= _HAN_LAST or given[-1] in _NEVER_GIVEN or given in _TITLES:
            break
        points = _characters(text, start, surname, given)
        right = after(words, end)
        if points + most_left + right + _most_cuts(text, start, end) < ENOUGH:
            continue
        if left is None:
            left = before(words, start) + bonus
        if given[1:] in _NEVER_LAST and right != _EDGE and end < len(text):
            points -= 2
        points += words.cuts(start, end) + left + right
        if left >= 1 and right >= 1:
            points += _BETWEEN
        if end - start == surname + 2 and right == _EDGE:
            points += 1  # a shorter name would leave one character alone before a sign
        if found is None or points > found[1]:
            found = (end, points)
    return found


def _characters(text: str, start: int, surname: int, given: str) -> float:
    points = 4.0 if surname == 2 else _SURNAME_POINTS[text[start]]
    if len(given) == 1:
        points += _GIVEN_POINTS.get(given, -1.5)
    else:
        one, two = _GIVEN_POINTS.get(given[0], -1.0), _GIVEN_POINTS.get(given[1], -1.0)
        points += (one + two) * 0.7 + (0.5 if given[0] == given[1] else 0.0)
    end = start + surname + len(given)
    if text[start:end] in ctx.EVERYDAY:
        return points - 9
    if end - start > 2 and text[start : start + 2] in ctx.EVERYDAY:
        return points - 3
    return points


def _most_cuts(text: str, start: int, end: int) -> float:
    """Return what the cuts between words can give at most, without making them."""
    if not is_known(text[start : start + 2]):
        return _MOST_CUTS
    if end - start == 2:
        return 3.0 + _BETWEEN if text[start] in ch.SURE_SURNAMES else _BETWEEN - 1
    return _MOST_CUTS if is_known(text[start:end]) else _BETWEEN + 1


def after_role(text: str, at: int) -> bool:
    """Say whether what a person is stands right before a place."""
    return at > 1 and (
        text[at - 2 : at] in ctx.ROLES or text[at - 3 : at] in ctx.ROLES or text[at - 4 : at] in ctx.ROLES
    )


def before(words: Words, at: int) -> float:
    """Return what stands before a place says for a name's beginning there."""
    if at == 0:
        return 1.0
    text = words.text
    if after_role(text, at):
        return _ANNOUNCED
    if text[at - 1] in ctx.PREPOSITIONS or not "\u3400" <= text[at - 1] <= "\u9fff":
        return 1.0
    tag = words.tag_at(at - 1)
    if tag in {"m", "q", "mq"}:
        return -3.0
    if tag in {"nt", "nn"}:
        return 1.0
    return 0.0


def after(words: Words, at: int) -> float:
    """Return what stands after a place says for a name's end there."""
    text = words.text
    following = text[at : at + 2]
    if not following:
        return 1.0
    first = following[0]
    if not _HAN_FIRST <= first <= _HAN_LAST:
        return _EDGE
    points = _FOLLOWING.get(following)
    if points is None and first in _FOLLOWING and words.word_from(at) == first:
        points = _FOLLOWING[first]
    if points is None:
        points = 4.0 if text[at : at + 3] in ctx.ROLES else 1.0 if first in ctx.PARTICLES else -0.5
    return points


def stands_alone(words: Words, at: int) -> bool:
    """Say whether one character, a surname before a title, belongs to no word before it."""
    first, _ = words.word_at(at)
    if first < at and not (first == at - 1 and words.text[first] in ctx.PREPOSITIONS):
        return False
    return first == 0 or before(words, first) >= 0


def is_nickname(words: Words, start: int, end: int) -> bool:
    """Say whether 小, 老 or 阿 and what follows it is what someone is called."""
    text = words.text
    first, word_end = words.word_at(start)
    if first != start or text[start:end] in ctx.NOT_NICKNAMES:
        return False
    if start and before(words, start) < 1 and text[start - 1] not in "的我你他她":
        return False
    if word_end > end and is_known(text[start:word_end]):
        return False
    called = words.tag_at(start).startswith("nr" if text[end - 1] not in _SURE else "n")
    return after(words, end) >= 1 and (called or not is_known(text[start:end]))
