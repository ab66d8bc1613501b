"""A journal's SQLite file: its tables, how both ends open it, its lock, and what becomes of a damaged one."""

import fcntl
import sqlite3
import time
import uuid
import zlib
from pathlib import Path
from typing import IO

import structlog

from privacy.errors import MangroveError

log = structlog.get_logger()

SUFFIX = ".sqlite"
DAMAGED = ".damaged"

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, count INTEGER NOT NULL, appended_at REAL NOT NULL,
  checksum INTEGER NOT NULL, events BLOB NOT NULL, refusals BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (sequence INTEGER PRIMARY KEY, count INTEGER NOT NULL, keys BLOB NOT NULL);
"""
_PATIENCE_S = 10.0
_LONGEST_LOG, _PAGES_IN_LOG = 8 * 1024 * 1024, 512


class JournalInUse(MangroveError):
    """Another process appends to the journal."""

    reason = "JOURNAL_IN_USE"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Another process appends to the journal '{name}'. Stop it, or give this collector a folder of its own."
        )


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal's file as both ends use it."""
    db = sqlite3.connect(path, timeout=_PATIENCE_S, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    # Overwriting what is deleted would write every landed byte once more; it is masked, and often on a full disk.
    db.execute("PRAGMA secure_delete=OFF")
    db.execute(f"PRAGMA journal_size_limit={_LONGEST_LOG}")
    db.execute(f"PRAGMA wal_autocheckpoint={_PAGES_IN_LOG}")
    return db


def checksum(events: bytes, refusals: bytes) -> int:
    """Return the CRC-32 that a record is kept with: SQLite itself does not notice a flipped bit in a value."""
    return zlib.crc32(refusals, zlib.crc32(events))


def store(db: sqlite3.Connection, count: int, events: bytes, refusals: bytes) -> int:
    """Insert a record and return its sequence; the caller's transaction makes it durable.

    Args:
        db: A journal, connected.
        count: How many events and refusals it holds.
        events: JSON lines.
        refusals: JSON lines.
    """
    row = (count, time.time(), checksum(events, refusals), events, refusals)
    statement = "INSERT INTO records (count, appended_at, checksum, events, refusals) VALUES (?, ?, ?, ?, ?)"
    return db.execute(statement, row).lastrowid or 0


def locked(path: Path, wait_s: float) -> IO[str]:
    """Return the open lock of a journal; while it is open no other process may append.

    Raises:
        JournalInUse: if another process still has it after `wait_s`.
    """
    lock_file = path.with_suffix(".lock").open("w")
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock_file
        except BlockingIOError:
            if time.monotonic() >= until:
                lock_file.close()
                raise JournalInUse(path.stem) from None
            time.sleep(0.05)


def set_aside(path: Path) -> Path:
    """Rename a damaged journal's files, so that a new one can be begun and what is readable can be salvaged."""
    aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}{DAMAGED}")
    for ending in ("-wal", "-shm", ""):
        file = path.with_name(path.name + ending)
        if file.exists():
            file.rename(aside.with_name(aside.name + ending))
    log.error("journal_damaged", journal=path.stem, set_aside=aside.name)
    return aside
