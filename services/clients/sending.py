"""How a client sends events in the background."""

from dataclasses import dataclass

from services.clients.spill import Spill
from services.clients.verdicts import OnVerdicts

LAST_CHANCE_S = 5.0
"""How long a client that is closed tries to deliver what is left, in seconds."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How events are sent.

    Attributes:
        batch_events: Events a batch, 1 to 1000.
        max_in_flight: Batches on their way at once. Memory is bounded by one batch more.
        linger_s: How long an event waits for its batch to fill, in seconds.
        give_up_after_s: How long a batch is tried before the caller is told that it is not delivered, in seconds.
        spill: Where batches wait while the collector is away; None keeps them in memory, so that sending waits.
        on_verdicts: Called with each acknowledged batch and its verdicts.
    """

    batch_events: int
    max_in_flight: int
    linger_s: float
    give_up_after_s: float
    spill: Spill | None
    on_verdicts: OnVerdicts | None
