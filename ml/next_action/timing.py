"""When it comes, if it comes: the time until the next action, with a band that holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor

from ml.columns import Columns
from ml.task import Floats

QUANTILES = (0.1, 0.5, 0.9)
FEW = 50
"""With fewer rows to learn from, or to take the band from, the time does not depend on the moment."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds until the event: a regression of their logarithm, and quantiles of what it misses.

    The band is a split-conformal one: of new cases of the same law, eight in ten lie inside (Lei et al., Distribution-
    Free Predictive Inference for Regression, 2018).
    """

    columns: Columns
    regressor: Any
    misses: tuple[float, float, float]

    def seconds(self, frame: "pd.DataFrame | Floats") -> Floats:
        """Return (rows, 3): the 10, 50 and 90 % quantiles of the seconds until it comes, at least 0."""
        logs = self.regressor.predict(self.columns.matrix(frame))[:, None] + np.asarray(self.misses)
        return np.asarray(np.maximum(0.0, np.expm1(np.minimum(logs, 20.0))))


def fit_timing(columns: Columns, train: pd.DataFrame, calibrate: pd.DataFrame, seconds: str) -> Timing:
    """Fit on rows where it came.

    Args:
        columns: The inputs.
        train: Rows to learn from.
        calibrate: Later rows, for the band.
        seconds: The column of the seconds until it came.
    """
    band = calibrate if len(calibrate) >= FEW else train
    if len(train) >= FEW:
        regressor: Any = HistGradientBoostingRegressor(
            max_iter=80, max_leaf_nodes=15, min_samples_leaf=20, early_stopping=False, random_state=7,
            categorical_features=columns.categorical,
        )  # fmt: skip
    else:
        regressor = DummyRegressor(strategy="median")
    regressor.fit(columns.matrix(train), np.log1p(train[seconds].to_numpy()))
    missed = np.log1p(band[seconds].to_numpy()) - regressor.predict(columns.matrix(band))
    low, middle, high = np.quantile(missed, QUANTILES)
    return Timing(columns, regressor, (float(low), float(middle), float(high)))


def measure_timing(timing: Timing, rows: pd.DataFrame, seconds: str) -> dict[str, float]:
    """Measure the time until it comes on held-out rows where it came.

    Returns:
        `time_band_share`: the share inside the 80 % band; `time_log_error`: the mean absolute error of the median in
        natural logarithms (0.7 is a factor of two), and `time_log_error_constant`: that of the best single number.
    """
    told = np.log1p(timing.seconds(rows))
    true = np.log1p(rows[seconds].to_numpy())
    return {
        "time_band_share": float(((told[:, 0] <= true) & (true <= told[:, 2])).mean()),
        "time_log_error": float(np.abs(told[:, 1] - true).mean()),
        "time_log_error_constant": float(np.abs(np.median(true) - true).mean()),
    }
