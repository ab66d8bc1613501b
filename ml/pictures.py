"""The two plots and the card that go with a model."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from ml.evaluate import Metrics, calibration
from ml.features import CATEGORICAL, NUMERIC
from ml.gate import Verdict


def calibration_plot(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Figure:
    """What the model says against what is seen, in ten bins."""
    curve = calibration(labels, probabilities)
    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfect")
    axes.plot([b.said for b in curve], [b.seen for b in curve], marker="o", color="#0b6e4f", label="model")
    axes.set(xlabel="probability said", ylabel="share handed over", title="Calibration on held-out people")
    axes.legend()
    return figure


def precision_recall_plot(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Figure:
    """Precision against recall over all thresholds."""
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.plot(recall, precision, color="#0b6e4f")
    axes.set(xlabel="recall", ylabel="precision", title="Hand-overs on held-out people", ylim=(0, 1.02))
    return figure


def model_card(
    metrics: Mapping[str, Metrics],
    rows: tuple[int, int, int],
    fingerprint: Mapping[str, str],
    verdict: Verdict,
) -> str:
    """The card in Markdown: purpose, data, limits and numbers (Mitchell et al.: Model Cards, FAT* 2019).

    `metrics` names the model and its rivals; `rows` are those trained on, calibrated on and held out.
    """
    table = "\n".join(
        " | ".join((f"| {name}", *(f"{value:.4f}" for value in asdict(m).values()), "")).rstrip()
        for name, m in metrics.items()
    )
    inputs = ", ".join(f"`{name}`" for name in (*CATEGORICAL, *NUMERIC))
    prints = "\n".join(f"- {name}: {value}" for name, value in fingerprint.items())
    return f"""# Hand-over model

**What for.** It says at each message of a customer how likely a human takes the conversation over later, so
that agents can be kept free and bots mended. It is not made to judge or rank people.

**How.** Gradient boosted trees, calibrated with a sigmoid on a later slice of time. {verdict.sentence}

**Data.** {rows[0]} moments to learn, {rows[1]} to calibrate, {rows[2]} held out; in that order of time, no
person in two of them. Only conversations whose customers allow learning. Inputs: {inputs}.

| | AUC | log loss | Brier | ECE | average precision |
|---|---|---|---|---|---|
{table}

**Limits.** It sees counts, lengths and waits, never the text itself, and words of complaint in Chinese and
English only. What bots could not do in the time of the data decides what it expects; train it again after
a bot has changed.

**Made from.**
{prints}
"""
