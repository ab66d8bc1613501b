"""What became of the records of a file that is being imported: counts, reasons and numbers, never a value."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.clients.collector import Tally

_TAKEN = frozenset({collector_pb2.VERDICT_CODE_ACCEPTED, collector_pb2.VERDICT_CODE_DUPLICATE})
_REFUSALS = {number: name.removeprefix("VERDICT_CODE_") for name, number in collector_pb2.VerdictCode.items()}
_NUMBERS_TOLD = 5


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record that became events; `number` is its line, or its place in the order of reading, from 1.

    `notes` are words for what was left out of it, one for each time.
    """

    number: int
    events: tuple[event_pb2.Event, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A record that became nothing; `reason` is a field and a rule such as occurred_at:NOT_A_TIME, never a value."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is left out on purpose; `why` is a word for it."""

    number: int
    why: str


Outcome = Mapped | Unmapped | Skipped


class Account:
    """What became of the records of a file. Memory is bounded by the events that are on their way.

    Args:
        unit: What a record is called, such as "line".
        rejects: Takes the number and the reason of each record that was not taken, as CSV; None for nowhere.
    """

    def __init__(self, unit: str, rejects: TextIO | None = None) -> None:
        self.unit = unit
        self._rejects = rejects
        self.records = 0
        self._events = 0
        self._skipped: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._first_of: defaultdict[str, list[int]] = defaultdict(list)
        self._numbers_of: defaultdict[str, deque[int]] = defaultdict(deque)
        self._lock = threading.Lock()
        if rejects is not None:
            rejects.write(f"{unit},reason\n")

    @property
    def rejected(self) -> int:
        """How many records could not be mapped and events were refused by the collector."""
        return self._reasons.total()

    def note(self, outcome: Outcome) -> None:
        """Count a record that was read."""
        with self._lock:
            self.records += 1
            match outcome:
                case Mapped(_, events, notes):
                    self._events += len(events)
                    self._notes.update(notes)
                case Unmapped(number, reason):
                    self._reject(number, reason)
                case Skipped(_, why):
                    self._skipped[why] += 1

    def expect(self, mapped: Mapped) -> None:
        """Remember the number of a record until the verdicts of its events are there."""
        with self._lock:
            for event in mapped.events:
                self._numbers_of[event.event_id].append(mapped.number)

    def note_verdicts(self, batch: Sequence[event_pb2.Event], verdicts: Sequence[collector_pb2.Verdict]) -> None:
        """Note which records of a batch the collector refused; called from the threads that send."""
        with self._lock:
            for event, verdict in zip(batch, verdicts, strict=True):
                number = self._numbers_of[event.event_id].popleft()
                if not self._numbers_of[event.event_id]:
                    del self._numbers_of[event.event_id]
                if verdict.code not in _TAKEN:
                    self._reject(number, _reason_of(verdict))

    def lines(self, tally: Tally | None) -> list[str]:
        """Say it for a person: records, verdicts, and each reason with the first numbers that it concerns."""
        skipped = "".join(f", {count} skipped ({why})" for why, count in sorted(self._skipped.items()))
        told = [f"{_counted(self.records, self.unit)}{skipped}"]
        if tally is not None:
            told.append(_verdicts_line(self._events, tally))
        told += [f"    {note}: {count}" for note, count in sorted(self._notes.items())]
        for reason, count in self._reasons.most_common():
            first = self._first_of[reason]
            more = ", …" if count > len(first) else ""
            told.append(f"    {reason}: {count} ({self.unit} {', '.join(map(str, first))}{more})")
        return told

    def _reject(self, number: int, reason: str) -> None:
        self._reasons[reason] += 1
        if len(self._first_of[reason]) < _NUMBERS_TOLD:
            self._first_of[reason].append(number)
        if self._rejects is not None:
            self._rejects.write(f"{number},{reason}\n")


def _verdicts_line(events: int, tally: Tally) -> str:
    verdicts = ", ".join(f"{count} {name}" for name, count in sorted(tally.verdicts.items()))
    undelivered = f", {tally.undelivered} undelivered" if tally.undelivered else ""
    if not events:
        return "0 events: nothing to send"
    return f"{_counted(events, 'event')}: {verdicts or 'no answer'}{undelivered}"


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _reason_of(verdict: collector_pb2.Verdict) -> str:
    broken = sorted({f"{violation.field}:{violation.reason}" for violation in verdict.violations})
    return " ".join(broken) or _REFUSALS.get(verdict.code, "REFUSED")
