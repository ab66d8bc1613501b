"""Reading a CSV file of calls that nobody has described: encoding, separator, lines above the table, blanks."""

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import polars as pl

from privacy.errors import MangroveError

_SEPARATORS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")
_BLANKS = ("", "na", "n/a", "nan", "null", "none", "nil", "-", "?", "\\n")
_MOST_IN_A_CELL = 10_000
_LOOKED_AT = 65_536
_LINES_LOOKED_AT = 200
_FEW = 0.01
_IS_VALUE = re.compile(r"^[\d\s.,:/+T-]*\d[\d\s.,:/+TZ-]*$")


class EventsWrong(MangroveError):
    """The file of events, or what was asked of it, cannot be used."""

    reason = "EVENTS_WRONG"


def read_events(path: Path) -> pl.DataFrame:
    """Read a CSV file: every column as trimmed text, null where nothing is said.

    UTF-8, UTF-16, GB 18030 and Latin-1 are understood, and commas, semicolons, tabs and bars between the cells. Lines
    above the table, such as a title, are passed over; a column without a name is named by its place.

    Raises:
        EventsWrong: if the file is not there, is no table, is empty, has no names in its first line, or has a cell of
            more than 10,000 characters.
    """
    try:
        raw = path.read_bytes()
    except OSError:
        raise EventsWrong("The file of events cannot be read. Give the path of a CSV file.") from None
    text = _decoded(raw).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\n ")
    lines = [line for line in text[:_LOOKED_AT].split("\n")[:_LINES_LOOKED_AT] if line.strip()]
    if not lines or "\0" in text[:_LOOKED_AT]:
        raise EventsWrong("The file of events holds no table. Give a CSV file whose first line names the columns.")
    separator = max(_SEPARATORS, key=lambda one: median(map(len, csv.reader(lines, delimiter=one))))
    head = _head(lines, separator)
    frame = _table(text[text.index(head) :], separator)
    if frame.is_empty():
        raise EventsWrong("The file of events has no rows below its first line. Give a log with calls in it.")
    longest = frame.select(pl.max_horizontal(pl.all().str.len_chars().max().fill_null(0))).item()
    if longest > _MOST_IN_A_CELL:
        raise EventsWrong(
            f"A cell of the events holds more than {_MOST_IN_A_CELL:,} characters. Look for a quote that is not closed."
        )
    frame.columns = _names(frame.columns)
    trimmed = pl.all().str.strip_chars(" \t\r\n\"'")
    return frame.select(trimmed).select(
        pl.when(pl.col(name).str.to_lowercase().is_in(_BLANKS)).then(None).otherwise(pl.col(name)).alias(name)
        for name in frame.columns
    )


def _head(lines: Sequence[str], separator: str) -> str:
    """The first line that has as many cells as most, and a name in most of them.

    Raises:
        EventsWrong: if it holds values: a table without names, whose first call must not be taken for them.
    """
    table = [next(csv.reader([line], delimiter=separator)) for line in lines]
    width = median(map(len, table))
    for line, cells in zip(lines, table, strict=True):
        named = [cell for cell in cells if cell.strip()]
        if len(cells) >= width and 2 * len(named) > len(cells):
            if 2 * sum(_IS_VALUE.match(cell.strip()) is not None for cell in named) > len(named):
                break
            return line
    raise EventsWrong(
        "The first line of the events names no columns. Give a CSV file with their names above the calls."
    )


def _names(found: Sequence[str]) -> list[str]:
    """Names with single blanks; what has none, or one that another has, is told apart by its place."""
    plain = [" ".join(name.split()) for name in found]
    return [
        name if name and name not in plain[:place] else f"{name} column {place + 1}".strip()
        for place, name in enumerate(plain)
    ]


def _table(text: str, separator: str) -> pl.DataFrame:
    """Read cells; separators at the ends of lines, which some programs add, are no cells.

    Of a line in a hundred cells that the first line has no name for are left out: more than that is another file.
    """
    with suppress(pl.exceptions.PolarsError):
        return _cells(text, separator)
    without_ends = re.sub(f"{re.escape(separator)}+(?=\\n|$)", "", text)
    lines = [line.count(separator) for line in without_ends.splitlines()]
    few_are_long = sum(cells > lines[0] for cells in lines) <= _FEW * len(lines)
    with suppress(pl.exceptions.PolarsError):
        return _cells(without_ends, separator, cut=few_are_long)
    raise EventsWrong(
        "The file of events is no table. Check its quotes, and that no line has more cells than the first one."
    )


def _cells(text: str, separator: str, *, cut: bool = False) -> pl.DataFrame:
    return pl.read_csv(text.encode(), separator=separator, infer_schema=False, truncate_ragged_lines=cut)


def _decoded(raw: bytes) -> str:
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw[:_LOOKED_AT]:
        # Of two bytes of a Latin letter the higher one is 0.
        even, odd = raw[0:_LOOKED_AT:2].count(0), raw[1:_LOOKED_AT:2].count(0)
        return raw.decode("utf-16-be" if even > odd else "utf-16-le", errors="replace")
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise EventsWrong("The file of events is in an unknown encoding. Save it as UTF-8.")
