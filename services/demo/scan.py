"""Looks for personal data in everything that was written: bytes of files, and what is packed inside them."""

import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

_PREFIX = 6
"""Bytes of a needle that are looked up at every place; two Chinese characters in UTF-8."""


class Needles:
    """Texts to look for in bytes, all at once.

    Every place of a text is looked up by its first six bytes in a sorted table, so that the cost does not grow
    with the number of needles. Texts under six bytes are refused: they stand everywhere by chance.

    Args:
        texts: What to look for, each at least six bytes in UTF-8.
    """

    def __init__(self, texts: Collection[str]) -> None:
        encoded = [text.encode() for text in texts]
        if any(len(needle) < _PREFIX for needle in encoded):
            raise ValueError("a needle is too short")
        self._by_prefix: dict[int, list[bytes]] = defaultdict(list)
        for needle in encoded:
            self._by_prefix[int.from_bytes(needle[:_PREFIX], "big")].append(needle)
        self._prefixes = np.array(sorted(self._by_prefix), dtype=np.uint64)

    def found_in(self, data: bytes) -> set[str]:
        """Return the texts that stand somewhere in data."""
        if len(data) < _PREFIX or not len(self._prefixes):
            return set()
        octets = np.frombuffer(data, dtype=np.uint8)
        windows = np.zeros(len(octets) - _PREFIX + 1, dtype=np.uint64)
        for place in range(_PREFIX):
            windows = (windows << np.uint64(8)) | octets[place : place + len(windows)]
        nearest = np.searchsorted(self._prefixes, windows).clip(max=len(self._prefixes) - 1)
        places = np.flatnonzero(self._prefixes[nearest] == windows)
        return {
            needle.decode()
            for place in places
            for needle in self._by_prefix[int(windows[place])]
            if data.startswith(needle, int(place))
        }


def scan(folder: Path, needles: Needles) -> dict[str, set[str]]:
    """Return, for every file below a folder in which a needle stands, which ones; empty is what we want.

    Parquet columns, SQLite values and zip members are looked into as well as the files' own bytes.
    """
    hits: dict[str, set[str]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found = set().union(*(needles.found_in(part) for part in _parts(path)))
        if found:
            hits[str(path.relative_to(folder))] = found
    return hits


def _parts(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    if path.suffix == ".parquet" and data[:4] == b"PAR1":
        yield pq.read_table(path).to_pandas().to_csv().encode()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif data.startswith(b"SQLite format 3"):
        yield from _sqlite_parts(path)


def _sqlite_parts(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        for (dump_line,) in db.execute("SELECT coalesce(sql, '') FROM sqlite_master"):
            yield dump_line.encode()
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the name comes from the file's own catalogue
            yield "\n".join(_as_text(value) for row in rows for value in row).encode()


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
