"""From noisy vectors to estimates with 95 % intervals: post-processing, free of charge.

Counts, persons, sums and the bins of histograms: value ± ceil(z·scale). With discrete Gaussian noise that holds at
least 95 % at every scale. Means, variances, ratios and quantiles: see `privacy.dp.ratios`; where the noisy number of
rows does not differ from 0, nothing is known and the interval is all that is possible.

Estimates and both ends are cut to what is possible (no negative counts, no mean outside the bounds). The
truth lies there too, so an interval keeps its 95 %. Cutting moves small counts up on average: ask for a total
instead of adding up many small groups. The interval covers the noise, not what truncation and clipping
changed.
"""

import math
from collections.abc import Iterator

import numpy as np

from privacy.dp.accounting import Z
from privacy.dp.mechanism import NoisyAggregates
from privacy.dp.ratios import Interval, means, quantile, shares, variances
from privacy.dp.types import Estimate, Measure

Found = tuple[np.ndarray, ...]


def half_width(scale: float) -> int:
    """Half the width of the 95 % interval of an integer with discrete Gaussian noise, 1 or more."""
    return math.ceil(Z * scale)


def estimates(noisy: NoisyAggregates) -> Iterator[tuple[Estimate, ...]]:
    """Give for each group, in the order of the keys, the estimates of all measures."""
    columns = [
        list(map(Estimate, *(end.tolist() for end in interval)))
        for measure, vectors, scales in zip(noisy.measures, noisy.vectors, noisy.scales, strict=True)
        for interval in _columns(measure, vectors, scales)
    ]
    return zip(*columns, strict=True)


def dropped_share(noisy: NoisyAggregates) -> Estimate | None:
    """Give the share of rows that truncation dropped; None where it was not asked for."""
    if noisy.dropped is None:
        return None
    kept, dropped, scale = noisy.dropped
    value, low, high = shares(np.array([float(dropped)]), np.array([float(kept)]), scale)
    return Estimate(float(value[0]), float(low[0]), float(high[0]))


def _columns(measure: Measure, vectors: Found, scales: tuple[float, ...]) -> list[Interval]:
    numbers = [vector.astype(np.float64) for vector in vectors]
    match measure.kind:
        case "mean":
            return [means(numbers[0], numbers[1], scales, measure.bounds)]
        case "variance":
            return [variances((numbers[0], numbers[1], numbers[2]), scales, measure.bounds)]
        case "ratio":
            fits, rest = numbers[0].reshape(-1, 2).T
            return [shares(fits, rest, scales[0])]
        case "quantiles":
            bins = numbers[0].reshape(-1, len(measure.bins))
            return [quantile(bins, level / 1000, scales[0], measure) for level in measure.per_mille]
        case "histogram":
            return [_number(column, scales[0], 0.0) for column in numbers[0].reshape(-1, len(measure.bins)).T]
    never_negative = measure.kind != "sum" or measure.bounds.low >= 0
    return [_number(numbers[0], scales[0], 0.0 if never_negative else -math.inf)]


def _number(values: np.ndarray, scale: float, floor: float) -> Interval:
    width = half_width(scale)
    return np.maximum(values, floor), np.maximum(values - width, floor), np.maximum(values + width, floor)
