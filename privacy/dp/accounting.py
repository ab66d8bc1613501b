"""What a question costs: sensitivities, prices for a target error, the split of a price, epsilon at delta.

The unit is a person: neighbouring marts differ by one person with all their rows (add or remove).
zCDP and its Gaussian mechanism: Bun and Steinke 2016. Nano-rho is rounded up against the asker everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

from privacy.dp.types import MIN_PRICE, ContributionBounds, Measure, NanoRho

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
NANO = 10**9


@dataclass(frozen=True, slots=True)
class Share:
    """What one noisy vector may cost, and how far one person can move it: its L2 sensitivity."""

    sensitivity: float
    rho: NanoRho


def _at_least_root(square: int) -> float:
    """Return the least float whose exact square reaches `square`."""
    root = math.sqrt(square)
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    return root


def sensitivities(measure: Measure, bounds: ContributionBounds) -> tuple[float, ...]:
    """L2 sensitivities of the vectors behind a measure, rounded up: one; for a mean two, sum and count.

    One person touches K groups with L rows each, so moves each of K coordinates by at most L (count),
    1 (persons), L·max(|low|, |high|) (sum), or L times the reach from the middle (the sum under a mean).
    """
    groups, rows = bounds.groups, bounds.rows
    by_coordinate = {
        "count": (rows,),
        "persons": (1,),
        "sum": (rows * measure.bounds.magnitude,),
        "mean": (rows * measure.bounds.reach, rows),
    }[measure.kind]
    return tuple(_at_least_root(groups * step**2) for step in by_coordinate)


def split(measures: Sequence[Measure], bounds: ContributionBounds, price: NanoRho) -> tuple[tuple[Share, ...], ...]:
    """Split a price evenly over the measures, and a mean's part evenly over its sum and its count.

    The shares add up to at most the price; what a division leaves over is charged and not used.
    """
    each = price // len(measures)
    parts = (sensitivities(measure, bounds) for measure in measures)
    return tuple(tuple(Share(s, NanoRho(each // len(part))) for s in part) for part in parts)


def price_for_target_error(measures: Sequence[Measure], bounds: ContributionBounds, target_error: float) -> NanoRho:
    """Solve for the price at which the first measure's 95 % interval is at most ±`target_error`.

    Solved from z·sigma ≤ floor(target_error) with sigma = sensitivity / sqrt(2 rho), rounded up, with one
    nano-rho on top so that no later rounding widens the interval.

    Args:
        measures: The first must not be a mean: its width depends on the data.
        bounds: The most one person can bring in.
        target_error: Finite, at least 1, in the first measure's unit.
    """
    (sensitivity,) = sensitivities(measures[0], bounds)
    rho = (Fraction(sensitivity) * Fraction(Z)) ** 2 / (2 * math.floor(target_error) ** 2)
    return NanoRho(max(MIN_PRICE, (math.ceil(rho * NANO) + 1) * len(measures)))


def target_error_for(measures: Sequence[Measure], bounds: ContributionBounds, price: NanoRho) -> int | None:
    """Give a target error of the first measure that costs at most `price`; None where there is none."""
    each = price // len(measures) - 1
    if measures[0].kind == "mean" or price < MIN_PRICE or each < 1:
        return None
    (sensitivity,) = sensitivities(measures[0], bounds)
    return math.floor(Z * sensitivity / math.sqrt(2 * each / NANO)) + 1
