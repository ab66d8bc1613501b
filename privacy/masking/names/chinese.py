"""Chinese names: in a plain sentence, after a cue, before a title."""

import itertools
import re
from collections.abc import Iterator

from privacy.masking.names import characters as ch
from privacy.masking.names import context as ctx
from privacy.masking.names.evidence import (
    ENOUGH,
    after_role,
    best,
    is_nickname,
    may_begin,
    stands_alone,
    surname_length,
    windows,
)
from privacy.masking.names.words import Words, is_known
from privacy.masking.rules.rule import Rule

_GOOD_SURNAMES = ch.in_both_scripts(ch.SURE_SURNAMES + ch.LIKELY_SURNAMES)
_POOR_SURNAMES = ch.in_both_scripts(ch.RARE_SURNAMES + ch.DOUBTFUL_SURNAMES)


def _all_but(characters: str) -> str:
    """Return a class of every Han character but some, in ranges: an automaton takes patterns of 5,000 bytes."""
    edges = [0x33FF, *sorted(ord(c) for c in ch.in_both_scripts(characters)), 0xA000]
    ranges = ((chr(low + 1), chr(high - 1)) for low, high in itertools.pairwise(edges) if high - low > 1)
    return "[" + "".join(f"{low}-{high}" if high > low else low for low, high in ranges) + "]"


_AFTER_GOOD = _all_but(ch.NEVER_GIVEN + ch.SELDOM_GIVEN)
_AFTER_POOR = f"[{ch.in_both_scripts(ch.SURE_GIVEN)}]"
_COMPOUND = "|".join(sorted(ch.COMPOUND_SURNAMES))
_BARE = re.compile(f"[{_GOOD_SURNAMES}]{_AFTER_GOOD}|[{_POOR_SURNAMES}]{_AFTER_POOR}|(?:{_COMPOUND})[{ch.HAN}]")
_NEXT = {
    **dict.fromkeys(_GOOD_SURNAMES, re.compile(_AFTER_GOOD)),
    **dict.fromkeys(_POOR_SURNAMES, re.compile(_AFTER_POOR)),
}
_PLACES = re.compile(f"[{''.join(sorted(_NEXT))}](?=[{ch.HAN}])")
_COMPOUND_PLACES = re.compile(f"(?:{_COMPOUND})(?=[{ch.HAN}])")


def _bare_places(text: str, start: int, end: int) -> list[int]:
    places = [
        at
        for at in (match.start() for match in _PLACES.finditer(text, start, end))
        if _NEXT[text[at]].match(text, at + 1) and may_begin(text, at)
    ]
    compound = [match.start() for match in _COMPOUND_PLACES.finditer(text, start, end)]
    return sorted({*places, *compound}) if compound else places


def _bare(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    taken = 0
    for words, places in windows(text, _bare_places(text, start, end)):
        for place in places:
            if place + words.start < taken:
                continue
            found = best(words, place)
            if found is not None and found[1] >= ENOUGH:
                taken = found[0] + words.start
                yield place + words.start, taken


BARE = Rule("PERSON", _BARE, _bare, 8, reach=4, ahead=2)


_SURNAMES = "".join(sorted(_NEXT))
_GAP = "[是为叫做:= \t\"'|]{0,4}"
_HARD = "|".join(ctx.HARD_CUES)
_SOFT = "|".join(ctx.SOFT_CUES)
_INTRODUCTION = "|".join(ctx.INTRODUCTIONS)
_ROLE = "|".join(sorted(ctx.ROLES))
_KEY = (
    "(?:[Nn][Aa][Mm][Ee]|[Uu]ser|USER|[Cc]ontact|CONTACT|[Rr]eceiver|[Cc]onsignee|[Cc]ustomer|[Ss]ender|[Pp]ayee"
    "|[Rr]ecipient|[Oo]wner|[Aa]uthor|[Nn]ick|xingming|xm)[A-Za-z_]{0,8}[\"' ]{0,2}[:=][\"' ]{0,3}"
)
_NEXT_TO_CUE = f"[{_SURNAMES}][{ch.HAN}]"
_SAYS = f"(?:[是为叫:=|]{_GAP}|换成|改成|改为|换为|变更为|写的?是?| {{1,3}})"
_HARD_CUE = re.compile(f"(?:(?:{_HARD})[\"' ]{{0,2}}{_SAYS}|{_KEY})(?=[{ch.HAN}])")
_SOFT_CUE = re.compile(f"(?:{_SOFT}){_GAP}(?=[{_SURNAMES}])")
_INTRODUCED = re.compile(f"(?:{_INTRODUCTION}) ?(?=[{_SURNAMES}][{ch.HAN}])")
_AFTER_ROLE = re.compile(f"(?:{_ROLE}){_NEXT_TO_CUE}")
_SPACED = re.compile(f"((?:{_COMPOUND})|[{_SURNAMES}]) {{1,3}}[{ch.HAN}](?: {{0,2}}[{ch.HAN}])?(?![{ch.HAN}])")
_PLAIN = re.compile(f"[{ch.HAN}]{{2,4}}(?![{ch.HAN}·])")


def _cued(cue: re.Pattern[str], bonus: float) -> Rule:
    def find(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        for match in cue.finditer(text, start, end):
            span = _named(text, match.end(), bonus)
            if span is not None:
                yield span

    return Rule("PERSON", re.compile(cue.pattern.replace("(?=", "(?:")), find, 8, reach=60)


def _named(text: str, start: int, bonus: float) -> tuple[int, int] | None:
    """Return the name right after a cue, or None."""
    if bonus >= _HARD_BONUS and (spaced := _SPACED.match(text, start)):
        return spaced.span()
    margin = max(0, start - 8)
    words = Words(ch.simplified(text[margin : start + 10]), margin)
    found = best(words, start - words.start, bonus)
    if found is not None and found[1] >= ENOUGH:
        return start, found[0] + words.start
    plain = _PLAIN.match(text, start) if bonus >= _HARD_BONUS else None
    if plain is not None and words.unknown(start - words.start, plain.end() - words.start):
        return plain.span()
    return None


_HARD_BONUS = 6.0
_SOFT_BONUS = 4.0
_INTRODUCED_BONUS = 2.5
_TITLE = "|".join(sorted(ctx.TITLES, key=len, reverse=True))
_CHIEF = "总(?=[^<\u3400-\u9fff]|$|[说您好在让给])"
_TITLED = re.compile(f"[{_SURNAMES}][{ch.HAN}]{{0,2}}(?:{_TITLE}|总)")
_TITLE_PLACES = re.compile(f"{_TITLE}|{_CHIEF}")
_POLITE = ("先生", "女士", "小姐", "太太")
_INTRODUCES = ("", *"是姓叫找跟给和为转")
_ALONE = frozenset(ch.in_both_scripts(ch.SURE_SURNAMES + ch.LIKELY_SURNAMES + ch.RARE_SURNAMES))


def _alone(text: str, at: int) -> bool:
    """Say whether a character can be a surname alone.

    One that is mostly something else needs a sign before it, or a word that introduces people.
    """
    if at < 0 or text[at] not in _NEXT:
        return False
    before = text[at - 1 : at]
    return text[at] in _ALONE or before in _INTRODUCES or not "\u3400" <= before <= "\u9fff"


_SAID_SURNAME = re.compile(
    f"(?<!同)(?<!百家)(?<!老百)(?:我|贵|叫|^|[, 。!])姓({_COMPOUND}|[{_SURNAMES}])(?![{ch.HAN}]?名)"
)


def _surnamed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _SAID_SURNAME.finditer(text, start, end):
        yield match.span(1)


def _titled(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield names before titles that a plain sentence does not show: a surname alone, or a doubtful one."""
    for match in _TITLE_PLACES.finditer(text, start, end):
        at = match.start()
        if not _alone(text, at - 1) and _NEXT.keys().isdisjoint(text[max(0, at - 4) : at - 1]):
            continue
        margin = max(0, at - 12)
        words = Words(ch.simplified(text[margin : match.end() + 2]), margin)
        here = at - margin
        full = [
            first
            for first in range(max(0, here - 4), here - 1)
            if surname_length(words.text, first)
            and (found := best(words, first))
            and found[0] == here
            and found[1] >= ENOUGH
        ]
        if full:
            yield full[0] + margin, at
        elif words.text[max(0, here - 2) : here] in ch.COMPOUND_SURNAMES:
            yield at - 2, at
        elif _alone(text, at - 1) and text[at - 1 : at + 2] not in ctx.EVERYDAY:
            introduced = text[max(0, at - 2) : at - 1] in _INTRODUCES
            polite = match.group() in _POLITE and (introduced or not is_known(words.text[max(0, here - 2) : here]))
            if polite or stands_alone(words, here - 1):
                yield at - 1, at


def _after_role(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield names after roles that a plain sentence does not show: their surname or given name is a doubtful one."""
    for match in _PLACES.finditer(text, start, end):
        at = match.start()
        if after_role(text, at) and not _NEXT[text[at]].match(text, at + 1):
            span = _named(text, at, 0.0)
            if span is not None:
                yield span


_NICKNAMES = re.compile(
    f"[小老阿][{ch.in_both_scripts(ch.SURE_SURNAMES + ch.LIKELY_SURNAMES)}]|阿[{ch.in_both_scripts(ch.SURE_GIVEN)}]"
)


def _nicknamed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _NICKNAMES.finditer(text, start, end):
        first, last = match.span()
        margin = max(0, first - 6)
        words = Words(ch.simplified(text[margin : last + 6]), margin)
        if is_nickname(words, first - margin, last - margin):
            yield first, last


CHINESE = (
    BARE,
    _cued(_HARD_CUE, _HARD_BONUS),
    _cued(_SOFT_CUE, _SOFT_BONUS),
    _cued(_INTRODUCED, _INTRODUCED_BONUS),
    Rule("PERSON", _AFTER_ROLE, _after_role, 8, reach=4, ahead=2),
    Rule("PERSON", _TITLED, _titled, 8, reach=12),
    Rule("PERSON", _SAID_SURNAME, _surnamed, 8),
    Rule("PERSON", _NICKNAMES, _nicknamed, 8, reach=4, ahead=2),
)
