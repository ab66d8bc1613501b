"""From noisy vectors to estimates with 95 % intervals: post-processing, free of charge.

Counts, persons and sums: value ± ceil(z·scale). With discrete Gaussian noise that holds at least 95 % at
every scale. Mean: middle + sum/count, with Fieller's interval for a ratio of two independent Gaussians
(Fieller 1954, "Some Problems in Interval Estimation"). Where the noisy count does not differ from 0, nothing
is known: the estimate is the middle of the bounds and the interval all of them.

Estimates and both ends are cut to what is possible (no negative counts, no mean outside the bounds). The
truth lies there too, so an interval keeps its 95 %. Cutting moves small counts up on average: ask for a total
instead of adding up many small groups. The interval covers the noise, not what truncation and clipping
changed.
"""

import math
from collections.abc import Iterator

from privacy.dp.accounting import Z
from privacy.dp.mechanism import NoisyAggregates
from privacy.dp.types import Estimate, IntBounds, Measure


def half_width(scale: float) -> int:
    """Half the width of the 95 % interval of an integer with discrete Gaussian noise, 1 or more."""
    return math.ceil(Z * scale)


def estimates(noisy: NoisyAggregates) -> Iterator[tuple[Estimate, ...]]:
    """Give for each group, in the order of the public keys, one estimate a measure."""
    columns = [
        _column(measure, vectors, scales)
        for measure, vectors, scales in zip(noisy.measures, noisy.vectors, noisy.scales, strict=True)
    ]
    return zip(*columns, strict=True)


def _column(measure: Measure, vectors: tuple[list[int], ...], scales: tuple[float, ...]) -> list[Estimate]:
    if measure.kind == "mean":
        sums, counts = vectors
        return [_mean(s, c, scales, measure.bounds) for s, c in zip(sums, counts, strict=True)]
    (values,) = vectors
    width = half_width(scales[0])
    never_negative = measure.kind != "sum" or measure.bounds.low >= 0
    floor = 0.0 if never_negative else -math.inf
    return [Estimate(max(floor, v), max(floor, v - width), max(floor, v + width)) for v in values]


def _mean(total: int, count: int, scales: tuple[float, ...], bounds: IntBounds) -> Estimate:
    """Solve (total - t·count)² ≤ z²·(s² + t²·c²) for the distance t of the mean from the middle."""
    sum_noise, count_noise = (Z * scale for scale in scales)
    leading = count**2 - count_noise**2
    if count <= 0 or leading <= 0:
        return Estimate(bounds.middle, bounds.low, bounds.high)
    half = total * count
    root = math.sqrt(max(0.0, half**2 - leading * (total**2 - sum_noise**2)))
    within = (
        _cut(bounds.middle + t, bounds) for t in (total / count, (half - root) / leading, (half + root) / leading)
    )
    return Estimate(*within)


def _cut(value: float, bounds: IntBounds) -> float:
    return min(max(value, bounds.low), bounds.high)
