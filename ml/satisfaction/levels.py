"""Five levels by name from a continuous score, and which way the score goes."""

from collections.abc import Sequence

import numpy as np

from ml.task import Floats

NAMES = ("very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied")
CUTS = (0.2, 0.4, 0.6, 0.8)
"""A score at or above a cut belongs to the level behind it: five parts of [0, 1] of one width."""

SLOPE_TURNS = 3
"""Over how many of the customer's last turns the slope is taken."""


def scores_of(probabilities: Floats) -> Floats:
    """Return the expected level over the highest, from 0 to 1, of each row of (rows, levels) probabilities."""
    levels = probabilities.shape[1]
    return np.asarray(np.clip((probabilities * np.arange(levels)).sum(axis=1) / (levels - 1), 0.0, 1.0))


def level_of(score: float) -> str:
    """Name the level of a score in [0, 1].

    >>> level_of(0.0), level_of(0.5), level_of(1.0)
    ('very dissatisfied', 'neutral', 'very satisfied')
    """
    return NAMES[int(np.searchsorted(CUTS, score, side="right"))]


def slope_of(scores: Sequence[float] | Floats) -> float:
    """Return the least-squares slope over the last three of the scores; 0 of a single one.

    >>> round(slope_of([0.9, 0.2, 0.4, 0.6]), 6)
    0.2
    """
    last = np.asarray(scores, dtype=np.float64)[-SLOPE_TURNS:]
    if len(last) < 2:
        return 0.0
    apart = np.arange(len(last)) - (len(last) - 1) / 2
    return float((apart * last).sum() / (apart**2).sum())
