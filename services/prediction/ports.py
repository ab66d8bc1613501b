"""What the handlers work with, what is asked of them, and what they tell."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ml.online import Lineup
from ml.satisfaction.running import Felt
from privacy.masking import Masker

NEXT_ACTIONS = ("handover", "abandonment", "escalation", "resolution")
"""The tasks of next actions, in the order in which they are told."""

SATISFACTION = "satisfaction"
"""The task of satisfaction."""

MODELS = (*NEXT_ACTIONS, SATISFACTION)
"""Every task that is asked."""

Inputs = npt.NDArray[np.float64]


class Models(Protocol):
    """Which models answer; tests/unit/prediction/test_models.py says what all do alike."""

    def now(self) -> Lineup:
        """Return which models answer now; what it returned never changes."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, as it was sent; fields that its type does not have are None.

    `at_us` is the sender's clock in microseconds since the Unix epoch. It lives in memory only and never shows its
    content.
    """

    event_type: str
    conversation_id: str | None
    channel: str
    at_us: int
    locale: str | None = None
    party: str | None = None
    text: str | None = None
    turn: int | None = None
    to_party: str | None = None
    end_reason: str | None = None
    payment_status: str | None = None
    page: str | None = None

    def __repr__(self) -> str:
        return f"Event({self.event_type}, withheld)"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which conversation is meant, and all that is known of its customer so far, in any order."""

    conversation_id: str
    events: tuple[Event, ...]

    def __repr__(self) -> str:
        return f"Asked({len(self.events)} withheld)"


@dataclass(frozen=True, slots=True)
class Foretold:
    """One next action: its probability, and the 10 %, 50 % and 90 % quantiles of seconds until it, if it comes."""

    action: str
    probability: float
    seconds: tuple[float, float, float] | None
    model_version: int


@dataclass(frozen=True, slots=True)
class Seeming:
    """How satisfied the customer seems, and the version of the model that says so."""

    felt: Felt
    model_version: int


@dataclass(frozen=True, slots=True)
class Told:
    """What comes next after the moment `as_of_us`, at which the customer had written `turn` messages.

    `satisfaction` is as it seems at that moment, None if no model tells it.
    """

    foretold: tuple[Foretold, ...]
    satisfaction: Seeming | None
    as_of_us: int
    turn: int
    without_model: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Predicting:
    """What the handlers work with.

    Attributes:
        models: Which models answer.
        masker: Masks texts, by the policy by which the models' own were masked.
    """

    models: Models
    masker: Masker


def foretell(model: Any, inputs: Inputs) -> tuple[float, tuple[float, float, float] | None]:
    """Return what a next-action model says of one moment: the probability, and the quantiles of seconds if it has any.

    Models that were trained privately tell no times.
    """
    probability = float(model.predict_proba(inputs)[0, 1])
    if not hasattr(model, "seconds_to_event"):
        return probability, None
    early, middle, late = (float(second) for second in model.seconds_to_event(inputs)[0])
    return probability, (early, middle, late)
