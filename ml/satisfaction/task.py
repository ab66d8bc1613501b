"""The task of satisfaction: judged turns of the lake's conversations, with their masked texts in memory only."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
from matplotlib.figure import Figure

from ml import plots
from ml.evaluate import excess_calibration_error
from ml.satisfaction.evaluation import losses, quality
from ml.satisfaction.judged import EVENT_COLUMNS, LEVELS, MOMENT_COLUMNS, judged_moments, talked_moments
from ml.satisfaction.levels import level_of, scores_of, slope_of
from ml.satisfaction.model import SETTINGS, SatisfactionModel, calibrated_on, fit_baselines, fit_model
from ml.satisfaction.moments import DIALOGUE, LEVEL, TEXTS, TURN, labels_of
from ml.satisfaction.signals import SIGNALS
from ml.split import NotEnoughToLearn, split_by_unit_and_time
from ml.task import Floats, Rows, Split, Task
from spark_jobs.gold.moments import CHANNELS
from spark_jobs.lake.snapshot import Snapshot, read_snapshot
from spark_jobs.lake.tables import GOLD_FEATURES, GOLD_SATISFACTION, SILVER_EVENTS


class Satisfaction(Task):
    """How satisfied the customer is at a turn: 0 dissatisfied, 1 neutral, 2 satisfied."""

    name = "satisfaction"
    title = "Satisfaction"
    purpose = (
        "It says at each message of a customer how satisfied they seem, so that a conversation that goes wrong can be "
        "mended while it runs. It is not made to judge or rank customers or agents."
    )
    limits = (
        "It sees hashed n-grams and declared words of Chinese and English, no tone of voice. Where nobody judged "
        "single turns it learns from the CSAT at the end, which the most and the least pleased give. Irony escapes it."
    )
    tables = (SILVER_EVENTS, GOLD_FEATURES)
    unit = "person_id"
    declared: Mapping[str, tuple[str, ...]] = {"channel": CHANNELS, "language": ("zh", "en")}
    slice_by = ("channel", "language")
    headline = "accuracy"
    output = GOLD_SATISFACTION

    def rows(self, lake_root: str) -> Rows:
        """Read the judged turns of conversations whose consent covers learning.

        Consent is judged where gold.features is made; a conversation with a message since then that does not allow
        learning is left out, too.
        """
        events, moments = _read(lake_root)
        versions = {SILVER_EVENTS.name: events.version, GOLD_FEATURES.name: moments.version}
        return Rows(judged_moments(_polars(events), _polars(moments)), versions)

    def scored(self, lake_root: str, model: SatisfactionModel, version: int) -> pa.Table:
        """Return score, level and slope at every message of the conversations that `rows` may read."""
        events, moments = _read(lake_root)
        frame = talked_moments(_polars(events), _polars(moments))
        told = frame[[DIALOGUE, TURN]].rename(columns={DIALOGUE: "conversation_id", TURN: "turn"})
        told["model_version"] = version
        told["score"] = scores_of(model.predict_proba(frame))
        told["level"] = [level_of(score) for score in told["score"]]
        told["slope"] = told.groupby("conversation_id")["score"].transform(
            lambda scores: [slope_of(scores.to_numpy()[: place + 1]) for place in range(len(scores))]
        )
        return pa.Table.from_pandas(told, GOLD_SATISFACTION.schema, preserve_index=False)

    def settings(self) -> Mapping[str, object]:
        """Return how the model is made."""
        return {**SETTINGS, "levels": LEVELS, "calibration": "logarithmic pool"}

    def inputs(self) -> tuple[str, ...]:
        """Return the names of the signals; the n-grams have no names."""
        return SIGNALS

    def split(self, frame: pd.DataFrame) -> Split:
        """Cut rows into slices by person and time.

        Raises:
            NotEnoughToLearn: if there are few rows, or the earliest are of one level.
        """
        split = split_by_unit_and_time(frame, unit=self.unit)
        if split.train[LEVEL].nunique() < 2 or split.calibrate.empty or split.test.empty:
            raise NotEnoughToLearn("The judged turns are of one level, or of few people. Collect more feedback.")
        return split

    def fit(self, split: Split) -> SatisfactionModel:
        """Fit on the training slice and set the weights of the pool on the later one."""
        return calibrated_on(fit_model(split.train, LEVELS), split.calibrate)

    def baselines(self, split: Split) -> dict[str, Any]:
        """Fit majority, rule and linear on both earlier slices."""
        return dict(fit_baselines(pd.concat([split.train, split.calibrate]), LEVELS))

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level."""
        return np.asarray(model.predict_proba(frame))

    def losses(self, frame: pd.DataFrame, said: Floats) -> Floats:
        """Return the log loss of each row."""
        return losses(labels_of(frame), said)

    def metrics(self, frame: pd.DataFrame, said: Floats) -> dict[str, float]:
        """Return accuracy, macro-F1, unweighted recall, kappa, log loss and calibration error."""
        measured = quality(labels_of(frame), said)
        return {name: float(getattr(measured, name)) for name in measured.__dataclass_fields__}

    def miscalibration(self, frame: pd.DataFrame, said: Floats) -> float:
        """Return the mean calibration error beyond chance over the levels."""
        y = labels_of(frame)
        return float(np.mean([excess_calibration_error(y == level, said[:, level]) for level in range(LEVELS)]))

    def plots(self, model: Any, frame: pd.DataFrame, said: Floats) -> dict[str, Figure]:
        """Draw for dissatisfaction: calibration, precision and recall, lift; and the scores of each level."""
        bad = labels_of(frame) == 0
        drawn = {"scores.png": _scores_plot(labels_of(frame), scores_of(said))}
        if bad.any() and not bad.all():
            drawn |= {
                "calibration.png": plots.calibration_plot(bad, said[:, 0], "share dissatisfied"),
                "precision_recall.png": plots.precision_recall_plot(bad, said[:, 0]),
                "lift.png": plots.lift_plot(bad, said[:, 0], "share dissatisfied"),
            }
        return drawn

    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return one input of medians, its texts empty."""
        medians = {name: [float(frame[name].astype("float64").median())] for name in SIGNALS}
        return pd.DataFrame({**{name: [""] for name in TEXTS}, **medians})


def _read(lake_root: str) -> tuple[Snapshot, Snapshot]:
    events = read_snapshot(lake_root, SILVER_EVENTS, EVENT_COLUMNS)
    return events, read_snapshot(lake_root, GOLD_FEATURES, MOMENT_COLUMNS)


def _polars(snapshot: Snapshot) -> pl.DataFrame:
    return pl.DataFrame(snapshot.rows)


def _scores_plot(labels: npt.NDArray[np.int64], scores: Floats) -> Figure:
    """How the score is spread over the turns of each level."""
    figure = Figure(figsize=(5, 4), layout="tight")
    axes = figure.subplots()
    for level, color in enumerate(("#b23a48", plots.GREY, plots.GREEN)):
        axes.hist(scores[labels == level], bins=20, range=(0, 1), histtype="step", color=color, label=f"level {level}")
    axes.set(xlabel="score", ylabel="turns", title="Score by level on held-out people")
    axes.legend(loc="upper left")
    return figure
