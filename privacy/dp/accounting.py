"""What a question costs: sensitivities, the split of a price, prices for a target error.

The unit is a person: neighbouring marts differ by one person with all their rows (add or remove).
zCDP and its Gaussian mechanism: Bun and Steinke 2016. Nano-rho is rounded up against the asker everywhere.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

from privacy.dp.types import MIN_PRICE, ContributionBounds, Measure, NanoRho

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
NANO = 10**9

SCALE_BITS = 20
"""A scale of noise has at most so many significant bits, so it is at most 2^-19 above the analytic one."""

DROPPED_PART = 10
"""One in so many parts of a price goes to the share of dropped rows, when it is asked for."""

_ROUNDING = Fraction(2**SCALE_BITS + 4, 2**SCALE_BITS)

OF_KNOWN_WIDTH = frozenset({"count", "persons", "sum", "histogram"})
"""Measures whose 95 % interval has a width that does not depend on the data."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one noisy vector may cost, and how far one person can move it: its L2 sensitivity."""

    sensitivity: float
    rho: NanoRho


@dataclass(frozen=True, slots=True)
class Shares:
    """How a price is split: over the vectors of each measure, the finding of unknown keys, and the dropped rows."""

    measures: tuple[tuple[Share, ...], ...]
    keys: Share | None
    dropped: Share | None

    def __iter__(self) -> Iterator[Share]:
        yield from (share for part in self.measures for share in part)
        yield from (share for share in (self.keys, self.dropped) if share is not None)


def _at_least_root(square: int) -> float:
    """Return the least float whose exact square reaches `square`."""
    root = math.sqrt(square)
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root


def sensitivities(measure: Measure, bounds: ContributionBounds) -> tuple[float, ...]:
    """L2 sensitivities of the vectors behind a measure, rounded up.

    One person touches K groups with L rows each. In each group that moves a count by at most L, persons by 1, a sum
    by L·max(|low|, |high|); under a mean the sum of distances from the middle by L times the reach, under a
    variance that of their squares by L times its square. The bins of a histogram, and the two parts of a ratio,
    share L rows: they move by at most L together, in L1 and so in L2.
    """
    groups, rows = bounds.groups, bounds.rows
    reach = measure.bounds.reach
    in_a_group = {
        "persons": (1,),
        "sum": (rows * measure.bounds.magnitude,),
        "mean": (rows * reach, rows),
        "variance": (rows * reach, rows * reach**2, rows),
    }.get(measure.kind, (rows,))
    return tuple(_at_least_root(groups * step**2) for step in in_a_group)


def split(
    measures: Sequence[Measure],
    bounds: ContributionBounds,
    price: NanoRho,
    *,
    unknown_keys: bool = False,
    most_rows: int = 0,
) -> Shares:
    """Split a price: a tenth to the dropped rows, the rest evenly over the measures and the finding of keys.

    A measure's part is split evenly over its vectors. The shares add up to at most the price; what a division
    leaves over is charged and not used.

    Args:
        measures: What is measured.
        bounds: The most one person can bring in.
        price: What there is.
        unknown_keys: Whether keys are to be found.
        most_rows: How far one person can move the kept and dropped rows; 0 when they are not asked for.
    """
    dropped = Share(float(most_rows), NanoRho(price // DROPPED_PART)) if most_rows else None
    each = (price - (dropped.rho if dropped else 0)) // (len(measures) + unknown_keys)
    parts = (sensitivities(measure, bounds) for measure in measures)
    return Shares(
        tuple(tuple(Share(s, NanoRho(each // len(part))) for s in part) for part in parts),
        Share(_at_least_root(bounds.groups), NanoRho(each)) if unknown_keys else None,
        dropped,
    )


def price_for_target_error(
    measures: Sequence[Measure],
    bounds: ContributionBounds,
    target_error: float,
    *,
    unknown_keys: bool = False,
    most_rows: int = 0,
) -> NanoRho:
    """Solve for the price at which the first measure's 95 % interval is at most ±`target_error`.

    Solved from z·sigma ≤ floor(target_error) with sigma = sensitivity / sqrt(2 rho), rounded up to a scale of
    `SCALE_BITS` bits, with one nano-rho on top so that no later rounding widens the interval.

    Args:
        measures: The first must be one `OF_KNOWN_WIDTH`.
        bounds: The most one person can bring in.
        target_error: Finite, at least 1, in the first measure's unit.
        unknown_keys: As in `split`.
        most_rows: As in `split`.
    """
    (sensitivity,) = sensitivities(measures[0], bounds)
    rho = (Fraction(sensitivity) * Fraction(Z) * _ROUNDING) ** 2 / (2 * math.floor(target_error) ** 2)
    each = (math.ceil(rho * NANO) + 1) * (len(measures) + unknown_keys)
    if most_rows:
        each = -(-each * DROPPED_PART // (DROPPED_PART - 1)) + 1
    return NanoRho(max(MIN_PRICE, each))


def target_error_for(
    measures: Sequence[Measure],
    bounds: ContributionBounds,
    price: NanoRho,
    *,
    unknown_keys: bool = False,
    most_rows: int = 0,
) -> int | None:
    """Give a target error of the first measure that costs at most `price`; None where there is none."""
    if measures[0].kind not in OF_KNOWN_WIDTH or price < MIN_PRICE:
        return None
    first = split(measures, bounds, price, unknown_keys=unknown_keys, most_rows=most_rows).measures[0][0]
    if first.rho < 4:
        return None
    return math.floor(Z * float(_ROUNDING) * first.sensitivity / math.sqrt(2 * (first.rho - 3) / NANO)) + 1
