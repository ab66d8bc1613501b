"""Which trait a column of a file holds: from what it is called, else from how its values look."""

import re
from collections.abc import Mapping, Sequence

from privacy.errors import MangroveError
from privacy.linkage import TRAITS

Table = Mapping[str, Sequence[str]]
"""Columns by name, of values as written; empty where there is none."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DATE = re.compile(
    r"(?:1[89]|20)\d\d([-/.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|1[0-2])\2(?:1[89]|20)\d\d"
)
_PHONE = re.compile(r"\+\d[\d ()-]{7,16}|1[3-9]\d{9}")
_LOOKS = {"email": _EMAIL, "birth_date": _DATE, "phone": _PHONE}
_MOST = 0.7
_BORDERS = re.compile(r"(?<=[a-z])(?=[A-Z])|[^a-zA-Z0-9\u4e00-\u9fff]+|(?<=[a-zA-Z])(?=\d)")


class UnknownColumn(MangroveError):
    """A column or a trait was named that there is not."""

    reason = "UNKNOWN_COLUMN"


def traits_of_columns(table: Table, named: Sequence[str] = ()) -> dict[str, str]:
    """Say which column holds which trait: column by trait. Each column and each trait is taken once.

    What is named comes first, then columns called exactly as a trait is, then those whose name holds such words, then
    those most of whose values look like an e-mail address, a date or a phone number.

    Args:
        table: The columns that may be used; without ids and the truth.
        named: `column=trait` each; `column=` leaves a column out.

    Raises:
        UnknownColumn: if a column or trait in `named` is not there.
    """
    found: dict[str, str] = {}
    free = list(table)
    for entry in named:
        column, _, trait = entry.partition("=")
        if column not in free or (trait and trait not in TRAITS):
            raise UnknownColumn(f"--column takes a column of the file = one of: {', '.join(TRAITS)}; each column once.")
        free.remove(column)
        if trait:
            found[trait] = column
    for fits in (_is_called, _holds_name, _looks_like):
        for column in list(free):
            trait = next((t for t in _by_longest_name(fits(column, table[column])) if t not in found), "")
            if trait:
                found[trait] = column
                free.remove(column)
    return found


def _words(name: str) -> str:
    return f" {_BORDERS.sub(' ', name).strip().lower()} "


def _is_called(column: str, _: Sequence[str]) -> dict[str, int]:
    return {t.name: 1 for t in TRAITS.values() if _words(column).strip() in (*t.called, t.name.replace("_", " "))}


def _holds_name(column: str, _: Sequence[str]) -> dict[str, int]:
    words = _words(column)
    held = {t.name: max((len(c) for c in t.called if f" {c} " in words), default=0) for t in TRAITS.values()}
    return {trait: length for trait, length in held.items() if length}


def _looks_like(_: str, values: Sequence[str]) -> dict[str, int]:
    given = [value.strip() for value in values if value.strip()]
    matching = {trait: sum(bool(look.fullmatch(value)) for value in given) for trait, look in _LOOKS.items()}
    return {trait: count for trait, count in matching.items() if given and count >= _MOST * len(given)}


def _by_longest_name(lengths: Mapping[str, int]) -> list[str]:
    return sorted(lengths, key=lambda trait: -lengths[trait])
