"""Events that broke a rule: kept masked, looked through, and replayed when the rule or the event was mended.

A replay goes the way of every event: through a journal, and by the lander into bronze. Its event id makes it
happen once, however often it is asked for, also if the sender mended the event and sent it again meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from privacy.errors import MangroveError
from privacy.masking import EventMasker, MaskedEvent, Violation
from services.collector.ports import Journal
from spark_jobs.lake import tables

_AT_ONCE = 500

_QUARANTINED = """
SELECT q.source, q.channel, q.event_type, q.received_at, q.violations, q.event_id, q.content,
       EXISTS (SELECT 1 FROM bronze b WHERE b.source = q.source AND b.event_id = q.event_id) AS is_taken
FROM quarantined q
WHERE ($source = '' OR q.source = $source)
  AND ($violation = '' OR list_contains(q.violations, $violation))
  AND ($event_id = '' OR q.event_id = $event_id)
QUALIFY row_number() OVER (
  PARTITION BY coalesce(q.source || q.event_id, q.journal_id || q.sequence || '/' || q.position)
  ORDER BY q.received_at DESC
) = 1
ORDER BY q.received_at
"""
_NO_BRONZE = "SELECT NULL::VARCHAR AS source, NULL::VARCHAR AS event_id WHERE false"


class NothingQuarantined(MangroveError):
    """There is no quarantine yet."""

    reason = "NOTHING_QUARANTINED"

    def __init__(self) -> None:
        super().__init__("Nothing is in quarantine: the lake has no such table yet. The lander makes it when it lands.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which quarantined events are meant; an empty text means all.

    Attributes:
        source: The source that sent them.
        violation: A broken rule, as field:RULE.
        event_id: The pseudonym of one event's id.
    """

    source: str = ""
    violation: str = ""
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An event in quarantine, the newest of those with its id.

    Attributes:
        source: The source that sent it.
        channel: Its channel, None if unknown.
        event_type: The name of its body, None if unset.
        received_at: When it was refused.
        violations: The rules that it broke, as field:RULE.
        event_id: The pseudonym of its id, None if it had none.
        content: The masked event, None if it could not be masked.
        is_taken: Whether an event with its id is in bronze: replayed, or mended by its sender.
    """

    source: str
    channel: str | None
    event_type: str | None
    received_at: datetime
    violations: Sequence[str]
    event_id: str | None
    content: str | None = field(repr=False)
    is_taken: bool

    @property
    def state(self) -> str:
        """Taken, waiting for a replay, or impossible to replay."""
        if self.is_taken:
            return "taken"
        return "waiting" if self.content is not None and self.event_id is not None else "without content"


def quarantined(lake_root: str, chosen: Chosen) -> Iterator[Quarantined]:
    """Yield the events in quarantine, oldest first.

    Args:
        lake_root: The lake's root.
        chosen: Which ones.

    Raises:
        NothingQuarantined: if the lake has no quarantine yet.
    """
    with duckdb.connect() as db:
        try:
            db.register("quarantined", DeltaTable(f"{lake_root}/{tables.QUARANTINE_EVENTS.path}").to_pyarrow_dataset())
        except TableNotFoundError:
            raise NothingQuarantined from None
        try:
            db.register("bronze", DeltaTable(f"{lake_root}/{tables.BRONZE_EVENTS.path}").to_pyarrow_dataset())
        except TableNotFoundError:
            db.execute(f"CREATE VIEW bronze AS {_NO_BRONZE}")
        asked = {"source": chosen.source, "violation": chosen.violation, "event_id": chosen.event_id}
        found = db.execute(_QUARANTINED, asked)
        while rows := found.fetchmany(_AT_ONCE):
            for row in rows:
                yield Quarantined(*row)


@dataclass(slots=True)
class Replayed:
    """What a replay came to: how many are in a journal now, and which rules the others still break, with counts."""

    replayed: int = 0
    still_broken: dict[str, int] = field(default_factory=dict)

    def refuse(self, violations: Sequence[Violation]) -> None:
        """Count what an event still breaks."""
        for violation in violations:
            rule = f"{violation.field}:{violation.reason}"
            self.still_broken[rule] = self.still_broken.get(rule, 0) + 1


async def replay(
    waiting: Iterator[Quarantined], masker: EventMasker, journal: Journal | None, changes: Mapping[str, Any]
) -> Replayed:
    """Put quarantined events that satisfy today's rules into a journal.

    Args:
        waiting: Quarantined events; those that are taken or have no content are left out.
        masker: Knows today's rules.
        journal: Where they go; None to see what would be replayed.
        changes: New values of fields, by path; see `EventMasker.restored`.

    Raises:
        JournalUnavailable, Overloaded, DiskLow: what was replayed before stays; ask again.
    """
    done = Replayed()
    batch: list[tuple[str, MaskedEvent]] = []
    for event in waiting:
        if event.state != "waiting" or event.content is None:
            continue
        restored = masker.restored(
            event.content.encode(), source=event.source, received_at=event.received_at, changes=changes
        )
        if isinstance(restored, MaskedEvent):
            batch.append((event.source, restored))
        else:
            done.refuse(restored)
        if len(batch) >= _AT_ONCE:
            done.replayed += await _append(batch, journal)
            batch = []
    done.replayed += await _append(batch, journal)
    return done


async def _append(batch: Sequence[tuple[str, MaskedEvent]], journal: Journal | None) -> int:
    if journal is not None:
        for source in sorted({source for source, _ in batch}):
            await journal.append(source, [event for owner, event in batch if owner == source], [])
    return len(batch)
