"""The learner of satisfaction: a linear model of hashed n-grams and randomised trees over signals, pooled."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from ml.satisfaction.dialogues import NothingLabelled
from ml.satisfaction.moments import ANSWERED, BEFORE, CONVERSATION, EARLIER, SAID, TEXTS, labels_of
from ml.satisfaction.signals import SIGNALS
from ml.task import Floats

SETTINGS: dict[str, Any] = {
    "hashed_features": 1 << 14,
    "ngrams": (1, 2),
    "tokens": r"[a-z0-9']+|[\u4e00-\u9fff]|[?!？！]",
    "text_weights": {SAID: 1.0, ANSWERED: 1.0, BEFORE: 0.7, EARLIER: 0.5},
    "linear_c": 1.0,
    "signal_weight": 0.07,
    "trees": 120,
    "min_samples_leaf": 5,
    "max_features": 0.2,
    "inner_folds": 5,
    "random_state": 7,
}
"""One set for every file. A Latin word or number, a Han character and a mark are tokens: n-grams of words in English,
of characters in Chinese."""

_WIDEST = 3.0
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

    def __init__(self, linear: "LinearModel", trees: ExtraTreesClassifier, weights: Floats) -> None:
        self.signals = SIGNALS
        self.linear = linear
        self.trees = trees
        self.weights = weights

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""
        return pooled(self.by_each(frame), self.weights)

    def by_each(self, frame: pd.DataFrame) -> Floats:
        """Return (2, rows, levels): the probabilities before they are pooled."""
        linear = self.linear
        return np.stack([linear.predict_proba(frame), _by_trees(self.trees, _signals(frame), linear.levels)])


class LinearModel:
    """Logistic regression of each level on hashed n-grams and standardised signals; a baseline by itself, too."""

    def __init__(self, levels: int, scaler: StandardScaler, regression: OneVsRestClassifier) -> None:
        self.levels = levels
        self.scaler = scaler
        self.regression = regression

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""
        return _spread(self.regression.predict_proba(_wide(frame, self.scaler)), self.regression, self.levels)


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
    labels, signals = labels_of(frame), _signals(frame)
    held_out = np.zeros((2, len(frame), levels))
    for train, test in _inner_folds(frame, labels):
        held_out[0, test] = fit_linear(frame.iloc[train], levels).predict_proba(frame.iloc[test])
        held_out[1, test] = _by_trees(_trees().fit(signals[train], labels[train]), signals[test], levels)
    weights = fit_weights(held_out, labels)
    return SatisfactionModel(fit_linear(frame, levels), _trees().fit(signals, labels), weights)


def calibrated_on(model: SatisfactionModel, frame: pd.DataFrame) -> SatisfactionModel:
    """Return the model with its weights set on later moments."""
    return SatisfactionModel(model.linear, model.trees, fit_weights(model.by_each(frame), labels_of(frame)))


def fit_linear(frame: pd.DataFrame, levels: int) -> LinearModel:
    """Fit the linear model on judged moments, which must hold two levels."""
    frame = in_order(frame)
    scaler = StandardScaler().fit(frame[list(SIGNALS)].to_numpy())
    one = LogisticRegression(C=SETTINGS["linear_c"], solver="liblinear", dual=True, tol=0.05, random_state=0)
    return LinearModel(levels, scaler, OneVsRestClassifier(one).fit(_wide(frame, scaler), labels_of(frame)))


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


def hashed(frame: pd.DataFrame) -> list[sparse.csr_matrix]:
    """Return hashed n-grams of each column of texts, rows of length 1; a text that comes twice is hashed once."""
    places, distinct = pd.factorize(frame[list(TEXTS)].to_numpy(dtype=object).ravel(order="F"))
    vectorizer = HashingVectorizer(
        n_features=SETTINGS["hashed_features"],
        token_pattern=SETTINGS["tokens"],
        ngram_range=SETTINGS["ngrams"],
        alternate_sign=False,
        binary=True,
    )
    told = vectorizer.transform(distinct)
    return [told[places[n * len(frame) : (n + 1) * len(frame)]] for n in range(len(TEXTS))]


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort moments by what they are, so that the order in which they came does not matter."""
    return frame.sort_values([CONVERSATION, *TEXTS, *SIGNALS], kind="stable").reset_index(drop=True)


def _by_trees(trees: ExtraTreesClassifier, signals: npt.NDArray[np.float32], levels: int) -> Floats:
    """Ask tree by tree: the same mean as the forest's own, which takes milliseconds where a conversation waits."""
    total = sum(one.tree_.predict(signals) for one in trees.estimators_)
    return _spread(total / len(trees.estimators_), trees, levels)


def _spread(probabilities: Floats, classifier: Any, levels: int) -> Floats:
    """Return a classifier's probabilities with a column for each level, 0 for one that it never saw."""
    told = np.zeros((len(probabilities), levels))
    told[:, classifier.classes_.astype(np.int64)] = probabilities
    return told


def pooled(probabilities: Floats, weights: Floats) -> Floats:
    """Multiply the opinions, (opinions, rows, levels), each raised to its weight, and bring rows to a sum of 1.

    A logarithmic pool (Genest and Zidek: Combining probability distributions, 1986); with one opinion it is a
    temperature (Guo et al.: On calibration of modern neural networks, 2017).
    """
    told = np.tensordot(weights, np.log(np.clip(probabilities, _LEAST, 1.0)), axes=1)
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


def _trees() -> ExtraTreesClassifier:
    return ExtraTreesClassifier(
        SETTINGS["trees"],
        min_samples_leaf=SETTINGS["min_samples_leaf"],
        max_features=SETTINGS["max_features"],
        random_state=SETTINGS["random_state"],
    )


def _signals(frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    return frame[list(SIGNALS)].to_numpy().astype(np.float32)


def _wide(frame: pd.DataFrame, scaler: StandardScaler) -> sparse.csr_matrix:
    signals = np.clip(scaler.transform(frame[list(SIGNALS)].to_numpy()), -_WIDEST, _WIDEST) * SETTINGS["signal_weight"]
    texts = [SETTINGS["text_weights"][name] * told for name, told in zip(TEXTS, hashed(frame), strict=True)]
    return sparse.hstack([*texts, sparse.csr_matrix(signals)], format="csr")


def _by_rule(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """0, 1 or 2: what the rule decided, the good last."""
    return frame["by_rule"].to_numpy().astype(np.int64) + 1


def _shares(labels: npt.NDArray[np.int64], levels: int) -> Floats:
    """Shares of the levels, one more of each than there are, so that none is impossible."""
    counts = np.bincount(labels, minlength=levels) + 1.0
    return np.asarray(counts / counts.sum())
