"""Moves what the collector acknowledged from the journals into the lake, exactly once.

A round reads the oldest records of each journal, appends refusals and then events, each with the journal's sequence
in the same commit, and only then lets the journal forget. Killed between any two steps, the next round reads the
same records again and leaves out what a table's own log says is there.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog

from privacy.errors import MangroveError
from services import tracing
from services.collector.metrics import CONFLICTS, LANDED, NOT_LANDED, REPEATS, ROUND_SECONDS
from services.collector.ports import (
    Feed,
    Feeds,
    JournalDamaged,
    JournalUnavailable,
    LakeUnavailable,
    LandedElsewhere,
    LandedTable,
    Record,
)
from services.collector.rows import rows_of
from services.settings import LanderSettings
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table

log = structlog.get_logger()

_TELL_AGAIN_S = 60.0
_LONGEST_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Landed:
    """What a round came to.

    Attributes:
        events: Events that were appended.
        refusals: Refused events that were.
        repeats: Events left out because they had landed before.
        conflicts: Appends that another lander was quicker with.
        failures: Journals that could not be landed now.
        left: Journals of which more waits than a round takes.
    """

    events: int = 0
    refusals: int = 0
    repeats: int = 0
    conflicts: int = 0
    failures: int = 0
    left: int = 0

    @property
    def any(self) -> bool:
        """Whether the round found anything; after a conflict the same is looked at again."""
        return self.moved or self.conflicts > 0

    @property
    def moved(self) -> bool:
        """Whether the round got anything out of the way."""
        return bool(self.events or self.refusals or self.repeats)

    def __add__(self, other: "Landed") -> "Landed":
        return Landed(
            self.events + other.events,
            self.refusals + other.refusals,
            self.repeats + other.repeats,
            self.conflicts + other.conflicts,
            self.failures + other.failures,
            self.left + other.left,
        )


class Lander:
    """Lands all journals.

    Args:
        feeds: The journals, in which acknowledged records wait.
        events: The table of accepted events.
        refusals: The table of refused events.
        settings: How much at once, how often, when to compact.
    """

    def __init__(self, *, feeds: Feeds, events: LandedTable, refusals: LandedTable, settings: LanderSettings) -> None:
        self._feeds = feeds
        self._events = events
        self._refusals = refusals
        self._settings = settings
        self._rounds = 0
        self._through: dict[str, int | None] = {}
        self._told: dict[str, float] = {}

    def land_once(self) -> Landed:
        """Move the oldest records of each journal into the lake; nothing to do is no error.

        A journal that cannot be read now, or that another lander lands, is told in the log and tried again in the
        next round; it does not keep the others waiting.
        """
        landed = Landed()
        NOT_LANDED.clear()
        try:
            feeds = self._feeds.assigned()
        except JournalUnavailable as error:
            self._tell("all", error)
            return Landed(failures=1)
        # A journal that another lander had meanwhile is looked up anew.
        self._through = {feed.journal_id: self._through.get(feed.journal_id) for feed in feeds}
        for feed in feeds:
            try:
                landed += self._land(feed)
            except LandedElsewhere:
                self._through[feed.journal_id] = None
                CONFLICTS.inc()
                landed += Landed(conflicts=1)
            except (JournalDamaged, JournalUnavailable, LakeUnavailable) as error:
                self._tell(feed.name, error, feed.journal_id)
                landed += Landed(failures=1)
        if landed.any:
            self._rounds += 1
            if self._rounds % self._settings.compact_every == 0:
                self._maintain_now()
        return landed

    def drain(self, on_round: Callable[[Landed], None] = lambda _: None) -> Landed:
        """Land until no journal holds anything that can be landed; return the sum."""
        total = Landed()
        while (landed := self.land_once()).any:
            total += landed
            on_round(landed)
        return total

    def run(self, stop: threading.Event) -> None:
        """Land until told to stop, then once more."""
        patience_s = self._settings.poll_s
        while not stop.is_set():
            landed = self.land_once()
            # A failed append may leave its file on a disk that has no room: not too often.
            patience_s = min(patience_s * 2, _LONGEST_PATIENCE_S) if landed.failures else self._settings.poll_s
            # A commit costs as much for ten events as for ten thousand: let some come together.
            if not landed.left:
                stop.wait(patience_s)
        self.drain()

    def close(self) -> None:
        """Let go of the journals."""
        self._feeds.close()

    def maintain(self, today: date) -> None:
        """Let go of emotions that are older than they may be, and join small files of both tables.

        Raises:
            LandedElsewhere: if another lander changed the same files meanwhile; nothing is lost by it.
            LakeUnavailable: if the lake cannot be written.
        """
        self._events.expire("emotion", today - timedelta(days=self._settings.emotion_days))
        self._events.compact()
        self._refusals.compact()

    def _maintain_now(self) -> None:
        try:
            self.maintain(datetime.now(UTC).date())
        except (LandedElsewhere, LakeUnavailable) as error:
            log.warning("not_maintained", reason=error.reason)

    def _land(self, feed: Feed) -> Landed:
        """Land a feed's oldest records. That the events are in says that the refusals are: they go first."""
        known = self._through.get(feed.journal_id)
        landed = known if known is not None else self._events.landed_through(feed.journal_id)
        if known is None and landed:
            # Of what landed before a crash the journal may still hold records.
            feed.forget(landed)
        records = feed.read(landed, self._settings.max_bytes)
        if not records:
            return Landed()
        started = time.monotonic()
        through = records[-1].sequence
        with tracing.call("land", {}, records=len(records)):
            events, refusals, repeats = self._moved(feed, records, through)
        self._through[feed.journal_id] = through
        ROUND_SECONDS.observe(time.monotonic() - started)
        # A round of nothing but repeats is no news.
        tell = log.info if events or refusals else log.debug
        tell("landed", journal=feed.name, events=events, refusals=refusals, repeats=repeats, through=through)
        is_cut = sum(len(record.events) + len(record.refusals) for record in records) >= self._settings.max_bytes
        return Landed(events, refusals, repeats, left=int(is_cut))

    def _moved(self, feed: Feed, records: Sequence[Record], through: int) -> tuple[int, int, int]:
        name = feed.journal_id
        refusals, _ = self._append(self._refusals, tables.QUARANTINE_EVENTS, name, records)
        events, repeats = self._append(self._events, tables.BRONZE_EVENTS, name, records)
        feed.forget(through)
        return events, refusals, repeats

    def _append(self, target: LandedTable, table: Table, journal_id: str, records: Sequence[Record]) -> tuple[int, int]:
        """Append what a table does not have yet; return how many rows, and how many were there already."""
        landed = target.landed_through(journal_id)
        rows = rows_of(table, journal_id, [record for record in records if record.sequence > landed])
        if records[-1].sequence <= landed:
            return 0, 0
        appended = target.append(rows, journal_id, after=landed, through=records[-1].sequence)
        LANDED.labels(table.name).inc(appended)
        REPEATS.inc(len(rows) - appended)
        return appended, len(rows) - appended

    def _tell(self, name: str, error: MangroveError, journal_id: str = "") -> None:
        NOT_LANDED.labels(error.reason).inc()
        if time.monotonic() - self._told.get(name, -_TELL_AGAIN_S) >= _TELL_AGAIN_S:
            self._told[name] = time.monotonic()
            log.error("journal_not_landed", journal=name, id=journal_id, reason=error.reason, sentence=error.sentence)
