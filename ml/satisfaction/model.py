"""The learner of satisfaction: randomised trees over signals and what a linear model of hashed n-grams says."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from ml.satisfaction.dialogues import NothingLabelled
from ml.satisfaction.moments import ANSWERED, CONVERSATION, SAID, labels_of
from ml.satisfaction.signals import SIGNALS
from ml.task import Floats

SETTINGS: dict[str, Any] = {
    "hashed_features": 1 << 14,
    "ngrams": (1, 2),
    "tokens": r"[a-z0-9']+|[\u4e00-\u9fff]|[?!？！]",
    "linear_c": 0.5,
    "signal_weight": 0.07,
    "trees": 200,
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
    """Calibrated probabilities of levels: extremely randomised trees, sharpened by a temperature.

    The trees see the signals and what the linear model says. They hold thresholds of signals and the linear model
    weights of hashed n-grams: no text and no word of what it learned from.
    """

    def __init__(self, linear: "LinearModel", trees: ExtraTreesClassifier, temperature: float) -> None:
        self.linear = linear
        self.trees = trees
        self.temperature = temperature

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""
        return sharpened(self.by_trees(frame), self.temperature)

    def by_trees(self, frame: pd.DataFrame) -> Floats:
        """Return the probabilities before calibration."""
        told = self.linear.predict_proba(frame)
        return spread(self.trees, _with_told(frame, told), self.linear.levels)


class LinearModel:
    """Multinomial logistic regression on hashed n-grams and standardised signals; a baseline by itself, too."""

    def __init__(self, levels: int, scaler: StandardScaler, regression: LogisticRegression) -> None:
        self.levels = levels
        self.scaler = scaler
        self.regression = regression

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""
        return spread(self.regression, _wide(frame, self.scaler), self.levels)


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

    The trees (Geurts, Ernst, Wehenkel: Extremely randomized trees, 2006) see what the linear model says of
    conversations that it did not learn from (stacked generalisation: Wolpert, Neural Networks 5, 1992), and the
    temperature is set on conversations that the trees did not learn from.

    Raises:
        NothingLabelled: if only one level occurs, or in fewer than five conversations.
    """
    frame = in_order(frame)
    labels = labels_of(frame)
    folds = _inner_folds(frame, labels)
    by_linear = _held_out(frame, levels, folds, lambda train, test: fit_linear(train, levels).predict_proba(test))
    inputs = _with_told(frame, by_linear)
    by_trees = np.zeros_like(by_linear)
    for train, test in folds:
        by_trees[test] = spread(_trees().fit(inputs[train], labels[train]), inputs[test], levels)
    temperature = fit_temperature(by_trees, labels)
    return SatisfactionModel(fit_linear(frame, levels), _trees().fit(inputs, labels), temperature)


def calibrated_on(model: SatisfactionModel, frame: pd.DataFrame) -> SatisfactionModel:
    """Return the model with its temperature set on later moments."""
    return SatisfactionModel(model.linear, model.trees, fit_temperature(model.by_trees(frame), labels_of(frame)))


def fit_linear(frame: pd.DataFrame, levels: int) -> LinearModel:
    """Fit the linear model on judged moments, which must hold two levels."""
    frame = in_order(frame)
    scaler = StandardScaler().fit(frame[list(SIGNALS)].to_numpy())
    regression = LogisticRegression(C=SETTINGS["linear_c"], max_iter=300, tol=1e-3)
    return LinearModel(levels, scaler, regression.fit(_wide(frame, scaler), labels_of(frame)))


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


def hashed(texts: "pd.Series[str]") -> sparse.csr_matrix:
    """Return the n-grams of texts as hashes, each row of length 1; a text that comes twice is hashed once."""
    places, distinct = pd.factorize(texts)
    vectorizer = HashingVectorizer(
        n_features=SETTINGS["hashed_features"],
        token_pattern=SETTINGS["tokens"],
        ngram_range=SETTINGS["ngrams"],
        alternate_sign=False,
        binary=True,
    )
    return vectorizer.transform(distinct)[places]


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort moments by what they are, so that the order in which they came does not matter."""
    return frame.sort_values([CONVERSATION, SAID, ANSWERED, *SIGNALS], kind="stable").reset_index(drop=True)


def spread(classifier: Any, inputs: Any, levels: int) -> Floats:
    """Return a classifier's probabilities with a column for each level, 0 for one that it never saw."""
    told = np.zeros((inputs.shape[0], levels))
    told[:, classifier.classes_.astype(np.int64)] = classifier.predict_proba(inputs)
    return told


def sharpened(probabilities: Floats, temperature: float) -> Floats:
    """Raise to 1 / temperature and bring to a sum of 1 (Guo et al., On Calibration of Modern Neural Networks, 2017)."""
    raised = np.clip(probabilities, _LEAST, 1.0) ** (1 / temperature)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature, from 1/3 to 3, under which the labels are likeliest."""

    def loss(log_temperature: float) -> float:
        said = sharpened(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(said[np.arange(len(labels)), labels]).mean())

    widest = np.log(_WIDEST)
    return float(np.exp(minimize_scalar(loss, bounds=(-widest, widest), method="bounded").x))


Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _held_out(
    frame: pd.DataFrame, levels: int, folds: list[Fold], told: Callable[[pd.DataFrame, pd.DataFrame], Floats]
) -> Floats:
    said = np.zeros((len(frame), levels))
    for train, test in folds:
        said[test] = told(frame.iloc[train], frame.iloc[test])
    return said


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


def _with_told(frame: pd.DataFrame, by_linear: Floats) -> npt.NDArray[np.float32]:
    told = np.log(np.clip(by_linear, _LEAST, 1.0))
    return np.hstack([frame[list(SIGNALS)].to_numpy(), told]).astype(np.float32)


def _wide(frame: pd.DataFrame, scaler: StandardScaler) -> sparse.csr_matrix:
    signals = np.clip(scaler.transform(frame[list(SIGNALS)].to_numpy()), -_WIDEST, _WIDEST) * SETTINGS["signal_weight"]
    return sparse.hstack([hashed(frame[SAID]), hashed(frame[ANSWERED]), sparse.csr_matrix(signals)], format="csr")


def _by_rule(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """0, 1 or 2: what the rule decided, the good last."""
    return frame["by_rule"].to_numpy().astype(np.int64) + 1


def _shares(labels: npt.NDArray[np.int64], levels: int) -> Floats:
    """Shares of the levels, one more of each than there are, so that none is impossible."""
    counts = np.bincount(labels, minlength=levels) + 1.0
    return np.asarray(counts / counts.sum())
