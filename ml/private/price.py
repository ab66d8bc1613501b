"""Private training of the tasks with a yes or no, and what it costs them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from ml.binary import BinaryModel, BinaryTask
from ml.private.bins import Bins
from ml.private.learner import Guarantee, fit_private
from ml.task import Floats, Split

LEARNER = "private"
DRAWS = 5


@dataclass(frozen=True, slots=True)
class Price:
    """Quality on the same held-out rows, at one guarantee or, where it is None, without any.

    `auc` and `log_loss` are means over trainings that differ by their noise alone; `spread` is the standard deviation
    of the AUC over them.
    """

    guarantee: Guarantee | None
    auc: float
    spread: float
    log_loss: float


def train_privately(task: BinaryTask, split: Split, bins: Bins, *, epsilon: float, delta: float) -> BinaryModel:
    """Train a task's model with differential privacy, on the training and the calibration slice together.

    The learner sets people aside for its calibration itself. `bins` names the task's inputs, all of them in order.
    The guarantee is `model.classifier.guarantee`.

    Raises:
        GuaranteeUnfit: if epsilon or delta is out of range.
    """
    if bins.names != task.inputs():
        raise ValueError("Bins for all inputs of the task, in their order.")
    rows = pd.concat([split.train, split.calibrate])
    matrix, people = task.columns.matrix(rows), rows[task.unit].tolist()
    trained = fit_private(matrix, task.labels(rows), people, epsilon=epsilon, delta=delta, edges=bins)
    return BinaryModel(task.columns, trained, LEARNER)


def price(
    task: BinaryTask, model: BinaryModel, split: Split, bins: Bins, *, epsilons: Sequence[float], delta: float
) -> tuple[Price, ...]:
    """Compare a model without a guarantee with private ones, on the same held-out rows.

    A figure for those who may see the data: it is measured on held-out people without noise, and every training
    behind it used the same people, so their epsilons would add up for somebody who saw them all.
    """
    found = [_measured(task, split, [model], None)]
    for epsilon in epsilons:
        models = [train_privately(task, split, bins, epsilon=epsilon, delta=delta) for _ in range(DRAWS)]
        found.append(_measured(task, split, models, models[0].classifier.guarantee))
    return tuple(found)


def price_table(prices: Sequence[Price]) -> str:
    """Write prices as a Markdown table of the card."""
    lines = ["| epsilon | delta | AUC | its spread | log loss | AUC lost |", "|---|---|---|---|---|---|"]
    for one in prices:
        terms = "none | " if one.guarantee is None else f"{one.guarantee.epsilon:.3g} | {one.guarantee.delta:.0e}"
        lost = prices[0].auc - one.auc
        lines.append(f"| {terms} | {one.auc:.3f} | {one.spread:.3f} | {one.log_loss:.3f} | {lost:.3f} |")
    return "\n".join(lines)


def _measured(task: BinaryTask, split: Split, models: Sequence[BinaryModel], guarantee: Guarantee | None) -> Price:
    labels = task.labels(split.test)
    said: list[Floats] = [task.predict(model, split.test) for model in models]
    areas = [float(roc_auc_score(labels, one)) for one in said]
    losses = [float(log_loss(labels, np.clip(one, 1e-6, 1 - 1e-6), labels=[0, 1])) for one in said]
    return Price(guarantee, float(np.mean(areas)), float(np.std(areas)), float(np.mean(losses)))
