"""Whether something will come: everything that the tasks with a yes or no share."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from ml import plots
from ml.chained import Chained
from ml.columns import Columns
from ml.evaluate import evaluate, excess_calibration_error, losses
from ml.gate import gap_between
from ml.split import NotEnoughToLearn, split_by_unit_and_time
from ml.task import Floats, Split, Task

MIN_OF_A_CLASS = 10
BOOSTING: dict[str, float | int | bool] = {
    "learning_rate": 0.15,
    "max_iter": 40,
    "max_leaf_nodes": 4,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 7,
}
LEAF_SHARE, LEAST_LEAF = 1 / 20, 40
"""No leaf has fewer rows than this share: broad leaves remember too little of a person to tell who was learned from."""


def boosting(rows: int, categorical: list[bool]) -> HistGradientBoostingClassifier:
    """Return trees with leaves as broad as so many rows ask for, not fitted yet."""
    leaf = max(LEAST_LEAF, int(LEAF_SHARE * rows))
    return HistGradientBoostingClassifier(**BOOSTING, min_samples_leaf=leaf, categorical_features=categorical)


class BinaryModel:
    """A calibrated classifier over declared columns.

    Args:
        columns: Its inputs.
        classifier: A fitted scikit-learn classifier over `columns.matrix`.
        learner: What was chosen: `linear` or `boosted`.
    """

    def __init__(self, columns: Columns, classifier: Any, learner: str) -> None:
        self.columns = columns
        self.classifier = classifier
        self.learner = learner

    def predict_proba(self, frame: "pd.DataFrame | Floats") -> Floats:
        """Return (rows, 2): the probabilities that it does not come and that it does."""
        return np.asarray(self.classifier.predict_proba(self.columns.matrix(frame)))


class Privacy(Protocol):
    """Another way to fit, with a guarantee; `ml.private.training.Privately` is one."""

    def settings(self) -> Mapping[str, object]:
        """Return how it is done."""
        ...

    def fit(self, task: "BinaryTask", split: Split) -> BinaryModel:
        """Fit with the guarantee."""
        ...

    def given_by(self, model: Any) -> bool:
        """Say whether a model has such a guarantee."""
        ...


class BinaryTask(Task):
    """A task whose label is true or false, with the probability of true.

    Args:
        privacy: Fits with a guarantee instead; None for without.

    Attributes:
        columns: The inputs.
        label: The column of the label.
        seen: What the label's share is called on the axis of a plot, such as "share handed over".
        rule: One input with which somebody would decide by hand: the baseline `rule` tells by its value alone.
        rival: The column of what comes instead, which the trees are told the probability of; None if there is none.
    """

    headline = "auc"
    slice_by = ("channel", "language")
    columns: Columns
    label: str
    seen: str
    rule: str
    rival: str | None = None

    def __init__(self, privacy: Privacy | None = None) -> None:
        self.privacy = privacy
        self.declared = {**self.columns.categories, "language": ("zh", "en")}

    @abstractmethod
    def ids(self) -> tuple[str, ...]:
        """Return the columns that name a row: ties of time are broken by them."""

    def inputs(self) -> tuple[str, ...]:
        """Return the names of the features."""
        return self.columns.names

    def settings(self) -> Mapping[str, object]:
        """Return how the model is made."""
        if self.privacy is not None:
            return self.privacy.settings()
        chosen = "linear unless boosting is better beyond chance"
        trees = {**BOOSTING, "leaf_share": LEAF_SHARE, "rival": self.rival}
        return {**trees, "calibration": "sigmoid", "chosen": chosen}

    def split(self, frame: pd.DataFrame) -> Split:
        """Cut rows into slices by unit and time; each must hold at least ten of each class."""
        split = split_by_unit_and_time(frame, unit=self.unit)
        for name, part in (("training", split.train), ("calibration", split.calibrate), ("test", split.test)):
            positives = int(part[self.label].sum())
            if min(positives, len(part) - positives) < MIN_OF_A_CLASS:
                raise NotEnoughToLearn(
                    f"The {name} slice of {self.name} holds {positives} moments where it came and "
                    f"{len(part) - positives} where it did not; at least {MIN_OF_A_CLASS} of each are needed. "
                    "Collect more conversations, over a longer time."
                )
        return split

    def fit(self, split: Split) -> BinaryModel:
        """Fit with the guarantee, if one is asked for; else the simpler of two learners unless the other wins.

        They are a logistic regression and gradient boosting.

        Boosting wins if its log loss on the calibration slice is lower with the whole 95 % interval. Both are
        calibrated by Platt's sigmoid, whose two parameters hold on small slices.
        """
        if self.privacy is not None:
            return self.privacy.fit(self, split)
        linear = self._calibrated(self.fit_linear(split.train), split)
        tree = self._calibrated(self._fit_boosted(split.train), split)
        y, units = self.labels(split.calibrate), split.calibrate[self.unit]
        simple, rich = (losses(y, self._says(one, split.calibrate)) for one in (linear, tree))
        if gap_between(rich, simple, units).high < 0:
            return BinaryModel(self.columns, tree, "boosted")
        return BinaryModel(self.columns, linear, "linear")

    def baselines(self, split: Split) -> dict[str, Any]:
        """Fit the majority (the share seen), the rule (the share at each value of one input) and the linear one.

        Beside a model with a guarantee the linear one has none: it is shown, and need not be reached.
        """
        rows = pd.concat([split.train, split.calibrate])
        y = self.labels(rows)
        place = self.columns.names.index(self.rule)
        by_rule = ColumnTransformer([("rule", "passthrough", [place])])
        rule = HistGradientBoostingClassifier(max_leaf_nodes=4, max_iter=20, min_samples_leaf=20, early_stopping=False)
        models: dict[str, Any] = {
            "majority": DummyClassifier(strategy="prior").fit(self.columns.matrix(rows), y),
            "rule": make_pipeline(by_rule, rule).fit(self.columns.matrix(rows), y),
            "linear": self.fit_linear(rows),
        }
        told = {name: BinaryModel(self.columns, model, name) for name, model in models.items()}
        if self.privacy is not None:
            told["without_privacy_linear"] = told.pop("linear")
        return told

    def accepts(self, champion: Any) -> bool:
        """Say whether a champion is made for these inputs, so that it can still answer, and gives what is asked for."""
        if getattr(champion, "columns", None) != self.columns:
            return False
        return self.privacy is None or self.privacy.given_by(champion)

    def fit_linear(self, rows: pd.DataFrame) -> Pipeline:
        """Fit a logistic regression on the logarithms of numbers and on categories one by one."""
        numbers = [place for place, is_one in enumerate(self.columns.categorical) if not is_one]
        named = [place for place, is_one in enumerate(self.columns.categorical) if is_one]
        encode = ColumnTransformer(
            [
                ("named", make_pipeline(SimpleImputer(strategy="constant", fill_value=-1),
                                        OneHotEncoder(handle_unknown="ignore")), named),
                ("numbers", make_pipeline(SimpleImputer(strategy="constant", fill_value=0),
                                          FunctionTransformer(np.arcsinh), StandardScaler()), numbers),
            ]
        )  # fmt: skip
        model = Pipeline([("encode", encode), ("regress", LogisticRegression(max_iter=1000))])
        return model.fit(self.columns.matrix(rows), self.labels(rows))

    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """Return the probability that it comes, for each row."""
        return np.asarray(model.predict_proba(frame)[:, 1])

    def losses(self, frame: pd.DataFrame, said: Floats) -> Floats:
        """Return the log loss of each row."""
        return losses(self.labels(frame), said)

    def metrics(self, frame: pd.DataFrame, said: Floats) -> dict[str, float]:
        """Return AUC, log loss, Brier score, calibration error and average precision."""
        return evaluate(self.labels(frame), said)

    def miscalibration(self, frame: pd.DataFrame, said: Floats) -> float:
        """Return the expected calibration error beyond chance."""
        return excess_calibration_error(self.labels(frame), said)

    def plots(self, model: Any, frame: pd.DataFrame, said: Floats) -> dict[str, Figure]:
        """Draw calibration, precision and recall, lift, and importance."""
        y = self.labels(frame)
        return {
            "calibration.png": plots.calibration_plot(y, said, self.seen),
            "precision_recall.png": plots.precision_recall_plot(y, said),
            "lift.png": plots.lift_plot(y, said, self.seen),
            "importance.png": plots.importance_plot(self.columns, model, frame, y),
        }

    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return one typical input."""
        return self.columns.example(frame)

    def labels(self, rows: pd.DataFrame) -> Floats:
        """Return the label of each row, 0 or 1."""
        return rows[self.label].to_numpy().astype(np.float64)

    def in_order(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Sort rows by time, then by what names them."""
        return rows.sort_values(["as_of", *self.ids()]).reset_index(drop=True)

    def _fit_boosted(self, rows: pd.DataFrame) -> Any:
        """Fit trees, and before them those of the rival, if it came to some and not to all."""
        inputs, y, named = self.columns.matrix(rows), self.labels(rows), self.columns.categorical
        if self.rival is None or rows[self.rival].nunique() == 1:
            return boosting(len(rows), named).fit(inputs, y)
        labels = np.column_stack([rows[self.rival].to_numpy().astype(np.float64), y])
        return Chained(boosting(len(rows), named), boosting(len(rows), [*named, False])).fit(inputs, labels)

    def _calibrated(self, model: Any, split: Split) -> CalibratedClassifierCV:
        calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid")
        return calibrated.fit(self.columns.matrix(split.calibrate), self.labels(split.calibrate))

    def _says(self, classifier: Any, rows: pd.DataFrame) -> Floats:
        return np.asarray(classifier.predict_proba(self.columns.matrix(rows))[:, 1])
