"""The learner of satisfaction: a linear model of hashed n-grams and randomised trees over signals, pooled."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold

from ml.satisfaction.dialogues import NothingLabelled
from ml.satisfaction.linear import LINEAR, LinearModel, fit_linear, spread
from ml.satisfaction.moments import CONVERSATION, Heard, heard_of, in_order, labels_of
from ml.satisfaction.signals import SIGNALS
from ml.task import Floats

SETTINGS: dict[str, Any] = {
    **LINEAR,
    "trees": 120,
    "min_samples_leaf": 5,
    "most_leaves": 2_000,
    "max_features": 0.2,
    "inner_folds": 5,
    "random_state": 7,
}

_WIDEST = 3.0
"""The most that an opinion weighs."""

_LEAST = 1e-6


class Says(Protocol):
    """What predicts: the model and its baselines."""

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""


class SatisfactionModel:
    """Calibrated probabilities of levels: what a linear model and extremely randomised trees say, pooled.

    The linear model holds weights of hashed n-grams, the trees thresholds of signals: no text and no word of what they
    learned from. `weights` are theirs in the pool, `signals` the names of the signals that it was made for.
    """

    def __init__(self, linear: LinearModel, trees: ExtraTreesClassifier, weights: Floats) -> None:
        self.signals = SIGNALS
        self.linear = linear
        self.trees = trees
        self.weights = weights

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""
        return self.says(heard_of(frame))

    def says(self, heard: Heard) -> Floats:
        """Return (rows, levels): the probability of each level."""
        return pooled(self.by_each(heard), self.weights)

    def by_each(self, heard: Heard) -> Floats:
        """Return (2, rows, levels): the probabilities before they are pooled."""
        return np.stack([self.linear.says(heard), _by_trees(self.trees, heard.signals, self.linear.levels)])


class MajorityModel:
    """The shares of the levels, whatever is said."""

    def __init__(self, shares: Floats) -> None:
        self.shares = shares

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels), every row the same."""
        return np.tile(self.shares, (len(frame), 1))


class RuleModel:
    """What somebody would decide by hand: thanks or praise, complaint or a failed answer, or neither."""

    def __init__(self, shares: Floats) -> None:
        self.shares = shares

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the shares of the levels where the rule said the same in training."""
        return np.asarray(self.shares[_by_rule(frame)])


def fit_model(frame: pd.DataFrame, levels: int) -> SatisfactionModel:
    """Fit on judged moments, in any order.

    The linear model knows texts, the trees (Geurts, Ernst, Wehenkel: Extremely randomized trees, 2006) how signals
    act together. How much each counts is set by what they say of conversations that they did not learn from.

    Raises:
        NothingLabelled: if only one level occurs, or in fewer than five conversations.
    """
    frame = in_order(frame)
    labels, signals = labels_of(frame), heard_of(frame).signals
    held_out = np.zeros((2, len(frame), levels))
    for train, test in _inner_folds(frame, labels):
        held_out[0, test] = fit_linear(frame.iloc[train], levels).predict_proba(frame.iloc[test])
        held_out[1, test] = _by_trees(_trees(len(train)).fit(signals[train], labels[train]), signals[test], levels)
    weights = fit_weights(held_out, labels)
    return SatisfactionModel(fit_linear(frame, levels), _trees(len(frame)).fit(signals, labels), weights)


def calibrated_on(model: SatisfactionModel, frame: pd.DataFrame) -> SatisfactionModel:
    """Return the model with its weights set on later moments."""
    return SatisfactionModel(model.linear, model.trees, fit_weights(model.by_each(heard_of(frame)), labels_of(frame)))


def fit_rule(frame: pd.DataFrame, levels: int) -> RuleModel:
    """Count the levels by what the rule decides."""
    labels, rule = labels_of(frame), _by_rule(frame)
    return RuleModel(np.array([_shares(labels[rule == said], levels) for said in range(3)]))


def fit_baselines(frame: pd.DataFrame, levels: int) -> dict[str, Says]:
    """Fit what the model must beat."""
    return {
        "majority": MajorityModel(_shares(labels_of(frame), levels)),
        "rule": fit_rule(frame, levels),
        "linear": fit_linear(frame, levels),
    }


def _by_trees(trees: ExtraTreesClassifier, signals: Floats, levels: int) -> Floats:
    """Ask tree by tree: the same mean as the forest's own, which takes milliseconds where a conversation waits."""
    inputs = signals.astype(np.float32)
    total = np.zeros((len(inputs), len(trees.classes_)))
    for one in trees.estimators_:
        total += one.tree_.predict(inputs)
    return spread(total / len(trees.estimators_), trees.classes_.astype(np.int64), levels)


def pooled(probabilities: Floats, weights: Floats) -> Floats:
    """Multiply the opinions, (opinions, rows, levels), each raised to its weight, and bring rows to a sum of 1.

    A logarithmic pool (Genest and Zidek: Combining probability distributions, 1986); with one opinion it is a
    temperature (Guo et al.: On calibration of modern neural networks, 2017).
    """
    told = (weights[:, None, None] * np.log(np.clip(probabilities, _LEAST, 1.0))).sum(axis=0)
    return np.asarray(softmax(told, axis=1))


def fit_weights(probabilities: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Return the weights of the opinions, each from 0 to 3, under which the labels are likeliest."""

    def loss(weights: Floats) -> float:
        said = np.clip(pooled(probabilities, weights)[np.arange(len(labels)), labels], _LEAST**2, 1.0)
        return float(-np.log(said).mean())

    start = np.full(len(probabilities), 1 / len(probabilities))
    return np.asarray(minimize(loss, start, bounds=[(0, _WIDEST)] * len(start), method="L-BFGS-B").x)


Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _inner_folds(frame: pd.DataFrame, labels: npt.NDArray[np.int64]) -> list[Fold]:
    groups = frame[CONVERSATION].to_numpy()
    folds = SETTINGS["inner_folds"]
    if len(np.unique(groups)) >= folds:
        cut = list(GroupKFold(folds).split(frame, groups=groups))
        if all(len(np.unique(labels[train])) > 1 for train, _ in cut):
            return cut
    raise NothingLabelled(
        f"At least {folds} conversations with judged turns of different levels are needed to learn from. Give more."
    )


def _trees(rows: int) -> ExtraTreesClassifier:
    """Trees whose leaves grow with the rows, so that a model of millions of turns is as small as one of thousands."""
    return ExtraTreesClassifier(
        SETTINGS["trees"],
        min_samples_leaf=max(SETTINGS["min_samples_leaf"], rows // SETTINGS["most_leaves"]),
        max_features=SETTINGS["max_features"],
        random_state=SETTINGS["random_state"],
    )


def _by_rule(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """0, 1 or 2: what the rule decided, the good last."""
    return frame["by_rule"].to_numpy().astype(np.int64) + 1


def _shares(labels: npt.NDArray[np.int64], levels: int) -> Floats:
    """Shares of the levels, one more of each than there are, so that none is impossible."""
    counts = np.bincount(labels, minlength=levels) + 1.0
    return np.asarray(counts / counts.sum())
