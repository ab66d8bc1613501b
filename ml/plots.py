"""The plots that go with a model of probabilities."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import log_loss, precision_recall_curve

from ml.columns import Columns
from ml.evaluate import calibration
from ml.task import Floats

GREEN, GREY = "#0b6e4f", "#9aa5a0"
_SHUFFLES = 3
_SHUFFLED_ROWS = 5_000
_SHOWN = 15


def calibration_plot(labels: npt.ArrayLike, probabilities: npt.ArrayLike, seen: str) -> Figure:
    """What the model says against what is seen, in ten bins; larger dots are more rows."""
    curve = calibration(labels, probabilities)
    most = max(b.rows for b in curve)
    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="perfect")
    axes.plot([b.said for b in curve], [b.seen for b in curve], color=GREEN, label="model")
    axes.scatter(
        [b.said for b in curve], [b.seen for b in curve], s=[20 + 120 * b.rows / most for b in curve], color=GREEN
    )
    axes.set(xlabel="probability said", ylabel=seen, title="Calibration on held-out people", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    return figure


def precision_recall_plot(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Figure:
    """Precision against recall over all thresholds, beside the share of all rows."""
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    share = float(np.mean(np.asarray(labels, dtype=np.float64)))
    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.plot(recall, precision, color=GREEN, label="model")
    axes.axhline(share, color=GREY, linestyle="--", label="by chance")
    axes.set(xlabel="recall", ylabel="precision", title="Precision and recall on held-out people", ylim=(0, 1.02))
    axes.legend(loc="upper right")
    return figure


def lift_plot(labels: npt.ArrayLike, probabilities: npt.ArrayLike, seen: str) -> Figure:
    """How many times as often it comes in each tenth of the rows, those with the highest probability first."""
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    tenths = np.array_split(y[np.argsort(-p, kind="stable")], 10)
    lifts = [float(part.mean() / y.mean()) for part in tenths if len(part)]
    figure = Figure(figsize=(5, 4), layout="tight")
    axes = figure.subplots()
    axes.bar(range(1, len(lifts) + 1), lifts, color=GREEN)
    axes.axhline(1, color=GREY, linestyle="--")
    axes.set(
        xlabel="tenth of the rows, highest first", ylabel=f"{seen}, times the mean", title="Lift on held-out people"
    )
    axes.set_xticks(range(1, len(lifts) + 1))
    return figure


def importance_plot(columns: Columns, model: Any, frame: pd.DataFrame, labels: Floats) -> Figure:
    """How much log loss rises when an input is shuffled (permutation importance: Breiman, Random Forests, 2001)."""
    told = importance(columns, model, frame, labels)
    top = sorted(told, key=lambda name: told[name])[-_SHOWN:]
    figure = Figure(figsize=(6, 5), layout="tight")
    axes = figure.subplots()
    axes.barh(top, [told[name] for name in top], color=GREEN)
    axes.set(xlabel="log loss lost when shuffled, nats", title="What the model looks at")
    return figure


def importance(columns: Columns, model: Any, frame: pd.DataFrame, labels: Floats) -> dict[str, float]:
    """Return the mean rise of log loss when an input is shuffled, by input; at most 5,000 rows are looked at."""
    chance = np.random.default_rng(0)
    chosen = chance.permutation(len(frame))[:_SHUFFLED_ROWS]
    matrix, y = columns.matrix(frame)[chosen], labels[chosen]
    honest = _loss(model, matrix, y)
    rises = {}
    for place, name in enumerate(columns.names):
        worse = []
        for _ in range(_SHUFFLES):
            shuffled = matrix.copy()
            shuffled[:, place] = chance.permutation(shuffled[:, place])
            worse.append(_loss(model, shuffled, y) - honest)
        rises[name] = float(np.mean(worse))
    return rises


def _loss(model: Any, matrix: Floats, labels: Floats) -> float:
    return float(log_loss(labels, model.predict_proba(matrix)[:, 1], labels=[0, 1]))
