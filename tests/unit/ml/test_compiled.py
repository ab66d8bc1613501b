"""What is promised of compiled models: they say what the models say, or the models answer themselves."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from ml.chained import Chained
from ml.compiled import Calibrated, compiled
from ml.next_action.features import COLUMNS
from ml.next_action.task import HandOver, NextActionModel
from ml.next_action.timing import Timing
from ml.task import Floats

TASK = HandOver()


def rows(count: int, seed: int) -> Floats:
    """Any values that features can have, and some that they cannot: unknown categories, negative and huge numbers."""
    rng = np.random.default_rng(seed)
    made = np.round(rng.normal(2, 6, (count, len(COLUMNS.names))), 2)
    made[:, 5] = rng.exponential(1e5, count)
    for place, values in enumerate(COLUMNS.categories.values()):
        made[:, place] = rng.integers(0, len(values) + (seed % 2), count)
    made[rng.random(made.shape) < 0.1] = np.nan
    return made


def a_model(learner: str, timing: str = "boosted") -> NextActionModel:
    """A model of one kind whose label and time depend on categories and numbers."""
    x = rows(900, 2)
    score = (x[:, 0] == 2) + (x[:, 2] == 1) + (np.nan_to_num(x[:, 3]) > 3) + np.nan_to_num(x[:, 20]) / 9
    y = (score + np.random.default_rng(1).normal(0, 0.3, len(x)) > 1.5).astype(float)
    kinds = {
        "boosted": HistGradientBoostingClassifier(max_iter=40, categorical_features=COLUMNS.categorical),
        "wider": HistGradientBoostingClassifier(max_iter=30, categorical_features=[*COLUMNS.categorical, False]),
        "numbers only": HistGradientBoostingClassifier(max_iter=20),
        "tree": DecisionTreeClassifier(max_depth=3),
    }
    import pandas as pd

    if learner == "linear":
        frame = pd.DataFrame(x, columns=list(COLUMNS.names))
        for name, values in COLUMNS.categories.items():
            frame[name] = frame[name].map(dict(enumerate(values)))
        classifier = TASK.fit_linear(frame.assign(**{TASK.label: y}))
    elif learner == "chained":
        classifier = Chained(kinds["boosted"], kinds["wider"]).fit(x, np.column_stack([x[:, 4] > 2, y]))
    else:
        classifier = kinds[learner].fit(x, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(classifier), method="sigmoid").fit(x, y)
    regressor = DummyRegressor(strategy="median")
    if timing == "boosted":
        regressor = HistGradientBoostingRegressor(max_iter=30, categorical_features=COLUMNS.categorical)
    regressor.fit(x, 1 + score)
    return NextActionModel(COLUMNS, calibrated, learner, Timing(COLUMNS, regressor, (-0.5, 0.0, 0.5)))


@pytest.mark.parametrize("timing", ["boosted", "constant"])
@pytest.mark.parametrize("learner", ["linear", "boosted", "chained", "numbers only"])
def test_a_compiled_model_says_what_the_model_says(learner: str, timing: str) -> None:
    model = a_model(learner, timing)
    quick = compiled(model)
    assert isinstance(quick.classifier, Calibrated)
    for seed in (3, 4):
        given = rows(500, seed)
        np.testing.assert_allclose(quick.predict_proba(given), model.predict_proba(given), rtol=0, atol=1e-9)
        np.testing.assert_allclose(quick.seconds_to_event(given), model.seconds_to_event(given), rtol=1e-9)


def test_a_model_of_unknown_parts_answers_itself() -> None:
    model = a_model("tree")
    assert compiled(model) is model


def test_a_model_that_would_say_something_else_answers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml import compiled as module

    kept = module._forest
    monkeypatch.setattr(module, "_forest", lambda learner: replace(kept(learner), baseline=0.1))
    model = a_model("boosted")
    assert compiled(model) is model
