"""What the forecast of a half hour sees: the calendar, and counts that are a day old or older."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.demand.calendar import SLOTS_A_DAY, Calendar

Floats = npt.NDArray[np.float64]

A_WEEK = 7 * SLOTS_A_DAY
WEEKS_BACK = 16
_OLDER = 0.95
FACTS = ("slot", "weekday", "month", "holiday", "holiday_before", "holiday_after", "campaign", "campaign_begins")
LAGS = ("a_day_ago", "a_week_ago", "usual", "level", "last_week", "last_day")
INPUTS = (*FACTS, *LAGS)


def build_features(series: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """One row a half hour and channel: `channel`, `at`, `day`, `contacts` and the inputs, in order of time.

    No input uses a count younger than 24 hours. Half hours that have no week of counts before them are left out.

    Args:
        series: Columns channel, at (local time without zone, every half hour once, no gap), contacts.
        calendar: What is known of the days beforehand.
    """
    parts = [_of_channel(part.sort_values("at"), calendar) for _, part in series.groupby("channel", sort=True)]
    return pd.concat(parts).sort_values(["at", "channel"]).reset_index(drop=True)


def _of_channel(part: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    at, channel = part["at"].to_numpy(), str(part["channel"].iloc[0])
    counts = part["contacts"].to_numpy(dtype=np.float64)
    frame = calendar.facts(at, channel)
    # What an unusual day brought says little of the usual ones after it.
    unusual = (frame[["holiday", "holiday_before", "holiday_after", "campaign"]] > 0).any(axis=1).to_numpy()
    ordinary = np.where(unusual, np.nan, counts)
    shape = _weekly(_smooth(ordinary))
    frame["a_day_ago"] = _shifted(counts, SLOTS_A_DAY)
    frame["a_week_ago"] = _shifted(counts, A_WEEK)
    frame["last_day"] = _shifted(_rolling_sum(counts, SLOTS_A_DAY), SLOTS_A_DAY)
    frame["last_week"] = _shifted(_rolling_sum(counts, A_WEEK), SLOTS_A_DAY) / 7
    frame["usual"] = np.where(np.isnan(shape), frame["a_week_ago"], shape)
    frame["level"] = _level(ordinary, shape)
    frame.insert(0, "channel", channel)
    frame.insert(1, "at", at)
    frame.insert(2, "day", at.astype("datetime64[D]").astype(str))
    frame.insert(3, "contacts", counts)
    return frame.iloc[A_WEEK:]


def _shifted(values: Floats, by: int) -> Floats:
    return np.concatenate([np.full(min(by, len(values)), np.nan), values[:-by]])


def _rolling_sum(values: Floats, window: int) -> Floats:
    return pd.Series(values).rolling(window, min_periods=1).sum().to_numpy()


def _smooth(values: Floats) -> Floats:
    """Each count with half of its two neighbours: half hours in a row resemble each other."""
    padded = np.pad(values, 1, constant_values=np.nan)
    rows = np.stack([padded[:-2], padded[1:-1], padded[2:]])
    return _mean_of_known(rows, np.array([0.5, 1.0, 0.5]))


def _weekly(values: Floats) -> Floats:
    """The mean of the same half hour one to sixteen weeks ago, younger weeks counting more."""
    rows = np.stack([_shifted(values, A_WEEK * week) for week in range(1, WEEKS_BACK + 1)])
    return _mean_of_known(rows, np.power(_OLDER, np.arange(WEEKS_BACK, dtype=np.float64)))


def _level(counts: Floats, shape: Floats) -> Floats:
    """How the seven days until 24 hours ago came out against what was usual for them; 1 if nothing is known.

    The root of it: half of what sets a week apart is gone in the next one.
    """
    known = ~np.isnan(counts) & ~np.isnan(shape)
    seen = _shifted(_rolling_sum(np.where(known, counts, 0), A_WEEK), SLOTS_A_DAY)
    usual = _shifted(_rolling_sum(np.where(known, shape, 0), A_WEEK), SLOTS_A_DAY)
    return np.asarray(np.sqrt(np.nan_to_num((seen + 5) / (usual + 5), nan=1.0)))


def _mean_of_known(rows: Floats, weights: Floats) -> Floats:
    """The weighted mean down the rows over what is known; NaN where nothing is."""
    known = ~np.isnan(rows) * weights[:, None]
    total = known.sum(axis=0)
    summed = (np.nan_to_num(rows) * known).sum(axis=0)
    return np.asarray(np.divide(summed, total, out=np.full(rows.shape[1], np.nan), where=total > 0))
