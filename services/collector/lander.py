"""Moves what the collector acknowledged from the journal into the lake, exactly once.

A round reads the oldest records, appends events and refusals, each with the journal's sequence in the same
commit, and only then lets the journal forget. Killed between any two steps, the next round reads the same
records again and leaves out what a table's own log says is there.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import structlog
from prometheus_client import Counter

from services.collector.ports import Journal, LandedElsewhere, LandedTable, Record
from services.settings import LanderSettings
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import DATE, Table

log = structlog.get_logger()

LANDED = Counter("mangrove_lander_records", "Records that landed.", ["kind"])


@dataclass(frozen=True, slots=True)
class Landed:
    """How many records a round moved."""

    events: int
    refusals: int

    @property
    def any(self) -> bool:
        """Whether the round found anything."""
        return bool(self.events or self.refusals)


class Lander:
    """Lands one journal.

    Args:
        journal: Where acknowledged records wait.
        events: The table of accepted events.
        refusals: The table of refused events.
        settings: How much at once, how often, when to compact.
    """

    def __init__(
        self, *, journal: Journal, events: LandedTable, refusals: LandedTable, settings: LanderSettings
    ) -> None:
        self._journal = journal
        self._events = events
        self._refusals = refusals
        self._settings = settings
        self._rounds = 0

    def land_once(self) -> Landed:
        """Move the oldest records into the lake; nothing to do is no error."""
        records = self._journal.read(self._settings.max_events)
        if not records:
            return Landed(0, 0)
        through = records[-1].sequence
        events = self._append(self._events, tables.BRONZE_EVENTS, records, "event", through)
        refusals = self._append(self._refusals, tables.QUARANTINE_EVENTS, records, "refusal", through)
        self._journal.forget(through)
        self._rounds += 1
        if self._rounds % self._settings.compact_every == 0:
            self.maintain(datetime.now(UTC).date())
        return Landed(events, refusals)

    def drain(self, on_round: Callable[[Landed], None] = lambda _: None) -> Landed:
        """Land until the journal is empty; return the sum."""
        events = refusals = 0
        while (landed := self.land_once()).any or self._journal.read(1):
            events += landed.events
            refusals += landed.refusals
            on_round(landed)
        return Landed(events, refusals)

    def run(self, stop: threading.Event) -> None:
        """Land until told to stop, then once more."""
        while not stop.is_set():
            try:
                found = self.land_once().any
            except LandedElsewhere as error:
                log.warning("landed_elsewhere", sentence=error.sentence)
                found = False
            if not found:
                stop.wait(self._settings.poll_s)
        self.drain()

    def maintain(self, today: date) -> None:
        """Let go of emotions that are older than they may be, and join small files of both tables."""
        self._events.expire("emotion", today - timedelta(days=self._settings.emotion_days))
        self._events.compact()
        self._refusals.compact()

    def _append(self, target: LandedTable, table: Table, records: list[Record], kind: str, through: int) -> int:
        landed = target.landed_through(self._journal.journal_id)
        rows = [
            orjson.loads(r.payload) | {"journal_id": self._journal.journal_id, "sequence": r.sequence}
            for r in records
            if r.kind == kind and r.sequence > landed
        ]
        if rows:
            target.append(_arrow(rows, table), self._journal.journal_id, after=landed, through=through)
            LANDED.labels(kind).inc(len(rows))
            log.info("landed", kind=kind, rows=len(rows), through=through)
        return len(rows)


def _arrow(rows: list[dict[str, Any]], table: Table) -> pa.Table:
    columns = [
        pa.array([_typed(row.get(column.name), column.type) for row in rows], type=column.type)
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _typed(value: Any, kind: pa.DataType) -> Any:
    """Journal JSON holds microseconds for timestamps, which Arrow takes as they are, and ISO text for dates."""
    return date.fromisoformat(value) if kind == DATE and value is not None else value
