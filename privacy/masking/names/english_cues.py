"""Names in Latin letters right after what announces them: a cue, a title, a greeting, a key."""

import re
from collections.abc import Iterator

from privacy.masking.names import context as ctx
from privacy.masking.names.english import ANY, ANY_ROUGHLY, MARK, SMALL, UPPER, UPPER_ROUGHLY, weight
from privacy.masking.names.english_words import EVERYDAY, TITLES
from privacy.masking.rules.rule import Rule

_BEFORE = f"(?<![{ANY}0-9])"
_LOOSE = f"[{ANY}](?:{MARK}?[{ANY}]){{1,24}}"
_LABELS = (
    "name customer recipient contact passenger cardholder client patient sender attn user owner guest agent assignee "
    "reporter consignee receiver payee beneficiary from to cc"
).split()
# Spelled out in both cases: a search for a set of first letters is quick.
_LABEL = "|".join((*_LABELS, *(label.capitalize() for label in _LABELS), "NAME"))
_FIELD = re.compile(f"(?:{_LABEL})[\"']?(?: ?[:=] ?| is | was |['’]s |\\? )[ \"'>]{{0,2}}(?=[{ANY}])")
_SAID = re.compile(
    _BEFORE + f"(?:[Mm]y (?:full |first |last |maiden )?name is|[Mm]y name['’]s) ?(?=[{ANY}])"
    f"|(?:{'|'.join((*ctx.HARD_CUES, *ctx.SOFT_CUES))})(?:[是为叫做:= ]{{1,3}}(?=[{ANY}])|(?=[{UPPER}]))"
)
_CALLED = re.compile(_BEFORE + f"(?:[Cc]all(?:s|ed)? me|[Ss]igned,?|[Nn]ame is) (?=[{ANY}])")
_TITLE = re.compile(_BEFORE + f"(?:{'|'.join(TITLES)}|mr|mrs|ms|dr|MR|MRS|MS|DR)(?:\\. ?| )(?=[{UPPER}])")
_GREETING = re.compile(
    f"(?:{_BEFORE}(?:[Tt]his is|[Ii] am|[Ii]['’]m|[Ii]t['’]s|[Dd]ear|[Hh]i|[Hh]ello|[Hh]ey|[Cc]alled"
    "|[Nn]amed(?: him| her)?|[Tt]hanks|[Ss]aid|[Ss]ays"
    "|(?:[Rr]egards|[Ss]incerely|[Cc]heers|[Tt]hanks|[Bb]est|[Tt]hank you),?\\n{1,2})|我是)"
    f",? {{0,2}}(?=[{UPPER}])"
)
_NEXT = re.compile(f"(?: |\\+|%20)(?:[{UPPER}]\\.? )?{SMALL}({_LOOSE})")
_START = re.compile(_LOOSE)
_LISTED = 1.5
"""The weight of a word that the lists or its ending show to be a name."""

_CLOSING = frozenset(["", ".", ",", "!", "?", ";", "\n", ")", '"'])
_GOES_ON = re.compile(f"[@_0-9]|\\.[{ANY}]")
"""What follows when it was no name but a part of an address or a code."""

_AGAIN = re.compile("(?:Dr|Mr|Mrs|Ms|User)(?:[.:] ?| )")


def _after(cue: re.Pattern[str], *, small: bool = False, everyday: bool = True) -> Rule:
    """Return the rule for names after a cue; the name begins where the cue ends.

    Args:
        cue: The cue.
        small: Any word that is no everyday word is taken for a name, in small letters too.
        everyday: A name that is an everyday word too, as Will, is taken for a name.
    """

    def find(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        for match in cue.finditer(text, start, end):
            at = match.end()
            if again := _AGAIN.match(text, at):
                at = again.end()
            first = _START.match(text, at)
            if first is not None and _begins(first.group(), small=small, everyday=everyday):
                last = _end(text, first)
                if not _GOES_ON.match(text, last):
                    yield at, last

    # What a cue looks ahead at is read by the trigger, or an automaton would see the cue everywhere.
    trigger = cue.pattern.replace("(?=", "(?:").replace(ANY, ANY_ROUGHLY).replace(UPPER, UPPER_ROUGHLY)
    return Rule("PERSON", re.compile(trigger), find, 8)


def _begins(word: str, *, small: bool, everyday: bool) -> bool:
    lower = word.lower()
    points = weight(lower.removesuffix("'s").removesuffix("’s"))
    if lower in EVERYDAY and not everyday:
        return False
    return points >= (0.5 if small or word[0].isupper() else _LISTED)


def _end(text: str, first: re.Match[str]) -> int:
    end, words = first.end(), 1
    loud = first.group()[0].isupper()
    while words < 4 and (following := _NEXT.match(text, end)):
        word = following.group(1)
        points = weight(word.lower().removesuffix("'s").removesuffix("’s"))
        closes = text[following.end() : following.end() + 1] in _CLOSING
        if points < (0.5 if word[0].isupper() else 1.0 if closes else _LISTED) or (loud and word[0].islower()):
            break
        end, words = following.end(), words + 1
    return end - 2 if text[end - 2 : end] in {"'s", "’s"} else end


ENGLISH_CUES = (
    _after(_FIELD),
    _after(_SAID, small=True),
    _after(_CALLED),
    _after(_TITLE),
    _after(_GREETING, everyday=False),
)
