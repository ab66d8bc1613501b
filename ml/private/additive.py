"""From noisy counts to an additive model: post-processing, which costs no privacy.

Every feature gives each of its bins a weight, its log-odds against the average (naive Bayes). A weight is uncertain
by a known amount, that of the noise and that of few rows. It is drawn towards 0 as far as that uncertainty outweighs
the spread of the feature's weights (empirical Bayes; Efron and Morris 1973): a feature that says nothing but noise
falls silent. A pair counts only for what its two features do not say alone. Features that say the same are counted
twice by this; the slope of the calibration puts that right for all of them together (Platt 1999).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.private.bins import Bins
from privacy.dp.learning import NoisyCounts

Floats = npt.NDArray[np.float64]

_WIDEST = 2.0
"""The largest spread of a feature's true log-odds that is believed."""

_STEPS = 50
_RIDGE = 1.0
_LEAST_SLOPE, _MOST_SLOPE = 0.02, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The log-odds of label 1 at large, and the weight of each bin of each feature and pair."""

    at_large: float
    of_bins: tuple[Floats, ...]


def weigh(bins: Bins, noisy: NoisyCounts) -> Weights:
    """Make weights of the noisy counts of a declared set of bins."""
    totals = np.mean([table.sum(axis=0) for table in noisy.tables], axis=0)
    without, having = np.maximum(totals, max(1.0, noisy.scale))
    at_large = float(np.log(having / without))
    least = max(1.0, noisy.scale) * 2 * np.array([without, having]) / (without + having)
    of_bins: list[Floats] = []
    for table in noisy.tables[: len(bins.names)]:
        of_bins.append(_shrunk(*_log_odds(table, noisy.scale, least)))
    for table, (left, right) in zip(noisy.tables[len(bins.names) :], bins.pairs, strict=True):
        alone = np.add.outer(of_bins[bins.names.index(left)], of_bins[bins.names.index(right)]).ravel()
        log_odds, variance = _log_odds(table, noisy.scale, least)
        of_bins.append(_shrunk(log_odds - alone, variance))
    return Weights(at_large, tuple(of_bins))


def score(weights: Weights, numbers: npt.NDArray[np.int64]) -> Floats:
    """Add up the weights of each row's bins, a column of `numbers` a feature: log-odds before calibration."""
    columns = zip(weights.of_bins, numbers.T, strict=True)
    found: Floats = weights.at_large + np.sum([weight[column] for weight, column in columns], axis=0)
    return found


def likelihood(log_odds: Floats) -> Floats:
    """Turn log-odds into probabilities."""
    said: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
    return said


def calibrated(noisy: NoisyCounts, at_large: float) -> tuple[float, float]:
    """Fit slope and offset to noisy counts by bin of score (Platt's scaling, by Newton's method).

    The bins are half a unit of log-odds wide from -8 to 8. Those whose number of rows does not stand out from the
    noise by four standard deviations have no part in it; in the others no count is taken for less than what the noise
    may hide, at the log-odds `at_large`. A weak prior holds the slope near 1 and the offset near 0.
    """
    (table,) = noisy.tables
    places = np.arange(len(table) - 1) / 2 - 8.25
    rate = likelihood(np.array([-at_large, at_large]))
    counts = np.maximum(table[:-1].astype(np.float64), 2 * noisy.scale * rate)
    counts[table[:-1].sum(axis=1) < 4 * np.sqrt(2) * noisy.scale] = 0
    rows, having = counts.sum(axis=1), counts[:, 1]
    inputs = np.column_stack([places, np.ones_like(places)])
    prior, found = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(_STEPS):
        said = likelihood(inputs @ found)
        slope = inputs.T @ (having - rows * said) - _RIDGE * (found - prior)
        bend = (inputs * (rows * said * (1 - said))[:, None]).T @ inputs + _RIDGE * np.eye(2)
        found = found + np.clip(np.linalg.solve(bend, slope), -0.5, 0.5)
    return float(np.clip(found[0], _LEAST_SLOPE, _MOST_SLOPE)), float(found[1])


def _log_odds(table: npt.NDArray[np.int64], scale: float, least: Floats) -> tuple[Floats, Floats]:
    """Log-odds of each bin against the average, and their variance (delta method).

    No count is taken for less than `least`, which has the share of each label at large: a bin of which nothing but
    noise is known stands at the average.
    """
    counts = np.maximum(table.astype(np.float64), least)
    variance = ((counts + scale**2) / counts**2).sum(axis=1)
    odds: Floats = np.log(counts[:, 1] / counts[:, 0]) - np.log(least[1] / least[0])
    return odds, variance


def _shrunk(log_odds: Floats, variance: Floats) -> Floats:
    """Draw each towards 0 by how uncertain it is, against the spread of all of them (method of moments)."""
    certain = 1 / variance
    spread = (certain * (log_odds**2 - variance)).sum() / certain.sum()
    believed = float(np.clip(spread, 0, _WIDEST**2))
    drawn: Floats = log_odds * believed / (believed + variance)
    return drawn
