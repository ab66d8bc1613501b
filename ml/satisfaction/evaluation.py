"""How well satisfaction is told: five folds, or a file to learn from and one to test on.

Folds are cut by dialogue, or by conversation, which is stricter: files hold overlapping windows of a conversation, so
that a model may have seen, in another dialogue, the messages that it is tested on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score
from sklearn.model_selection import GroupKFold

from ml.evaluate import expected_calibration_error
from ml.satisfaction.dialogues import Dialogue, NothingLabelled, levels_of, strangers
from ml.satisfaction.model import SETTINGS, fit_baselines, fit_model
from ml.satisfaction.moments import CONVERSATION, DIALOGUE, labelled, labels_of, learning_moments, moments_of
from ml.task import Floats

MODEL = "model"


@dataclass(frozen=True, slots=True)
class Quality:
    """How good probabilities over levels are on held-out turns.

    `accuracy` of the likeliest level, `macro_f1` and `uar` (unweighted average recall) as means over the levels,
    `kappa` (Cohen's: agreement beyond chance, 1 is perfect, 0 is chance), `log_loss` in nats, `calibration_error`
    (0 to 1: mean gap between said and seen frequency over all levels, in ten bins).
    """

    accuracy: float
    macro_f1: float
    uar: float
    kappa: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Result:
    """The model's quality beside the baselines', on the same `turns` of `conversations` held out."""

    turns: int
    conversations: int
    levels: int
    by_model: Mapping[str, Quality]

    @property
    def model(self) -> Quality:
        """The quality of the model itself."""
        return self.by_model[MODEL]


def cross_validate(
    dialogues: Sequence[Dialogue], by: str = DIALOGUE, folds: int = 5, also: Sequence[Dialogue] = ()
) -> Result:
    """Measure on every judged turn, each by models that saw nothing of its dialogue or of its conversation.

    Args:
        dialogues: All there are, in any order.
        by: `DIALOGUE` or `CONVERSATION`: what is never split. Dialogues of one conversation share messages, and a
            label now and then; figures by conversation are what to expect of customers who were never heard.
        folds: Into how many parts they are cut.
        also: More dialogues to learn from in every fold, never measured on. Those of a conversation that is measured
            on are left out.

    Raises:
        NothingLabelled: if nothing is judged, or in too few conversations.
    """
    levels, frame = levels_of([*dialogues, *also]), learning_moments(dialogues)
    more = learning_moments(strangers(also, dialogues)) if also else frame.head(0)
    said: dict[str, Floats] = {}
    for train, test in split_by(frame, by, folds):
        known = pd.concat([frame.iloc[train], more])
        for name, probabilities in _said(known, frame.iloc[test], levels).items():
            said.setdefault(name, np.zeros((len(frame), levels)))[test] = probabilities
    return _result(frame, said, levels)


def evaluate(train: Sequence[Dialogue], test: Sequence[Dialogue]) -> Result:
    """Learn from one file and measure on the judged turns of another.

    Raises:
        NothingLabelled: if one of them has no judged turn, or the test has a level that the training cannot know.
    """
    levels = levels_of(train)
    if levels_of(test) > levels:
        raise NothingLabelled(f"The file to learn from has {levels} levels, the test more. Give files of one scale.")
    frame = labelled(moments_of(test))
    return _result(frame, _said(learning_moments(train), frame, levels), levels)


def split_by(frame: pd.DataFrame, by: str, folds: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield the places of the rows to learn from and to test on; nothing in the column `by` is in both.

    Raises:
        NothingLabelled: if the column has fewer values than there are folds.
    """
    groups = frame[by].to_numpy()
    found = len(np.unique(groups))
    if found < max(2, folds):
        raise NothingLabelled(f"{found} conversations have judged turns, at least {folds} are needed. Give more.")
    cut = GroupKFold(folds, shuffle=True, random_state=SETTINGS["random_state"])
    yield from cut.split(frame, groups=groups)


def quality(labels: npt.ArrayLike, probabilities: Floats) -> Quality:
    """Measure probabilities over levels, (turns, levels), against the levels."""
    y, p = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    told, every = p.argmax(axis=1), list(range(p.shape[1]))
    seen = np.unique(y)
    agrees = 0.0 if len(seen) < 2 else float(cohen_kappa_score(y, told, labels=every))
    return Quality(
        accuracy=float((told == y).mean()),
        macro_f1=float(f1_score(y, told, labels=seen, average="macro", zero_division=0)),
        uar=float(recall_score(y, told, labels=seen, average="macro", zero_division=0)),
        kappa=agrees,
        log_loss=float(losses(y, p).mean()),
        calibration_error=calibration_error(y, p),
    )


def losses(labels: npt.ArrayLike, probabilities: Floats) -> Floats:
    """Return the log loss of each turn, in nats."""
    y = np.asarray(labels, dtype=np.int64)
    return np.asarray(-np.log(np.clip(probabilities[np.arange(len(y)), y], 1e-6, 1.0)))


def calibration_error(labels: npt.ArrayLike, probabilities: Floats) -> float:
    """Return the mean gap between the probability said of a level and its frequency, over all levels in ten bins."""
    y = np.asarray(labels, dtype=np.int64)
    return float(np.mean([expected_calibration_error(y == one, p) for one, p in enumerate(probabilities.T)]))


def _said(train: pd.DataFrame, test: pd.DataFrame, levels: int) -> dict[str, Floats]:
    models = {MODEL: fit_model(train, levels), **fit_baselines(train, levels)}
    return {name: model.predict_proba(test) for name, model in models.items()}


def _result(frame: pd.DataFrame, said: Mapping[str, Floats], levels: int) -> Result:
    labels = labels_of(frame)
    measured = {name: quality(labels, probabilities) for name, probabilities in said.items()}
    return Result(len(frame), frame[CONVERSATION].nunique(), levels, measured)
