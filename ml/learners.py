"""The learners: the hand-over model, and the baselines that it must beat."""

import json

import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from ml.features import CATEGORICAL, LABEL, NUMERIC, model_frame
from ml.split import Split

PARAMS: dict[str, float | int] = {
    "learning_rate": 0.06,
    "max_iter": 150,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "random_state": 7,
}
CALIBRATION = "sigmoid"


def settings() -> str:
    """How the model is made, as one string: part of its fingerprint."""
    return json.dumps({**PARAMS, "calibration": CALIBRATION}, sort_keys=True)


def fit_model(split: Split) -> CalibratedClassifierCV:
    """Fit gradient boosting on the training slice and calibrate it on the later one.

    Platt's sigmoid has two parameters: it holds on calibration slices too small for isotonic regression.
    """
    encode = ColumnTransformer(
        [
            (
                "categorical",
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                list(CATEGORICAL),
            )
        ],
        remainder="passthrough",
    )
    boosted = Pipeline([("encode", encode), ("boost", HistGradientBoostingClassifier(**PARAMS))])
    boosted.fit(model_frame(split.train), labels(split.train))
    calibrated = CalibratedClassifierCV(FrozenEstimator(boosted), method=CALIBRATION)
    return calibrated.fit(model_frame(split.calibrate), labels(split.calibrate))


def fit_baselines(split: Split) -> dict[str, Pipeline | DummyClassifier]:
    """Fit the majority (always the share seen) and a logistic regression, on both earlier slices."""
    rows = pd.concat([split.train, split.calibrate])
    encode = ColumnTransformer(
        [
            ("categorical", OneHotEncoder(handle_unknown="ignore"), list(CATEGORICAL)),
            ("numeric", StandardScaler(), list(NUMERIC)),
        ]
    )
    return {
        "majority": DummyClassifier(strategy="prior").fit(model_frame(rows), labels(rows)),
        "logistic": Pipeline([("encode", encode), ("regress", LogisticRegression(max_iter=1000))]).fit(
            model_frame(rows), labels(rows)
        ),
    }


def labels(rows: pd.DataFrame) -> "pd.Series[int]":
    """The label of each row, 0 or 1."""
    return rows[LABEL].astype(int)
