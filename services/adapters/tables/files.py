"""Reads tables row by row in bounded memory: CSV with a header, TSV, JSON lines, each plain or gzipped."""

import codecs
import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TextIO, cast

import orjson

from privacy.errors import MangroveError
from services.adapters.account import Unmapped
from services.adapters.tables.cells import Row
from services.adapters.tables.mapping import Format

_LONGEST_LINE = 1_000_000
_GZIP = b"\x1f\x8b"
_DAMAGE = "\udc80"
_MARK_DAMAGE = "mangrove.mark_damage"

# Bytes that the encoding does not have must neither end the reading nor pass for a character.
codecs.register_error(_MARK_DAMAGE, lambda error: (_DAMAGE, cast(UnicodeDecodeError, error).end))


class TableUnreadable(MangroveError):
    """A file is not the table that the mapping speaks of, or breaks off."""

    reason = "TABLE_UNREADABLE"


class _LineUnfit(Exception):
    """A line cannot be part of a row; its argument is the rule."""


class _Lines:
    """The lines of a text, counted; those that are too long are read away and refused.

    `damaged` is set when a line holds bytes that its encoding does not have.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0
        self.damaged = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == _LONGEST_LINE:
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(_LONGEST_LINE)
            raise _LineUnfit("LINE_TOO_LONG")
        self.damaged = self.damaged or _DAMAGE in line
        return line


class TableFile:
    """A table that is open for reading; a context manager.

    Args:
        path: The file; whether it is gzipped is seen from its first bytes.
        form: How it is written.
        columns: Columns that a CSV or TSV must have.

    Raises:
        TableUnreadable: if it cannot be opened.
    """

    def __init__(self, path: Path, form: Format, columns: Sequence[str]) -> None:
        self._form = form
        self._needed = columns
        self._empty = frozenset(form.empty)
        try:
            self._raw = path.open("rb")
        except OSError:
            raise TableUnreadable("The file cannot be opened. Check its path and its permissions.") from None
        self.total = os.fstat(self._raw.fileno()).st_size
        zipped = self._raw.peek(len(_GZIP)).startswith(_GZIP)
        plain = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw
        self._lines = _Lines(io.TextIOWrapper(plain, form.encoding, _MARK_DAMAGE, newline=""))

    @property
    def done(self) -> int:
        """Bytes of the file that were read, of `total`; nothing of a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def rows(self) -> Iterator[Row | Unmapped]:
        """Yield each row, or why it is none.

        Raises:
            TableUnreadable: if the header lacks a column that is needed, or the file breaks off or is no gzip.
        """
        rows = self._json_rows() if self._form.kind == "jsonl" else self._csv_rows()
        try:
            yield from rows
        except UnicodeError:
            raise TableUnreadable(
                "The file is not in the encoding that the mapping names. See format.encoding."
            ) from None
        except (EOFError, OSError, zlib.error):
            raise TableUnreadable(
                f"The file breaks off or is damaged after line {self._lines.number}. Get it again, and import it "
                "again: what was taken is not taken twice."
            ) from None

    def _csv_rows(self) -> Iterator[Row | Unmapped]:
        reader = csv.reader(
            self._lines,
            delimiter=self._form.separator,
            quotechar=self._form.quote or None,
            quoting=csv.QUOTE_MINIMAL if self._form.quote else csv.QUOTE_NONE,
            strict=True,
        )
        header: list[str] | None = None
        place = 0
        while (record := self._record(reader)) is not None:
            number, cells, rule = record
            if header is None:
                header = self._header(cells, rule)
                continue
            if not cells and not rule:
                continue
            place += 1
            if rule or len(cells) != len(header):
                yield Unmapped(number, f"row:{rule or 'CELL_COUNT'}")
                continue
            yield Row(number, place, dict(zip(header, cells, strict=True)), self._empty)
        if header is None:
            raise TableUnreadable("The file is empty: it has not even a header. Check its path, or get it again.")

    def _record(self, reader: "Iterator[list[str]]") -> tuple[int, list[str], str] | None:
        """Return the next record's line, its cells and, if it is none, the rule that it breaks."""
        number = self._lines.number + 1
        self._lines.damaged = False
        try:
            cells = next(reader)
        except StopIteration:
            return None
        except _LineUnfit as unfit:
            return number, [], str(unfit)
        except csv.Error:  # a quote that is never closed, text behind a closing one, a cell without end
            return number, [], "QUOTING"
        return number, cells, "ENCODING" if self._lines.damaged else ""

    def _header(self, cells: list[str], rule: str) -> list[str]:
        if rule:
            raise TableUnreadable(f"The header breaks the rule row:{rule}. Check format.encoding and format.quote.")
        missing = [column for column in self._needed if column not in cells]
        doubled = [column for column in self._needed if cells.count(column) > 1]
        if missing or doubled:
            raise TableUnreadable(
                f"The header lacks {_listed(missing)}." if missing else f"The header has {_listed(doubled)} twice."
            )
        return cells

    def _json_rows(self) -> Iterator[Row | Unmapped]:
        place = 0
        while True:
            self._lines.damaged = False
            try:
                line = next(self._lines)
            except StopIteration:
                return
            except _LineUnfit as unfit:
                place += 1
                yield Unmapped(self._lines.number, f"row:{unfit}")
                continue
            if line.strip():
                place += 1
                yield self._json_row(line, place)

    def _json_row(self, line: str, place: int) -> Row | Unmapped:
        number = self._lines.number
        if self._lines.damaged:
            return Unmapped(number, "row:ENCODING")
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            return Unmapped(number, "row:NOT_JSON")
        if not isinstance(row, dict):
            return Unmapped(number, "row:NOT_AN_OBJECT")
        return Row(number, place, row, self._empty)


def _listed(columns: Sequence[str]) -> str:
    return "the column" + ("s " if len(columns) > 1 else " ") + ", ".join(f"'{column}'" for column in columns)
