"""Intervals of numbers that are not linear in what was released: means, variances, shares, quantiles.

All turn a test around: the interval holds every value that the noisy numbers do not speak against at 95 % (Fieller
1954, "Some Problems in Interval Estimation"). For a true value t some combination of the noisy numbers has mean 0 and
a known variance, which makes a quadratic inequality in t. Where it has no bounded solution, nothing is known.
"""

import numpy as np
import numpy.typing as npt

from privacy.dp.accounting import Z
from privacy.dp.types import IntBounds, Measure

Reals = npt.NDArray[np.float64]
Interval = tuple[Reals, Reals, Reals]
"""Estimates, and the lower and upper ends of their 95 % intervals."""


def means(sums: Reals, counts: Reals, scales: tuple[float, ...], bounds: IntBounds) -> Interval:
    """Give means, from sums of distances from the middle: (sum - t·count)² ≤ z²(s² + t²c²)."""
    sum_scale, count_scale = scales
    limits = (float(bounds.low - bounds.middle), float(bounds.high - bounds.middle))
    value, low, high = _solved(
        leading=counts**2 - (Z * count_scale) ** 2,
        half=sums * counts,
        constant=sums**2 - (Z * sum_scale) ** 2,
        value=np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0),
        clear=counts > 0,
        limits=limits,
        unknown=0.0,
    )
    return value + bounds.middle, low + bounds.middle, high + bounds.middle


def variances(numbers: tuple[Reals, Reals, Reals], scales: tuple[float, ...], bounds: IntBounds) -> Interval:
    """Give variances, from sums, sums of squares and counts of distances from the middle.

    With n rows, n·squares - sums² - v·n² has mean 0 at the true variance v, once what the noise adds on average to
    sums² and n² is taken off. Its variance is taken at the noisy numbers.
    """
    sums, squares, counts = numbers
    sum_scale, square_scale, count_scale = scales
    above = counts * squares - sums**2 + sum_scale**2
    below = counts**2 - count_scale**2
    fixed = (counts * square_scale) ** 2 + (2 * sums * sum_scale) ** 2
    noise = (Z * count_scale) ** 2
    most = float(bounds.reach**2)
    return _solved(
        leading=below**2 - noise * 4 * counts**2,
        half=above * below - noise * 2 * counts * squares,
        constant=above**2 - Z**2 * fixed - noise * squares**2,
        value=np.divide(above, below, out=np.zeros_like(sums), where=below > 0),
        clear=counts > Z * count_scale,
        limits=(0.0, most),
        unknown=most / 2,
    )


def shares(fits: Reals, rest: Reals, scale: float) -> Interval:
    """Give shares fits / (fits + rest): ((1 - t)·fits - t·rest)² ≤ z²s²((1 - t)² + t²)."""
    total, noise = fits + rest, (Z * scale) ** 2
    return _solved(
        leading=total**2 - 2 * noise,
        half=fits * total - noise,
        constant=fits**2 - noise,
        value=np.divide(fits, total, out=np.zeros_like(fits), where=total > 0),
        clear=total > 0,
        limits=(0.0, 1.0),
        unknown=0.5,
    )


def _solved(
    *,
    leading: Reals,
    half: Reals,
    constant: Reals,
    value: Reals,
    clear: npt.NDArray[np.bool_],
    limits: tuple[float, float],
    unknown: float,
) -> Interval:
    """Solve leading·t² - 2·half·t + constant ≤ 0 for t inside the limits."""
    bounded = clear & (leading > 0)
    root = np.sqrt(np.maximum(half**2 - leading * constant, 0.0))
    safe = np.where(bounded, leading, 1.0)
    ends = np.where(bounded, (half - root) / safe, limits[0]), np.where(bounded, (half + root) / safe, limits[1])
    low, high = (np.clip(end, *limits) for end in ends)
    return np.where(bounded, np.clip(value, *limits), unknown), low, high


def quantile(bins: Reals, level: float, scale: float, measure: Measure) -> Interval:
    """Give one quantile a group, from noisy bins: the least value that a part `level` of the rows does not exceed.

    At the true one, the rows up to a bin less `level` times all rows pass 0. At the end of bin b that difference has
    the variance s²(b(1 - level)² + (B - b)level²). The interval runs from the first bin at which it is not clearly
    below 0 to the first at which it is clearly above; inside the bin where it passes 0 the estimate is
    interpolated.

    Args:
        bins: A row a group, a column a bin.
        level: Between 0 and 1.
        scale: Of the noise of one bin.
        measure: The declared bins and bounds.
    """
    groups, size = bins.shape
    place = np.arange(1, size + 1)
    passed = np.cumsum(bins, axis=1) - level * bins.sum(axis=1, keepdims=True)
    passed[:, -1] = np.maximum(passed[:, -1], 0.0)
    width = Z * scale * np.sqrt(place * (1 - level) ** 2 + (size - place) * level**2)
    width[-1] = 0.0
    low = np.argmax(passed >= -width, axis=1)
    never_above = size - 1 - np.argmax((passed <= width)[:, ::-1], axis=1)
    high = np.where((passed <= width).any(axis=1), np.minimum(never_above + 1, size - 1), 0)
    return _values(passed, low, np.maximum(low, high), measure, groups)


def _values(
    passed: Reals, low: npt.NDArray[np.intp], high: npt.NDArray[np.intp], measure: Measure, groups: int
) -> Interval:
    starts = np.array(measure.bins, np.float64)
    ends = np.append(starts[1:] - 1, float(measure.bounds.high))
    middle = np.clip(np.argmax(passed >= 0, axis=1), low, high)
    row = np.arange(groups)
    before = np.where(middle > 0, passed[row, middle - 1], 0.0)
    risen = passed[row, middle] - before
    part = np.clip(np.divide(-before, risen, out=np.full(groups, 0.5), where=risen > 0), 0.0, 1.0)
    value = starts[middle] + part * (ends[middle] - starts[middle])
    return value, starts[low], ends[high]
