"""What a rule is: a cheap trigger that an automaton can hold, and a finder that has the last word."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

Find = Callable[[str, int, int], Iterable[tuple[int, int]]]
"""Takes a whole view of a text and the part of it in which to look, gives [start, end) in code points of the view."""


class TextView(Enum):
    """In which normal form of a text a rule looks.

    TEXT is the text folded character by character: compatibility forms, odd spaces and dashes as ASCII,
    Cyrillic and Greek look-alikes as Latin, invisible characters gone; case and Han characters stay.
    DIGITS is the same with every digit in any writing (一, 壹, ①, ٣) as 0 to 9.
    """

    TEXT = "text"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to recognise one entity.

    Attributes:
        entity: Presidio's name where it has one, else ours in the same style.
        trigger: Every view in which `find` finds something matches it. It is compiled into the automaton too,
            so it uses only what both engines understand: written-out classes, bounded repeats, no named groups.
        find: Where the entity stands in the view; matches begin in the part that it is given.
        strength: Decides the name where detections overlap; smaller is stronger.
        view: The view it looks at.
        reach: The longest a match may be, its cues included: so far before a sign of it the text is looked at.
            None for a rule that looks at the whole text anyway.
        ahead: So far behind a sign an optional end of a match, or what it looks ahead at, may reach.
    """

    entity: str
    trigger: re.Pattern[str]
    find: Find
    strength: int
    view: TextView = TextView.TEXT
    reach: int | None = 120
    ahead: int = 60


def cues(chinese: str, english: str = "") -> str:
    """Return a pattern of words that announce something, which is quickly left where none begins.

    The names of entities in placeholders, such as <PHONE_NUMBER>, announce nothing.

    Args:
        chinese: Words with | between them, each beginning with a literal character or a class.
        english: The same, in lower case; they match only at the beginning of a word.
    """
    words = [word for word in (*chinese.split("|"), *english.split("|")) if word]
    firsts = "".join(dict.fromkeys("".join(w[1 : w.index("]")] if w[0] == "[" else w[0] for w in words)))
    said = "|".join(part for part in (chinese, f"(?<![A-Za-z<])(?:{english})" if english else "") if part)
    return f"(?=[{firsts}{''.join(c.upper() for c in firsts if c.isascii())}])(?:{said})(?!>)"


def pattern_rule(
    entity: str,
    pattern: re.Pattern[str],
    strength: int,
    *,
    group: int = 0,
    accept: Callable[[re.Match[str]], bool] | None = None,
    view: TextView = TextView.TEXT,
    reach: int = 120,
    sign: re.Pattern[str] | None = None,
) -> Rule:
    """Return a rule that finds what a pattern matches.

    Args:
        entity: The entity's name.
        pattern: The pattern.
        strength: See `Rule`.
        group: The group that is personal; the whole match by default.
        accept: Sees the match and has the last word.
        view: The view it looks at.
        reach: See `Rule`.
        sign: A part that every match has, as trigger; the whole pattern by default.
    """

    def find(text: str, start: int, end: int) -> Iterable[tuple[int, int]]:
        matches = pattern.finditer(text, start, end)
        return [match.span(group) for match in matches if accept is None or accept(match)]

    return Rule(entity, sign or pattern, find, strength, view, reach)
