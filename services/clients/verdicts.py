"""What became of the events that a client sent."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2

OnVerdicts = Callable[[Sequence[event_pb2.Event], Sequence[collector_pb2.Verdict]], None]


@dataclass(slots=True)
class Tally:
    """What became of the events so far, by verdict name such as ACCEPTED; `refused` counts field:RULE.

    A code that this client does not know counts as UNKNOWN_6 and its like. `undelivered` counts the events of
    batches that were refused as a whole, or that were left when the client was closed.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    undelivered: int = 0

    @property
    def accepted(self) -> int:
        """Events that are durable and were new."""
        return self.verdicts["ACCEPTED"]

    @property
    def to_send_again(self) -> int:
        """Sound events of which nothing was stored, because a detector failed: send them when it is mended."""
        return self.verdicts["REFUSED_UNMASKABLE"]

    def count(self, verdicts: Sequence[collector_pb2.Verdict]) -> None:
        """Add the verdicts of a batch."""
        for verdict in verdicts:
            self.verdicts[_name_of(verdict.code)] += 1
            for violation in verdict.violations:
                self.refused[f"{violation.field}:{violation.reason}"] += 1


def _name_of(code: int) -> str:
    """Return a verdict's name; a newer collector may give one that this client does not know."""
    known = collector_pb2.VerdictCode.DESCRIPTOR.values_by_number.get(code)
    return known.name.removeprefix("VERDICT_CODE_") if known else f"UNKNOWN_{code}"
