"""The words that the other modules of this package share: rho, bounds, measures, estimates."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, NewType

NanoRho = NewType("NanoRho", int)
"""Billionths of rho (zero-concentrated differential privacy). Always whole, so that sums are exact."""

MIN_PRICE = NanoRho(1_000)
MAX_PRICE = NanoRho(10_000_000_000)

MAX_BINS = 64
"""Most bins of a column where none are declared."""

MAX_VARIANCE_REACH = 10**6
"""How far a value may lie from the middle for a variance: the squares of 8 million rows still add up in 64 bits."""

MeasureKind = Literal["count", "persons", "sum", "mean", "variance", "quantiles", "histogram", "ratio"]

OF_A_COLUMN = frozenset({"sum", "mean", "variance", "quantiles", "histogram"})


@dataclass(frozen=True, slots=True)
class IntBounds:
    """The declared range of an integer column, both ends included. Never taken from the data."""

    low: int
    high: int

    @property
    def middle(self) -> int:
        """The whole number in the middle, rounded down."""
        return (self.low + self.high) // 2

    @property
    def magnitude(self) -> int:
        """The largest distance of a clipped value from 0."""
        return max(abs(self.low), abs(self.high))

    @property
    def reach(self) -> int:
        """The largest distance of a clipped value from the middle."""
        return max(self.high - self.middle, self.middle - self.low)

    def bins(self) -> tuple[int, ...]:
        """Give the least values of bins of equal width, at most `MAX_BINS`."""
        width = -(-(self.high - self.low + 1) // MAX_BINS)
        return tuple(range(self.low, self.high + 1, width))


@dataclass(frozen=True, slots=True)
class ContributionBounds:
    """The most one person can bring in: `groups` groups (K), and `rows` rows in each (L)."""

    groups: int
    rows: int

    def among(self, groups: int) -> "ContributionBounds":
        """Narrow the bounds to an answer of that many groups: nobody touches more than there are."""
        return ContributionBounds(min(self.groups, groups), self.rows)


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to measure.

    Attributes:
        kind: What.
        column: The int column; for a ratio the column that its condition is about; "" for count and persons.
        bounds: The column's, where a column is measured.
        bins: The least value of each bin of a histogram or of quantiles, ascending; the first is `bounds.low`.
        per_mille: The quantiles, ascending, 1 to 999.
        mark: For a ratio: its name, which is also that of the mark on the rows that count.
    """

    kind: MeasureKind
    column: str = ""
    bounds: IntBounds = IntBounds(0, 0)
    bins: tuple[int, ...] = ()
    per_mille: tuple[int, ...] = ()
    mark: str = ""

    @property
    def name(self) -> str:
        """Its name, such as `count` or `mean_wait_s`."""
        return self.mark or (f"{self.kind}_{self.column}" if self.column else self.kind)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its estimates: one, but for a histogram one a bin and for quantiles one each."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_from_{low}" for low in self.bins)
        if self.kind == "quantiles":
            return tuple(f"p{_percent(level)}_{self.column}" for level in self.per_mille)
        return (self.name,)


def _percent(per_mille: int) -> str:
    whole, rest = divmod(per_mille, 10)
    return f"{whole}_{rest}" if rest else str(whole)


class Estimate(NamedTuple):
    """A noisy number and the ends of its 95 % interval, in the measure's unit."""

    value: float
    low: float
    high: float
