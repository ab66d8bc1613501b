"""Lands an installation's journal and kills itself at a step: `lander_killed.py HOME STEP`."""

import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from services.collector.bootstrap import journal_at
from services.collector.journal import SqliteJournal
from services.collector.lander import Lander
from services.collector.ports import Journal, LandedTable, Record
from services.collector.tables import DeltaLandedTable
from services.settings import Home
from spark_jobs.lake import tables

STEP = sys.argv[2]


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class KilledTable(LandedTable):
    """A table whose lander dies before or after an append."""

    def __init__(self, table: DeltaLandedTable, name: str) -> None:
        self._table, self._name = table, name

    def landed_through(self, journal_id: str) -> int:
        return self._table.landed_through(journal_id)

    def append(self, rows: pa.Table, journal_id: str, *, after: int, through: int) -> None:
        if f"before_{self._name}" == STEP:
            die()
        self._table.append(rows, journal_id, after=after, through=through)
        if f"after_{self._name}" == STEP:
            die()

    def compact(self) -> None:
        self._table.compact()

    def expire(self, column: str, before: date) -> None:
        self._table.expire(column, before)


class KilledJournal(Journal):
    """A journal whose lander dies before, amid or after forgetting."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    @property
    def journal_id(self) -> str:
        return self._journal.journal_id

    def read(self, limit: int) -> list[Record]:
        return self._journal.read(limit)

    def forget(self, through: int) -> None:
        if STEP == "before_forget":
            die()
        if STEP == "mid_forget":
            self._journal.forget(through // 2)
            die()
        self._journal.forget(through)
        die()


home = Home(Path(sys.argv[1]))
Lander(
    journal=KilledJournal(journal_at(home)),
    events=KilledTable(DeltaLandedTable(tables.BRONZE_EVENTS, home.lake_root), "events"),
    refusals=KilledTable(DeltaLandedTable(tables.QUARANTINE_EVENTS, home.lake_root), "refusals"),
    settings=home.settings.lander,
).drain()
