"""What the handlers need from the world, and the answer they give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from privacy.dp.aggregates import ExactAggregates
from privacy.dp.mechanism import Finding
from privacy.dp.types import Estimate, NanoRho
from privacy.errors import MangroveError
from privacy.ledger.port import Ledger, Reservation
from services.private_query.catalogue import Catalogue, Dataset
from services.private_query.planning import Plan

PRIVACY_UNIT = "person"
NEIGHBOURS = "add or remove one person with all their rows"


class DatasetUnavailable(MangroveError):
    """The dataset's table is not there, or cannot be read. Nothing was charged."""

    reason = "DATASET_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The dataset cannot be read at the moment; nothing was charged. Try again later.")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mart at one version, and the version of the identity graph that its people are of, 0 if it does not say."""

    table_version: int
    identity_version: int


class ExactEngine(Protocol):
    """Computes exact aggregates over marts; tests/contract/test_engine_contract.py says what all do alike."""

    def pin(self, dataset: Dataset) -> Snapshot:
        """Fix the version that one question is answered from.

        Raises:
            DatasetUnavailable: if there is no such table, or it cannot be read.
        """
        ...

    def aggregate(self, snapshot: Snapshot, plan: Plan, secret: bytes) -> ExactAggregates:
        """Take the rows inside the window that fit the filters, truncate them, and aggregate.

        Args:
            snapshot: From `pin`.
            plan: What is asked.
            secret: What orders a person's groups and rows before they are cut, 32 bytes.

        Raises:
            DatasetUnavailable: if the table cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class MeasureNoise:
    """The noise of one measure.

    `count_scale` is that of the rows under a mean or variance, `square_scale` that of the squares under a variance.
    `half_width` is 0 where the width of the interval depends on the data.
    """

    measure: str
    scale: float
    count_scale: float = 0.0
    square_scale: float = 0.0
    half_width: float = 0.0


@dataclass(frozen=True, slots=True)
class Bound:
    """What all answers from a dataset together can tell about a person, or about one day of one: rho and epsilon."""

    rho: NanoRho
    epsilon: float


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What protects the people behind an answer; unit and neighbours are the same for all answers.

    `person` bounds what all partners' answers in one period of the budget tell about a person, `person_day` what
    they tell about all that a person did on one day. `finding` says how unknown keys were found.
    """

    dataset: str
    table_version: int
    identity_version: int
    rho: NanoRho
    epsilon: float
    delta: float
    max_groups_per_person: int
    max_rows_per_group: int
    noise: tuple[MeasureNoise, ...]
    person: Bound
    person_day: Bound
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A private answer: for each group its keys and one estimate a column; the share of rows that were dropped."""

    key_columns: tuple[str, ...]
    measure_columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Estimate, ...]], ...]
    guarantee: Guarantee
    dropped_share: Estimate | None = None


Encode = Callable[[Answer, Reservation], bytes]
"""Turns an answer, and what paid for it, into the bytes that are stored and sent."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the handlers work with."""

    catalogue: Catalogue
    engine: ExactEngine
    ledger: Ledger
    truncation_secret: bytes
    encode: Encode

    def __repr__(self) -> str:
        return "Ports(…)"
