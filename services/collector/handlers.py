"""What the collector does with a batch, told from top to bottom."""

import asyncio
import re
from collections import Counter as Counts
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from typing import TypeVar

from google.protobuf.message import Message

from privacy.consent import may_store
from privacy.errors import MangroveError
from privacy.masking import EventMasker, Invalid, MaskedEvent, MaskedSlice, Refusal, Unmaskable, Violation
from services import tracing
from services.access import Caller
from services.collector.metrics import BATCH_EVENTS, MASKING_FAILURES, VERDICTS, VIOLATIONS
from services.collector.ports import Journal
from services.collector.quota import Quotas

# Detectors beside the rules may take seconds: then masking leaves the event loop, one slice at a time.
_ASIDE = ThreadPoolExecutor(1, thread_name_prefix="masking")


Masking = MaskedEvent | Unmaskable | Invalid
T = TypeVar("T")


class BatchRefused(MangroveError):
    """Nothing of the batch was taken, because the batch itself breaks a limit."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]


def batch_too_large(max_events: int) -> BatchRefused:
    """Return the error of a batch with too many events."""
    return BatchRefused("BATCH_TOO_LARGE", f"The batch holds more than {max_events} events. Send smaller batches.")


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


_PLACE = re.compile(r"\[\d+\]")
_NOT_IN_SCOPE = Verdict(
    Outcome.REFUSED_INVALID,
    (Violation("channel", "NOT_IN_SCOPE", "The API key is not for events of this channel. Use another key."),),
)
_OVERSIZED = Verdict(
    Outcome.REFUSED_INVALID, (Violation("event", "MAX_SIZE", "It has more bytes than an event may have. Send less."),)
)
_ACCEPTED, _DUPLICATE = Verdict(Outcome.ACCEPTED), Verdict(Outcome.DUPLICATE)


@dataclass(slots=True)
class RawEvent:
    """An event as it was sent. It lives in memory only and never shows its content.

    Of one that is too large nothing was read.
    """

    message: Message
    event_type: str | None
    channel: str
    purposes: tuple[str, ...]
    is_too_large: bool = False

    def __repr__(self) -> str:
        return "RawEvent(withheld)"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that were sent together.

    Attributes:
        events: The raw events, in order.
        caller: Who sent them, and events of which channels it may send.
        size: Their size on the wire, in bytes.
        received_at: The collector's clock, UTC.
    """

    events: Sequence[RawEvent]
    caller: Caller
    size: int
    received_at: datetime


class TooLate(MangroveError):
    """The client does not wait for the answer any more."""

    reason = "DEADLINE_EXCEEDED"

    def __init__(self) -> None:
        super().__init__(
            "The call's deadline passed before the batch was known to be stored. Send it again with more time: "
            "events that were taken are told as duplicates."
        )


@dataclass(frozen=True, slots=True)
class Collecting:
    """What batches are handled with.

    Attributes:
        masker: Checks and masks events.
        journal: Where masked events are made durable.
        quotas: What each source may send.
        max_events: The most events a batch may hold.
    """

    masker: EventMasker
    journal: Journal
    quotas: Quotas
    max_events: int


async def collect(batch: Batch, by: Collecting, deadline_s: float | None = None) -> list[Verdict]:
    """Mask a batch, make it durable, and say what became of each event.

    Args:
        batch: 1 to `by.max_events` raw events.
        by: What it is handled with.
        deadline_s: How long the client waits for the answer, from now, in seconds; None for ever.

    Returns:
        One verdict an event, in the order of the batch, given after the journal's fsync.

    Raises:
        BatchRefused: if the batch is empty or too large.
        QuotaExceeded: if the source sent more than it may.
        TooLate: if the client will not see the answer.
        JournalUnavailable, Overloaded, DiskLow: nothing of the batch was taken.
    """
    _check_size(batch, by.max_events)
    source, count = batch.caller.name, len(batch.events)
    by.quotas.take(source, count, batch.size)
    try:
        async with _within(deadline_s):
            return await _taken(batch, by)
    except (MangroveError, asyncio.CancelledError):
        by.quotas.give_back(source, count, batch.size)
        raise


async def _taken(batch: Batch, by: Collecting) -> list[Verdict]:
    verdicts = [_turned_away(event, batch.caller) for event in batch.events]
    waiting = [index for index, verdict in enumerate(verdicts) if verdict is None]
    masked: dict[int, MaskedEvent] = {}
    with tracing.span("mask", events=len(waiting)):
        results = await _mask([batch.events[index].message for index in waiting], batch, by.masker)
    for index, result in zip(waiting, results, strict=True):
        if isinstance(result, MaskedEvent):
            masked[index] = result
        else:
            verdicts[index] = _refused(result)
    refusals = await _refusals(batch, verdicts, by.masker)
    if masked or refusals:
        with tracing.span("journal", events=len(masked), refusals=len(refusals)):
            receipt = await by.journal.append(batch.caller.name, list(masked.values()), refusals)
        for index, is_new in zip(masked, receipt.is_new, strict=True):
            verdicts[index] = _ACCEPTED if is_new else _DUPLICATE
    return _counted([verdict for verdict in verdicts if verdict is not None], batch.caller.name)


@asynccontextmanager
async def _within(deadline_s: float | None) -> AsyncIterator[None]:
    """Give up when the client has: what waits for the journal then is not written any more."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError:
        raise TooLate from None


async def _mask(events: Sequence[Message], batch: Batch, masker: EventMasker) -> list[Masking]:
    """Check and mask events in slices, between which other calls get their turn."""
    results: list[Masking] = []
    slices = masker.mask_slices(events, batch.caller.name, batch.received_at)
    while True:
        part = await _aside(masker, partial(next, slices, None))
        if part is None:
            return results
        results += _with_failures_counted(part, batch.caller.name)
        await asyncio.sleep(0)


async def _aside(masker: EventMasker, work: Callable[[], T]) -> T:
    """Do a step of masking, on a thread of its own if detectors may keep it waiting."""
    if masker.waits_for_others:
        return await asyncio.get_running_loop().run_in_executor(_ASIDE, work)
    return work()


def _with_failures_counted(part: MaskedSlice, source: str) -> tuple[Masking, ...]:
    for failure in part.failures:
        MASKING_FAILURES.labels(source, failure.detector, failure.cause).inc()
    return part.events


def _check_size(batch: Batch, max_events: int) -> None:
    if not batch.events:
        raise BatchRefused("BATCH_EMPTY", "The batch holds no event. Send 1 event or more.")
    if len(batch.events) > max_events:
        raise batch_too_large(max_events)


def _turned_away(event: RawEvent, caller: Caller) -> Verdict | None:
    """Return why an event is not even looked into. Consent comes first: without it not even a refusal is recorded."""
    if event.is_too_large:
        return _OVERSIZED
    if event.event_type is not None and not may_store(event.event_type, event.purposes):
        return Verdict(Outcome.REFUSED_CONSENT)
    if caller.channels and event.channel not in caller.channels:
        return _NOT_IN_SCOPE
    return None


def _refused(result: Unmaskable | Invalid) -> Verdict:
    if isinstance(result, Unmaskable):
        return Verdict(Outcome.REFUSED_UNMASKABLE, (result.violation,))
    return Verdict(Outcome.REFUSED_INVALID, result.violations)


async def _refusals(batch: Batch, verdicts: Sequence[Verdict | None], masker: EventMasker) -> list[Refusal]:
    """Return what is recorded of events that were refused for a rule: those of the schema with their masked content."""
    source, at = batch.caller.name, batch.received_at
    refused = [(e.message, v) for e, v in zip(batch.events, verdicts, strict=True) if v is not None and v.violations]
    unread = (_NOT_IN_SCOPE, _OVERSIZED)
    broken = [(m, v.violations) for m, v in refused if v.outcome is Outcome.REFUSED_INVALID and v not in unread]
    others = [(m, v.violations) for m, v in refused if v.outcome is not Outcome.REFUSED_INVALID or v in unread]
    kept = await _aside(masker, lambda: masker.quarantined(broken, source, at)) if broken else []
    return [*kept, *(masker.refusal(message, source, at, violations) for message, violations in others)]


def _counted(verdicts: list[Verdict], source: str) -> list[Verdict]:
    BATCH_EVENTS.labels(source).observe(len(verdicts))
    for outcome, count in Counts(verdict.outcome.value for verdict in verdicts).items():
        VERDICTS.labels(source, outcome).inc(count)
    rules = Counts(f"{_PLACE.sub('[]', v.field)}:{v.reason}" for verdict in verdicts for v in verdict.violations)
    for rule, count in rules.items():
        VIOLATIONS.labels(source, rule).inc(count)
    return verdicts
