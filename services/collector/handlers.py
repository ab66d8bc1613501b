"""What the collector does with a batch, told from top to bottom."""

import asyncio
from collections import Counter as Counts
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from google.protobuf.message import Message
from prometheus_client import Counter

from privacy.consent import may_store
from privacy.errors import MangroveError
from privacy.masking import EventMasker, MaskedEvent, MaskedSlice, Unmaskable, Violation
from services.collector.ports import Journal

VERDICTS = Counter("mangrove_collector_verdicts", "Verdicts on events.", ["source", "verdict"])
FAILURES = Counter(
    "mangrove_masking_failures",
    "Texts that a detector could not search, by cause: error, timeout or missing.",
    ["source", "detector", "cause"],
)

# Detectors beside the rules may take seconds: then masking leaves the event loop, one slice at a time.
_ASIDE = ThreadPoolExecutor(1, thread_name_prefix="masking")


class BatchRefused(MangroveError):
    """Nothing of the batch was taken, because the batch itself breaks a limit."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]


class Outcome(Enum):
    """What became of an event; the names are those of the verdict codes."""

    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"
    REFUSED_INVALID = "REFUSED_INVALID"
    REFUSED_CONSENT = "REFUSED_CONSENT"
    REFUSED_UNMASKABLE = "REFUSED_UNMASKABLE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event, and which rules it broke."""

    outcome: Outcome
    violations: tuple[Violation, ...] = ()


_ACCEPTED, _DUPLICATE = Verdict(Outcome.ACCEPTED), Verdict(Outcome.DUPLICATE)


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as it was sent. It lives in memory only and never shows its content."""

    message: Message
    event_type: str | None
    purposes: tuple[str, ...]

    def __repr__(self) -> str:
        return "RawEvent(withheld)"


async def collect(
    batch: Sequence[RawEvent],
    *,
    source: str,
    received_at: datetime,
    masker: EventMasker,
    journal: Journal,
    max_events: int,
) -> list[Verdict]:
    """Mask a batch, make it durable, and say what became of each event.

    Args:
        batch: 1 to `max_events` raw events.
        source: The name of the caller whose key was used.
        received_at: The collector's clock, UTC.
        masker: Checks and masks events.
        journal: Where masked events are made durable.
        max_events: The most events a batch may hold.

    Returns:
        One verdict an event, in the order of the batch, given after the journal's fsync.

    Raises:
        BatchRefused: if the batch is empty or too large.
        JournalUnavailable, Overloaded: nothing of the batch was taken.
    """
    _check_size(batch, max_events)
    verdicts: list[Verdict | None] = [_refuse(event, masker) for event in batch]
    waiting = [index for index, verdict in enumerate(verdicts) if verdict is None]
    masked: dict[int, MaskedEvent] = {}
    results = await _mask([batch[index].message for index in waiting], source, received_at, masker)
    for index, result in zip(waiting, results, strict=True):
        if isinstance(result, Unmaskable):
            verdicts[index] = Verdict(Outcome.REFUSED_UNMASKABLE, (result.violation,))
        else:
            masked[index] = result
    refusals = [
        masker.refusal(event.message, source, received_at, verdict.violations)
        for event, verdict in zip(batch, verdicts, strict=True)
        if verdict is not None and verdict.violations
    ]
    if masked or refusals:
        receipt = await journal.append(source, list(masked.values()), refusals)
        for index, is_new in zip(masked, receipt.is_new, strict=True):
            verdicts[index] = _ACCEPTED if is_new else _DUPLICATE
    return _counted([verdict for verdict in verdicts if verdict is not None], source)


async def _mask(
    events: Sequence[Message], source: str, received_at: datetime, masker: EventMasker
) -> list[MaskedEvent | Unmaskable]:
    """Mask events in slices, between which other calls get their turn."""
    results: list[MaskedEvent | Unmaskable] = []
    slices = masker.mask_slices(events, source, received_at)
    loop = asyncio.get_running_loop()
    while True:
        part = await loop.run_in_executor(_ASIDE, next, slices, None) if masker.waits_for_others else next(slices, None)
        if part is None:
            return results
        results += _with_failures_counted(part, source)
        await asyncio.sleep(0)


def _with_failures_counted(part: MaskedSlice, source: str) -> tuple[MaskedEvent | Unmaskable, ...]:
    for failure in part.failures:
        FAILURES.labels(source, failure.detector, failure.cause).inc()
    return part.events


def _check_size(batch: Sequence[RawEvent], max_events: int) -> None:
    if not batch:
        raise BatchRefused("BATCH_EMPTY", "The batch holds no event. Send 1 event or more.")
    if len(batch) > max_events:
        raise BatchRefused("BATCH_TOO_LARGE", f"The batch holds more than {max_events} events. Send smaller batches.")


def _refuse(event: RawEvent, masker: EventMasker) -> Verdict | None:
    """Return why an event is refused, or None. Consent comes first: without it not even a refusal is recorded."""
    if event.event_type is not None and not may_store(event.event_type, event.purposes):
        return Verdict(Outcome.REFUSED_CONSENT)
    broken = masker.violations(event.message)
    return Verdict(Outcome.REFUSED_INVALID, tuple(broken)) if broken else None


def _counted(verdicts: list[Verdict], source: str) -> list[Verdict]:
    for outcome, count in Counts(verdict.outcome.value for verdict in verdicts).items():
        VERDICTS.labels(source, outcome).inc(count)
    return verdicts
