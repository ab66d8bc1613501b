"""Lands an installation's journal and kills itself at a step: `lander_killed.py HOME STEP`."""

import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from services.collector.journals.chosen import feeds_at
from services.collector.landed import LandedKeys
from services.collector.lander import Lander
from services.collector.ports import Feed, LandedTable, Record
from services.collector.tables import DeltaLandedTable
from services.settings import Home
from spark_jobs.lake import tables
from tests.fakes.journal import InMemoryFeeds

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

    def append(self, rows: pa.Table, journal_id: str, *, after: int, through: int) -> int:
        if f"before_{self._name}" == STEP:
            die()
        appended = self._table.append(rows, journal_id, after=after, through=through)
        if f"after_{self._name}" == STEP:
            die()
        return appended

    def mark(self, journal_id: str, through: int) -> None:
        self._table.mark(journal_id, through)

    def compact(self) -> None:
        self._table.compact()

    def expire(self, column: str, before: date) -> None:
        self._table.expire(column, before)


class KilledFeed(Feed):
    """A journal whose lander dies before, amid or after forgetting."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @property
    def name(self) -> str:
        return self._feed.name

    @property
    def journal_id(self) -> str:
        return self._feed.journal_id

    def read(self, after: int, max_bytes: int) -> list[Record]:
        return self._feed.read(after, max_bytes)

    def waiting(self) -> tuple[int, float]:
        return self._feed.waiting()

    def size(self) -> int:
        return self._feed.size()

    def forget(self, through: int) -> None:
        if STEP == "before_forget":
            die()
        if STEP == "mid_forget":
            self._feed.forget(through // 2)
            die()
        self._feed.forget(through)
        die()


home = Home(Path(sys.argv[1]))
Lander(
    feeds=InMemoryFeeds(*[KilledFeed(feed) for feed in feeds_at(home).assigned()]),
    events=KilledTable(DeltaLandedTable(tables.BRONZE_EVENTS, home.lake_root, LandedKeys(1000)), "events"),
    refusals=KilledTable(DeltaLandedTable(tables.QUARANTINE_EVENTS, home.lake_root), "refusals"),
    settings=home.settings.lander,
).drain()
