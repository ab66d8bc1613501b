"""What partners may ask about, declared in TOML: columns, public keys, bounds on people, budgets."""

import hashlib
import itertools
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from privacy.dp.types import ContributionBounds, IntBounds, NanoRho
from privacy.errors import MangroveError
from privacy.ledger.periods import Refresh
from privacy.ledger.port import Limits
from spark_jobs.lake import tables

DEFAULT_CATALOGUE = Path(__file__).with_name("catalogue.toml")
DAY, WEEK = "day", "week"
CALENDAR = {
    DAY: "The day, UTC, as 2026-01-31; the days of the window are its public values.",
    WEEK: "The ISO week, as 2026-W05; the weeks that the window touches are its public values.",
}
TRUTH = ("false", "true")
ANSWER_AFTER_MS = (25, 50, 100, 200, 400, 800, 1600)
_ARROW = {"string": (pa.string(),), "bool": (pa.bool_(),), "int": (pa.int64(), pa.float64())}

MAX_DECLARED_BINS = 256

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Rho = Annotated[NanoRho, Field(ge=0, le=1_000_000_000_000)]


class CatalogueInvalid(MangroveError):
    """The catalogue is missing or breaks a rule; the service does not start with it."""

    reason = "CATALOGUE_INVALID"


class DatasetUnknown(MangroveError):
    """There is no such dataset for this partner. That it exists for others is not told."""

    reason = "DATASET_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("There is no dataset of that name for you. ListDatasets names those you may ask about.")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StringColumn(_Section):
    """A column with a fixed list of public values, or, if `unknown`, with values that nobody declared.

    The groups of an unknown column are found in the data, so a part of the price goes to the finding.
    """

    name: Name
    type: Literal["string"]
    meaning: str
    values: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    unknown: bool = False

    @property
    def public_values(self) -> tuple[str, ...]:
        """The values it can be grouped by; none when they are unknown."""
        return self.values

    @model_validator(mode="after")
    def _known_or_not(self) -> Self:
        if self.unknown == bool(self.values) or len(set(self.values)) < len(self.values):
            raise ValueError("give either values, each once, or unknown = true")
        return self


class BoolColumn(_Section):
    """A column that is true or false."""

    name: Name
    type: Literal["bool"]
    meaning: str

    @property
    def public_values(self) -> tuple[str, ...]:
        """The values it can be grouped by."""
        return TRUTH


class IntColumn(_Section):
    """A column of numbers with declared bounds, both included; `privacy.dp.rows` says what is no whole number.

    `bins` are the least values of the bins of histograms and quantiles, ascending from `min`; without them there
    are at most 64 of equal width.
    """

    name: Name
    type: Literal["int"]
    meaning: str
    min: Annotated[int, Field(ge=-1_000_000_000)]
    max: Annotated[int, Field(le=1_000_000_000)]
    bins: Annotated[tuple[int, ...], Field(max_length=MAX_DECLARED_BINS)] = ()

    @property
    def bounds(self) -> IntBounds:
        """The range that values are clipped to."""
        return IntBounds(self.min, self.max)

    @property
    def all_bins(self) -> tuple[int, ...]:
        """The bins, declared or of equal width."""
        return self.bins or self.bounds.bins()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise ValueError("min must be below max")
        if self.bins and (self.bins[0] != self.min or self.bins[-1] > self.max):
            raise ValueError("bins must begin with min and not go beyond max")
        if any(low >= high for low, high in itertools.pairwise(self.bins)):
            raise ValueError("bins must ascend")
        return self


Column = Annotated[StringColumn | BoolColumn | IntColumn, Field(discriminator="type")]


class Budget(_Section):
    """What may be spent on a dataset, billionths of rho; the first two are new in each period of `refresh`."""

    partner_rho_nano: Rho
    dataset_rho_nano: Rho
    day_rho_nano: Rho
    refresh: Refresh = "never"


class Dataset(_Section):
    """A mart as partners see it."""

    name: Name
    table: str
    meaning: str
    partners: tuple[str, ...]
    max_groups_per_person: Annotated[int, Field(ge=1, le=1000)]
    max_rows_per_group: Annotated[int, Field(ge=1, le=1000)]
    max_rows_per_person: Annotated[int, Field(ge=1, le=100_000)] = 32
    delta: Annotated[float, Field(gt=0, le=1e-4)]
    budget: Budget
    column: Annotated[tuple[Column, ...], Field(min_length=1)]

    @property
    def bounds(self) -> ContributionBounds:
        """The most one person can bring into an answer."""
        return ContributionBounds(self.max_groups_per_person, self.max_rows_per_group)

    @property
    def limits(self) -> Limits:
        """The budgets as the ledger takes them."""
        budget = self.budget
        return Limits(budget.partner_rho_nano, budget.dataset_rho_nano, budget.day_rho_nano, budget.refresh)

    @property
    def columns(self) -> dict[str, StringColumn | BoolColumn | IntColumn]:
        """The declared columns by name; the calendar keys are not among them."""
        return {column.name: column for column in self.column}

    @property
    def digest(self) -> str:
        """A hash of all that shapes an answer. Changing it makes every question a new one."""
        shape = self.model_dump_json(exclude={"meaning", "partners", "budget"})
        return hashlib.sha256(shape.encode()).hexdigest()

    @model_validator(mode="after")
    def _fits_the_lake(self) -> Self:
        table = tables.BY_NAME.get(self.table)
        if table is None or not self.table.startswith("private."):
            raise ValueError("table must be a private mart of the lake")
        types = {column.name: column.type for column in table.columns}
        if len(self.columns) < len(self.column) or CALENDAR.keys() & self.columns.keys():
            raise ValueError("column names must differ from each other and from day and week")
        if any(types.get(c.name) not in _ARROW[c.type] for c in self.column):
            raise ValueError("a column is not in the mart, or has another type there")
        return self


class Catalogue(_Section):
    """Every dataset there is, and the moments, milliseconds after a question came, at which answers leave."""

    dataset: tuple[Dataset, ...]
    answer_after_ms: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = ANSWER_AFTER_MS

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if any(first >= second for first, second in itertools.pairwise(self.answer_after_ms)):
            raise ValueError("answer_after_ms must ascend")
        if len({d.name for d in self.dataset}) < len(self.dataset):
            raise ValueError("dataset names must differ")
        return self

    def of(self, partner: str) -> list[Dataset]:
        """List the datasets that a partner may ask about, by name."""
        return sorted((d for d in self.dataset if partner in d.partners), key=lambda d: d.name)

    def get(self, name: str, partner: str) -> Dataset:
        """Return a dataset that the partner may ask about.

        Raises:
            DatasetUnknown: if there is none of that name, or not for this partner.
        """
        for dataset in self.of(partner):
            if dataset.name == name:
                return dataset
        raise DatasetUnknown


def load_catalogue(path: Path) -> Catalogue:
    """Read and check a catalogue.

    Raises:
        CatalogueInvalid: if it is missing or breaks a rule.
    """
    try:
        return Catalogue.model_validate(tomllib.loads(path.read_text()))
    except FileNotFoundError:
        raise CatalogueInvalid("There is no catalogue in the home folder. Run `mangrove init`.") from None
    except tomllib.TOMLDecodeError:
        raise CatalogueInvalid("The catalogue is not valid TOML. Mend it, or start from the default one.") from None
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
        raise CatalogueInvalid(f"The catalogue breaks a rule at {where}.") from None
