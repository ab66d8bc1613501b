"""What the handlers need from the world, and the answer they give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from privacy.dp.types import Estimate, NanoRho
from privacy.errors import MangroveError
from privacy.ledger.port import Ledger
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
    """A mart at one version. `table` is the engine's own handle."""

    table_version: int
    identity_version: int
    table: Any


class ExactEngine(Protocol):
    """Reads marts."""

    def pin(self, dataset: Dataset) -> Snapshot:
        """Fix the version that one question is answered from.

        Raises:
            DatasetUnavailable: if there is no such table, or it cannot be read.
        """
        ...

    def read(self, snapshot: Snapshot, plan: Plan) -> pa.Table:
        """Read the rows inside the window that fit the filters.

        The columns are person_id, row_token, the keys as strings (null where unknown), and the measured
        columns. Which rows come is decided for each row alone.

        Raises:
            DatasetUnavailable: if the table cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class MeasureNoise:
    """The noise of one measure; `count_scale` and no `half_width` for a mean alone."""

    measure: str
    scale: float
    count_scale: float
    half_width: float


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What protects the people behind an answer; unit and neighbours are the same for all answers."""

    dataset: str
    table_version: int
    identity_version: int
    rho: NanoRho
    epsilon: float
    delta: float
    max_groups_per_person: int
    max_rows_per_group: int
    noise: tuple[MeasureNoise, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A private answer: for each group its keys and one estimate a measure."""

    key_columns: tuple[str, ...]
    measure_columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Estimate, ...]], ...]
    guarantee: Guarantee


@dataclass(frozen=True, slots=True)
class Ports:
    """What the handlers work with. `encode` turns an answer into the bytes that are stored and sent."""

    catalogue: Catalogue
    engine: ExactEngine
    ledger: Ledger
    truncation_secret: bytes
    encode: Callable[[Answer], bytes]

    def __repr__(self) -> str:
        return "Ports(…)"
