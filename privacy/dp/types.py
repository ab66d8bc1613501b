"""The words that the other modules of this package share: rho, bounds, measures, estimates."""

from dataclasses import dataclass
from typing import Literal, NewType

NanoRho = NewType("NanoRho", int)
"""Billionths of rho (zero-concentrated differential privacy). Always whole, so that sums are exact."""

MIN_PRICE = NanoRho(1_000)
MAX_PRICE = NanoRho(10_000_000_000)

MeasureKind = Literal["count", "persons", "sum", "mean"]


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
    """One thing to measure. Sum and mean need a column and its bounds; count and persons have neither."""

    kind: MeasureKind
    column: str = ""
    bounds: IntBounds = IntBounds(0, 0)

    @property
    def name(self) -> str:
        """Its name in an answer, such as `count` or `mean_wait_s`."""
        return f"{self.kind}_{self.column}" if self.column else self.kind


@dataclass(frozen=True, slots=True)
class Estimate:
    """A noisy number and the ends of its 95 % interval, in the measure's unit."""

    value: float
    low: float
    high: float
