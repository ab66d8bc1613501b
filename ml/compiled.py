"""Next-action models for one row at a time: the same numbers at a twentieth of the time.

scikit-learn checks and copies what it is given, which takes milliseconds for a row. What it learned are a few arrays;
here they are applied to a row as they are. A model is compiled only if it then says the same of many rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import structlog
from scipy.special import expit
from sklearn.pipeline import Pipeline

from ml.chained import Chained
from ml.next_action.task import NextActionModel
from ml.task import Floats

log = structlog.get_logger()

Row = Floats
Margin = Callable[[Row], float]

_ROWS_COMPARED, _TOLERANCE = 256, 1e-9
_BITS = 32


class NotCompiled(Exception):
    """A model is made of other parts than those known here, or says something else once it is compiled."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A classifier whose decision value passes through Platt's sigmoid."""

    margin: Margin
    slope: float
    offset: float

    def predict_proba(self, rows: Floats) -> Floats:
        """Return (rows, 2): the probabilities of no and yes."""
        yes = expit(-(self.slope * np.array([self.margin(row) for row in rows]) + self.offset))
        return np.column_stack([1 - yes, yes])


@dataclass(frozen=True, slots=True)
class Regression:
    """A regression whose prediction is its margin."""

    margin: Margin

    def predict(self, rows: Floats) -> Floats:
        """Return one prediction a row."""
        return np.array([self.margin(row) for row in rows])


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of transformed numbers and of one weight for each category."""

    numbers: npt.NDArray[np.intp]
    transform: Callable[[Floats], Floats]
    weights: Floats
    categories: Mapping[int, Mapping[float, float]]
    offset: float
    number_if_missing: float
    category_if_missing: float

    def __call__(self, row: Row) -> float:
        """Return the decision value of a row."""
        values = row[self.numbers]
        values = np.where(np.isnan(values), self.number_if_missing, values)
        total = self.offset + float(self.transform(values) @ self.weights)
        for place, weights in self.categories.items():
            value = float(row[place])
            total += weights.get(self.category_if_missing if np.isnan(value) else value, 0.0)
        return total


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees of gradient boosting, all nodes in a row; a leaf is its own child.

    `codes` turns the values of categorical inputs into those that the trees were grown on; `goes_left` has a row for
    each split by categories and a column for each code.
    """

    roots: npt.NDArray[np.intp]
    feature: npt.NDArray[np.intp]
    threshold: Floats
    missing_left: npt.NDArray[np.bool_]
    children: npt.NDArray[np.intp]
    value: Floats
    by_category: npt.NDArray[np.bool_]
    split: npt.NDArray[np.intp]
    goes_left: npt.NDArray[np.bool_]
    order: npt.NDArray[np.intp]
    codes: Mapping[int, Mapping[float, float]]
    depth: int
    baseline: float

    def __call__(self, row: Row) -> float:
        """Return the sum of the leaves that a row falls into."""
        own = row.copy()
        for place, codes in self.codes.items():
            own[place] = codes.get(float(row[place]), np.nan)
        own = own[self.order]
        missing = np.isnan(own)
        at = self.roots
        for _ in range(self.depth):
            feature = self.feature[at]
            values = own[feature]
            left = np.where(missing[feature], self.missing_left[at], values <= self.threshold[at])
            named = self.by_category[at] & ~missing[feature]
            if named.any():
                left[named] = self.goes_left[self.split[at[named]], values[named].astype(np.intp)]
            at = self.children[at, left.astype(np.intp)]
        return self.baseline + float(self.value[at].sum())


@dataclass(frozen=True, slots=True)
class Chain:
    """A margin that takes the probability of a rival as one more input."""

    first: Margin
    then: Margin

    def __call__(self, row: Row) -> float:
        """Return the decision value of a row."""
        return self.then(np.append(row, expit(self.first(row))))


def compiled(model: NextActionModel) -> NextActionModel:
    """Return a model that says the same as the one given, and sooner; the one given if that cannot be made."""
    try:
        quick = _compiled(model)
        _compare(model, quick)
    except (NotCompiled, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        # Parts of scikit-learn that are not public may be others in another version: then the model itself answers.
        log.warning("model_not_compiled", error_type=type(error).__name__)
        return model
    return quick


def _compiled(model: NextActionModel) -> NextActionModel:
    (calibrated,) = model.classifier.calibrated_classifiers_
    (sigmoid,) = calibrated.calibrators
    classifier = Calibrated(_margin(calibrated.estimator.estimator), float(sigmoid.a_), float(sigmoid.b_))
    regressor = model.timing.regressor
    if hasattr(regressor, "_predictors"):
        regressor = Regression(_forest(regressor))
    timing = replace(model.timing, regressor=regressor)
    return NextActionModel(model.columns, classifier, model.learner, timing)


def _compare(model: NextActionModel, quick: NextActionModel) -> None:
    rng = np.random.default_rng(7)
    rows = np.round(rng.exponential(5.0, (_ROWS_COMPARED, len(model.columns.names))), 1)
    for place, is_category in enumerate(model.columns.categorical):
        if is_category:
            rows[:, place] = rng.integers(0, len(model.columns.categories[model.columns.names[place]]), len(rows))
    rows[rng.random(rows.shape) < 0.05] = np.nan
    pairs = (
        (model.predict_proba(rows), quick.predict_proba(rows)),
        (np.log1p(model.seconds_to_event(rows)), np.log1p(quick.seconds_to_event(rows))),
    )
    if not all(np.allclose(one, other, rtol=0, atol=_TOLERANCE) for one, other in pairs):
        raise NotCompiled


def _margin(learner: Any) -> Margin:
    if isinstance(learner, Chained):
        return Chain(_forest(learner.first), _forest(learner.then))
    return _linear(learner) if isinstance(learner, Pipeline) else _forest(learner)


def _linear(pipeline: Pipeline) -> Linear:
    encode, regress = pipeline.named_steps["encode"], pipeline.named_steps["regress"]
    (_, named, named_places), (_, counted, number_places) = encode.transformers_[:2]
    named_fill, one_hot = (step for _, step in named.steps)
    number_fill, function, scale = (step for _, step in counted.steps)
    weights = regress.coef_[0]
    categories: dict[int, dict[float, float]] = {}
    at = 0
    for place, values in zip(named_places, one_hot.categories_, strict=True):
        categories[place] = dict(zip(values.tolist(), weights[at : at + len(values)].tolist(), strict=True))
        at += len(values)
    scaled = weights[at:] / scale.scale_
    return Linear(
        numbers=np.asarray(number_places, np.intp),
        transform=function.func,
        weights=scaled,
        categories=categories,
        offset=float(regress.intercept_[0] - scaled @ scale.mean_),
        number_if_missing=float(number_fill.fill_value),
        category_if_missing=float(named_fill.fill_value),
    )


def _forest(learner: Any) -> Forest:
    trees = [tree for (tree,) in learner._predictors]
    nodes = np.concatenate([tree.nodes for tree in trees])
    sizes = [len(tree.nodes) for tree in trees]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    offset = np.repeat(first, sizes)
    places = np.arange(len(nodes))
    leaf = nodes["is_leaf"].astype(bool)
    children = np.column_stack([nodes["right"].astype(np.intp) + offset, nodes["left"].astype(np.intp) + offset])
    children[leaf] = places[leaf, None]
    splits_before = np.concatenate([[0], np.cumsum([len(tree.raw_left_cat_bitsets) for tree in trees])[:-1]])
    bits = np.concatenate([tree.raw_left_cat_bitsets for tree in trees])
    order, codes = _encoding(learner)
    return Forest(
        roots=first,
        feature=nodes["feature_idx"].astype(np.intp),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        children=children,
        value=nodes["value"].astype(np.float64),
        by_category=nodes["is_categorical"].astype(bool) & ~leaf,
        split=nodes["bitset_idx"].astype(np.intp) + np.repeat(splits_before, sizes).astype(np.intp),
        goes_left=_unpacked(bits),
        order=order,
        codes=codes,
        depth=int(nodes["depth"].max()),
        baseline=float(np.ravel(learner._baseline_prediction)[0]),
    )


def _unpacked(bits: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Return (splits, codes) of bitsets of 32-bit words."""
    places = np.arange(bits.shape[1] * _BITS if bits.ndim == 2 else 0)
    if not len(bits):
        return np.zeros((1, max(1, len(places))), np.bool_)
    return ((bits[:, places // _BITS] >> (places % _BITS).astype(np.uint32)) & 1).astype(np.bool_)


def _encoding(learner: Any) -> tuple[npt.NDArray[np.intp], dict[int, dict[float, float]]]:
    """Return the order in which the trees know the inputs, and the codes of categories by input."""
    if learner._preprocessor is None:
        return np.arange(learner.n_features_in_), {}
    (_, encoder, chosen), (_, _, others) = learner._preprocessor.transformers_[:2]
    named, numbers = np.arange(learner.n_features_in_)[chosen], np.arange(learner.n_features_in_)[others]
    codes = {
        int(place): {float(value): float(code) for code, value in enumerate(values) if not np.isnan(value)}
        for place, values in zip(named, cast("Sequence[Floats]", encoder.categories_), strict=True)
    }
    return np.concatenate([named, numbers]), codes
