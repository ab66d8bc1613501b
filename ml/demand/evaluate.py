"""How good forecasts of counts are, and what they would have been week after week."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.demand.learners import COVERAGE, Floats, fit_baselines, fit_forecast
from ml.split import NotEnoughToLearn

LEAST_DAYS_TO_LEARN = 14
_DAY = np.timedelta64(1, "D")


def wape(seen: npt.ArrayLike, said: npt.ArrayLike) -> float:
    """Weighted absolute percentage error: the sum of the errors by the sum of the counts; 0 is perfect."""
    y, p = np.asarray(seen, dtype=np.float64), np.asarray(said, dtype=np.float64)
    return float(np.abs(y - p).sum() / y.sum()) if y.sum() > 0 else float("nan")


def coverage(seen: npt.ArrayLike, said: Floats) -> float:
    """The share of counts inside their interval; `said` is (n, 3): lower end, forecast, upper end."""
    y = np.asarray(seen, dtype=np.float64)
    return float(((y >= said[:, 0]) & (y <= said[:, 2])).mean())


def miscalibration(seen: npt.ArrayLike, said: Floats) -> float:
    """How far the share of counts inside their interval is from what it promises."""
    return abs(coverage(seen, said) - COVERAGE)


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts of held-out weeks, each made with what was known before its week.

    `rows` are the features of those weeks with `contacts`; `said` the forecast's and each baseline's (n, 3) of them.
    """

    rows: pd.DataFrame
    said: dict[str, Floats]

    def wapes(self) -> dict[str, float]:
        """The error of each, by name."""
        return {name: wape(self.rows["contacts"], said[:, 1]) for name, said in self.said.items()}


def backtest(features: pd.DataFrame, weeks: int) -> Backtest:
    """Forecast the last `weeks` weeks one after the other, learning anew before each.

    Args:
        features: Rows of `build_features`.
        weeks: How many weeks to hold out, at least 1.

    Raises:
        NotEnoughToLearn: if less than two weeks would be left to learn from.
    """
    at = features["at"].to_numpy()
    end = at.max().astype("datetime64[D]") + _DAY
    first = at.min().astype("datetime64[D]")
    parts, said = [], []
    for week in range(weeks, 0, -1):
        origin = end - 7 * week * _DAY
        days = (origin - first) // _DAY
        if days < LEAST_DAYS_TO_LEARN:
            raise NotEnoughToLearn(
                f"{max(0, days)} days would be left to learn a forecast from, at least {LEAST_DAYS_TO_LEARN} are "
                "needed. Collect contacts over a longer time."
            )
        later = origin - max(7, int(days) // 5) * _DAY
        learn, calibrate = features[at < later], features[(at >= later) & (at < origin)]
        held_out = features[(at >= origin) & (at < origin + 7 * _DAY)]
        models = {"model": fit_forecast(learn, calibrate), **fit_baselines(learn, calibrate)}
        parts.append(held_out)
        said.append({name: model.predict(held_out) for name, model in models.items()})
    return Backtest(pd.concat(parts), {name: np.concatenate([one[name] for one in said]) for name in said[0]})
