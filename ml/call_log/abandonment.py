"""Predicting a yes-or-no column of a log: the model, the baselines, the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from ml.call_log.features import Inputs
from ml.call_log.leaks import auc_of
from ml.evaluate import evaluate, losses
from ml.split import NotEnoughToLearn

Floats = npt.NDArray[np.float64]

PARAMS: dict[str, float | int | bool] = {
    "learning_rate": 0.06,
    "max_iter": 200,
    "max_leaf_nodes": 24,
    "min_samples_leaf": 40,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 7,
}
CUTS = (0.6, 0.8)
_LEAST_ROWS = 500
_LEAST_OF_A_CLASS = 20
_RULE_LEAVES = 8


@dataclass(frozen=True, slots=True)
class Slices:
    """Where the calls, in order of arrival, are cut: rows to learn from come first, then to calibrate, then to test."""

    learn: slice
    calibrate: slice
    test: slice

    @classmethod
    def of(cls, target: Floats) -> "Slices":
        """Cut at 60 and 80 %.

        Raises:
            NotEnoughToLearn: if there are fewer than 500 calls, or a slice has fewer than 20 of a class.
        """
        if len(target) < _LEAST_ROWS:
            raise NotEnoughToLearn(
                f"{len(target):,} calls can be used, at least {_LEAST_ROWS} are needed. Give a log over a longer time."
            )
        first, second = (int(len(target) * share) for share in CUTS)
        made = cls(slice(0, first), slice(first, second), slice(second, None))
        for part in (made.learn, made.calibrate, made.test):
            hits = int(target[part].sum())
            if min(hits, len(target[part]) - hits) < _LEAST_OF_A_CLASS:
                raise NotEnoughToLearn(
                    f"The target comes or fails to come fewer than {_LEAST_OF_A_CLASS} times in a part of the log. "
                    "Give a log over a longer time, or another target."
                )
        return made


@dataclass(frozen=True, slots=True)
class Prediction:
    """How well the target was predicted on the last calls: metrics of the model and of each baseline, by name.

    `chosen` is the learner that did better on the calibration slice, `rule` the input by which the best single column
    decides, `said` the model's probabilities of the test calls.
    """

    metrics: Mapping[str, Mapping[str, float]]
    chosen: str
    rule: str
    said: Floats


def predict(inputs: Inputs, target: Floats, slices: Slices) -> Prediction:
    """Learn on the first calls, calibrate on later ones, predict the last."""
    values = inputs.values
    aucs = [auc_of(values[slices.learn, n], target[slices.learn]) for n in range(values.shape[1])]
    best = int(np.argmax(aucs))
    rule = HistGradientBoostingClassifier(
        max_leaf_nodes=_RULE_LEAVES, max_iter=20, early_stopping=False, random_state=7
    )
    boosted = HistGradientBoostingClassifier(**PARAMS, categorical_features=list(inputs.categories))
    simple, rich = _fitted(_linear(inputs), values, target, slices), _fitted(boosted, values, target, slices)
    shown = values[slices.calibrate]
    errors = [losses(target[slices.calibrate], one.predict_proba(shown)[:, 1]).mean() for one in (simple, rich)]
    chosen = "gradient boosting of trees" if errors[1] < errors[0] else "logistic regression"
    said = {
        "model": _said(rich if errors[1] < errors[0] else simple, values[slices.test]),
        "majority": np.full(len(target[slices.test]), target[: slices.test.start].mean()),
        "rule": _said(_fitted(rule, values[:, [best]], target, slices), values[slices.test][:, [best]]),
        "linear": _said(simple, values[slices.test]),
    }
    metrics = {name: evaluate(target[slices.test], p) for name, p in said.items()}
    return Prediction(metrics, chosen, inputs.names[best], said["model"])


def _fitted(classifier: Any, values: Floats, target: Floats, slices: Slices) -> CalibratedClassifierCV:
    """Learn on the first slice and calibrate on the second (Platt's sigmoid)."""
    classifier.fit(values[slices.learn], target[slices.learn])
    calibrated = CalibratedClassifierCV(FrozenEstimator(classifier), method="sigmoid")
    return calibrated.fit(values[slices.calibrate], target[slices.calibrate])


def _said(classifier: CalibratedClassifierCV, values: Floats) -> Floats:
    return np.asarray(classifier.predict_proba(values)[:, 1])


def _linear(inputs: Inputs) -> Any:
    named = [n for n, is_one in enumerate(inputs.categories) if is_one]
    numbers = [n for n, is_one in enumerate(inputs.categories) if not is_one]
    one_by_one = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1), OneHotEncoder(handle_unknown="ignore")
    )
    scaled = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=0), FunctionTransformer(np.arcsinh), StandardScaler()
    )
    encode = ColumnTransformer([("named", one_by_one, named), ("numbers", scaled, numbers)])
    return make_pipeline(encode, LogisticRegression(max_iter=1000))
