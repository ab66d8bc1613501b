"""Takes what can still be read out of a damaged SQLite journal and puts it where the lander finds it."""

import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

from privacy.errors import MangroveError
from services.collector.journals.sqlite import SqliteJournal
from services.collector.journals.sqlite_file import DAMAGED, SUFFIX, checksum, locked, set_aside, store
from services.collector.journals.sqlite_writer import Bounds
from services.collector.ports import Record

_PAGE = 4096
_PAGES_AT, _FREE_AT = 28, 32
_LONGEST_LEAP = 1 << 20


class NoJournal(MangroveError):
    """There is nothing at a path that could be a journal."""

    reason = "NO_JOURNAL"


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of a damaged journal.

    Attributes:
        journal: The new journal's file name, empty if nothing could be read.
        records: How many records were read whole.
        mended: How many records had changed bytes; of them, lines that are still JSON were taken.
        lost_lines: How many lines of those were not.
        missing: How many numbers between the first and the last record could not be read at all.
    """

    journal: str
    records: int
    mended: int
    lost_lines: int
    missing: int


def salvage(path: Path) -> Salvaged:
    """Salvage a journal that was set aside, or set one aside that the lander cannot read and salvage it.

    The damaged file is only read. Events that had landed before are left out by the lander.

    Args:
        path: The file, ending in .damaged, or a journal that no collector appends to.

    Raises:
        JournalInUse: if a collector appends to it.
        NoJournal: if there is no such file, or it is no journal by its name; nothing was touched.
    """
    if not path.is_file():
        raise NoJournal("There is no such file, so nothing was salvaged. Look for *.damaged in the journals' folder.")
    if path.suffix not in (SUFFIX, DAMAGED):
        raise NoJournal(f"A journal's name ends in {SUFFIX} or {DAMAGED}. This one does not, so it was left alone.")
    if not path.name.endswith(DAMAGED):
        with locked(path, wait_s=0.0):
            path = set_aside(path)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / "copy.sqlite"
        for ending in ("", "-wal"):
            if path.with_name(path.name + ending).exists():
                shutil.copyfile(path.with_name(path.name + ending), copy.with_name(copy.name + ending))
        return _taken_out(copy, path.parent / f"salvaged-{uuid.uuid4().hex[:8]}{SUFFIX}")


def _taken_out(copy: Path, target: Path) -> Salvaged:
    whole = mended = lost = 0
    numbers: list[int] = []
    hidden = target.with_suffix(".new")
    with closing(SqliteJournal(hidden, Bounds())):
        pass
    with closing(sqlite3.connect(hidden)) as db, db:
        for record, is_whole in _readable(copy):
            numbers.append(record.sequence)
            kept, dropped = (record, 0) if is_whole else _mended(record)
            whole, mended, lost = whole + is_whole, mended + (not is_whole), lost + dropped
            if kept.count:
                store(db, kept.count, kept.events, kept.refusals)
    missing = max(numbers) - min(numbers) + 1 - len(numbers) if numbers else 0
    if whole or mended:
        hidden.rename(target)
    for left in hidden.parent.glob(f"{hidden.stem}.*"):
        if left != target:
            left.unlink()
    return Salvaged(target.name if whole or mended else "", whole, mended, lost, missing)


def _readable(copy: Path) -> Iterator[tuple[Record, bool]]:
    """Yield each record that can be read and whether its checksum fits, leaping over pages that cannot."""
    with closing(_opened(copy)) as db:
        after, leap = 0, 1
        while leap < _LONGEST_LEAP:
            try:
                row = db.execute(
                    "SELECT sequence, count, events, refusals, checksum FROM records WHERE sequence > ? "
                    "ORDER BY sequence LIMIT 1",
                    (after,),
                ).fetchone()
            except sqlite3.DatabaseError:
                after, leap = after + leap, leap * 2
                continue
            if row is None:
                return
            record = Record(*row[:4])
            after, leap = record.sequence, 1
            yield record, checksum(record.events, record.refusals) == row[4]


def _opened(copy: Path) -> sqlite3.Connection:
    db = sqlite3.connect(copy)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError:
        db.close()
        _give_first_page(copy)
        db = sqlite3.connect(copy)
    return db


def _give_first_page(copy: Path) -> None:
    """Replace the first page, which says where the tables are, by that of a new journal: they are made alike."""
    fresh = copy.with_name("fresh.sqlite")
    with closing(SqliteJournal(fresh)):
        pass
    with closing(sqlite3.connect(fresh)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = bytearray(fresh.read_bytes()[:_PAGE])
    page[_PAGES_AT : _PAGES_AT + 4] = (copy.stat().st_size // _PAGE).to_bytes(4, "big")
    page[_FREE_AT : _FREE_AT + 8] = bytes(8)
    with copy.open("r+b") as file:
        file.write(page)


def _mended(record: Record) -> tuple[Record, int]:
    events, refusals = ([_if_json(line) for line in part.splitlines()] for part in (record.events, record.refusals))
    kept = [[line for line in part if line] for part in (events, refusals)]
    count = sum(len(part) for part in kept)
    lines = [b"".join(line + b"\n" for line in part) for part in kept]
    return Record(record.sequence, count, lines[0], lines[1]), len(events) + len(refusals) - count


def _if_json(line: bytes) -> bytes:
    try:
        return line if isinstance(orjson.loads(line), dict) else b""
    except orjson.JSONDecodeError:
        return b""
