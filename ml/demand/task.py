"""The task of forecasting contacts: how rows are read, split, learned from and judged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
from matplotlib.figure import Figure

from ml.demand.calendar import COUNTRY, Calendar, read_campaigns
from ml.demand.evaluate import coverage, miscalibration, wape
from ml.demand.features import INPUTS, build_features
from ml.demand.learners import COVERAGE, PARAMS, Floats, fit_baselines, fit_forecast
from ml.demand.series import ZONE, a_day_more, build_series, read_contacts
from ml.plots import GREEN, GREY
from ml.split import NotEnoughToLearn
from ml.task import Rows, Split, Task
from spark_jobs.gold.moments import CHANNELS
from spark_jobs.lake.tables import GOLD_DEMAND, GOLD_FEATURES, SILVER_CONVERSATIONS

_LEAST_DAYS = 35
_CUTS = (0.7, 0.85)


class Demand(Task):
    """Contacts per half hour and channel, forecast a day ahead with an 80 % interval.

    Args:
        campaigns: A CSV file of campaigns (name, from, until, channel), None for none.
        country: Whose public holidays, an ISO code of two letters.
        zone: The time zone in which people live by the clock.
    """

    name = "demand"
    title = "Contact demand"
    purpose = (
        "It says how many conversations will begin in each half hour of the next day on each channel, with an interval "
        "that four of five half hours fall into, so that agents can be planned."
    )
    limits = (
        "It counts conversations whose customers allow learning: scale it by their share to plan for all. It knows "
        "holidays and campaigns of kinds that it has seen; a new kind of campaign and an outage come as a surprise."
    )
    tables = (SILVER_CONVERSATIONS, GOLD_FEATURES)
    unit = "day"
    slice_by = ("channel",)
    output = GOLD_DEMAND
    headline = "wape"
    calibration_limit = 0.05
    calibration_told = "the share of half hours inside the 80 % interval is off by"

    def __init__(self, campaigns: Path | None = None, country: str = COUNTRY, zone: str = ZONE) -> None:
        self._calendar = Calendar(country, read_campaigns(campaigns) if campaigns else ())
        self._zone = zone
        self.declared = {"channel": CHANNELS}

    def rows(self, lake_root: str) -> Rows:
        """Read the half hours since a week after the first contact, with what was known a day before each.

        Raises:
            TableMissing: if a table was not made yet.
            NotEnoughToLearn: if no conversation may be learned from.
        """
        contacts, versions = read_contacts(lake_root, self._zone)
        if contacts.is_empty():
            raise NotEnoughToLearn("No conversation may be learned from. Collect some whose customers allow learning.")
        return Rows(build_features(build_series(contacts), self._calendar), versions)

    def scored(self, lake_root: str, model: Any, version: int) -> pa.Table:
        """Forecast the day after the newest contact, every half hour on every channel."""
        contacts, _ = read_contacts(lake_root, self._zone)
        frame = build_features(a_day_more(build_series(contacts)), self._calendar)
        ahead = frame[frame["at"] > frame["at"].max() - pd.Timedelta(days=1)]
        low, expected, high = self.predict(model, ahead).T
        told = pl.DataFrame(
            {
                "channel": ahead["channel"].tolist(),
                "starts_at": ahead["at"].to_numpy(),
                "model_version": [version] * len(ahead),
                "expected": expected,
                "low": low,
                "high": high,
            }
        )
        local = pl.col("starts_at").dt.replace_time_zone(self._zone, ambiguous="earliest", non_existent="null")
        there = told.with_columns(local.dt.convert_time_zone("UTC")).drop_nulls("starts_at")
        return there.to_arrow().cast(GOLD_DEMAND.schema)

    def settings(self) -> Mapping[str, object]:
        """How the model is made."""
        campaigns = [[c.name, str(c.start), str(c.until), c.channel] for c in self._calendar.campaigns]
        return {**PARAMS, "country": self._calendar.country, "zone": self._zone, "campaigns": campaigns}

    def inputs(self) -> tuple[str, ...]:
        """The features' names."""
        return ("channel", *INPUTS)

    def split(self, frame: pd.DataFrame) -> Split:
        """Cut the days at 70 and 85 %: to learn, to set the interval, to test.

        Raises:
            NotEnoughToLearn: if there are fewer than 35 days.
        """
        days = np.unique(frame["day"]) if len(frame) else np.array([])
        if len(days) < _LEAST_DAYS:
            raise NotEnoughToLearn(
                f"{len(days)} days with a week of contacts before them can be learned from, at least {_LEAST_DAYS} are "
                "needed. Collect conversations over a longer time."
            )
        first, second = (days[int(len(days) * share)] for share in _CUTS)
        day = frame["day"]
        return Split(frame[day < first], frame[(day >= first) & (day < second)], frame[day >= second])

    def fit(self, split: Split) -> Any:
        """Fit the forecast."""
        return fit_forecast(split.train, split.calibrate)

    def baselines(self, split: Split) -> dict[str, Any]:
        """Fit majority, rule, seasonal_naive and linear."""
        return dict(fit_baselines(split.train, split.calibrate))

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """Lower end, forecast and upper end of each row: shape (n, 3), contacts."""
        said: Floats = model.predict(frame)
        return said

    def losses(self, frame: pd.DataFrame, said: Floats) -> Floats:
        """The absolute error of each half hour, contacts."""
        return np.abs(frame["contacts"].to_numpy(dtype=np.float64) - said[:, 1])

    def metrics(self, frame: pd.DataFrame, said: Floats) -> dict[str, float]:
        """WAPE, mean absolute error, coverage of the interval and its mean width (both in contacts)."""
        return {
            "wape": wape(frame["contacts"], said[:, 1]),
            "mae": float(self.losses(frame, said).mean()),
            "coverage": coverage(frame["contacts"], said),
            "interval_width": float((said[:, 2] - said[:, 0]).mean()),
        }

    def miscalibration(self, frame: pd.DataFrame, said: Floats) -> float:
        """How far the share of half hours inside their interval is from four in five."""
        return miscalibration(frame["contacts"], said)

    def plots(self, model: Any, frame: pd.DataFrame, said: Floats) -> dict[str, Figure]:
        """A week of the forecast, and how often each hour falls into its interval."""
        return {"week.png": _week(frame, said), "coverage.png": _coverage_by_hour(frame, said)}

    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A quiet Tuesday at noon, with the medians of all counts."""
        known = {name: [float(frame[name].median())] for name in INPUTS}
        channel = frame["channel"].mode()[0]
        return pd.DataFrame({"channel": [channel], **known, "slot": [24], "weekday": [1]})[list(self.inputs())]


def _week(frame: pd.DataFrame, said: Floats) -> Figure:
    figure = Figure(figsize=(10, 4), layout="tight")
    axes = figure.subplots()
    totals = frame.assign(low=said[:, 0], said=said[:, 1], high=said[:, 2])
    busiest = frame.groupby("channel")["contacts"].sum().idxmax()
    week = totals[totals["channel"] == busiest].tail(7 * 48)
    at = week["at"].to_numpy()
    axes.fill_between(at, week["low"], week["high"], color=GREEN, alpha=0.2, label="four of five")
    axes.plot(at, week["said"], color=GREEN, label="forecast")
    axes.plot(at, week["contacts"], color="black", linewidth=0.7, label="came")
    axes.set(ylabel="contacts per half hour", title=f"The last week held out, {busiest}")
    axes.legend()
    return figure


def _coverage_by_hour(frame: pd.DataFrame, said: Floats) -> Figure:
    figure = Figure(figsize=(7, 4), layout="tight")
    axes = figure.subplots()
    hour = frame["slot"].to_numpy() // 2
    hours: npt.NDArray[np.int64] = np.unique(hour)
    axes.bar(hours, [coverage(frame["contacts"][hour == h], said[hour == h]) for h in hours], color=GREEN)
    axes.axhline(COVERAGE, color=GREY, linestyle="--")
    axes.set(xlabel="hour of the day", ylabel="share inside the interval", title="Calibration on held-out days")
    return figure
