"""Dissatisfaction ahead: whether it comes within the next three turns, told before the customer writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.evaluate import evaluate
from ml.satisfaction.dialogues import WHOLE, Dialogue, NothingLabelled, Turn, strangers
from ml.satisfaction.evaluation import MODEL, split_by
from ml.satisfaction.model import fit_baselines, fit_model
from ml.satisfaction.moments import DIALOGUE, LEVEL, labelled, labels_of, moments_of

TURNS = 3
DISSATISFIED = 0
_CLASSES = 2


@dataclass(frozen=True, slots=True)
class AheadResult:
    """How well dissatisfaction ahead is told on `moments` held out, of which a `share` were followed by it.

    `by_model` has AUC, log loss, Brier score, calibration error and average precision of the model and the baselines,
    each the mean over the folds, if there are any: ranked together, folds whose shares differ put even the majority off
    0.5.
    """

    moments: int
    share: float
    by_model: Mapping[str, Mapping[str, float]]


def moments_ahead(dialogues: Sequence[Dialogue]) -> pd.DataFrame:
    """The moments whose near future was judged; `level` is 1 where a dissatisfied turn is among the next three, else 0.

    Of the next three turns those that were judged count; a moment before none of them is left out. Which moments are
    taken hangs on who was judged, not on how.
    """
    spoken = sorted((_spoken(one) for one in dialogues), key=lambda one: one.dialogue_id)
    frame = moments_of(spoken)
    frame[LEVEL] = [_ahead(one.turns, place) for one in spoken for place in range(len(one.turns))]
    return labelled(frame)


def cross_validate_ahead(
    dialogues: Sequence[Dialogue], by: str = DIALOGUE, folds: int = 5, also: Sequence[Dialogue] = ()
) -> AheadResult:
    """Measure on every moment, each by models that saw nothing of its dialogue or of its conversation.

    Args:
        dialogues: All there are, in any order.
        by: What is never split, as for `evaluation.cross_validate`. Windows of a conversation that are told apart as
            dialogues tell much of each other here: a conversation that goes badly goes badly in all of them.
        folds: Into how many parts they are cut.
        also: More dialogues to learn from in every fold, as for `evaluation.cross_validate`.

    Raises:
        NothingLabelled: if too little is judged, or nobody or everybody was dissatisfied soon.
    """
    frame = moments_ahead(dialogues)
    more = moments_ahead(strangers(also, dialogues)) if also else frame.head(0)
    measured: dict[str, list[dict[str, float]]] = {}
    for train, test in split_by(frame, by, folds):
        for name, measures in _measured(pd.concat([frame.iloc[train], more]), frame.iloc[test]).items():
            measured.setdefault(name, []).append(measures)
    return _result(frame, {name: _means(of) for name, of in measured.items()})


def evaluate_ahead(train: Sequence[Dialogue], test: Sequence[Dialogue]) -> AheadResult:
    """Learn from some dialogues and measure on others.

    Raises:
        NothingLabelled: if too little is judged in either, or nobody or everybody was dissatisfied soon.
    """
    known, unseen = moments_ahead(train), moments_ahead(test)
    return _result(unseen, _measured(known, unseen))


def _measured(known: pd.DataFrame, unseen: pd.DataFrame) -> dict[str, dict[str, float]]:
    labels = labels_of(unseen)
    if min(len(np.unique(labels_of(known))), len(np.unique(labels))) < _CLASSES:
        raise NothingLabelled("Give dialogues in which some customers, and not all, become dissatisfied.")
    models = {MODEL: fit_model(known, _CLASSES), **fit_baselines(known, _CLASSES)}
    return {name: evaluate(labels, model.predict_proba(unseen)[:, 1]) for name, model in models.items()}


def _result(frame: pd.DataFrame, by_model: Mapping[str, Mapping[str, float]]) -> AheadResult:
    return AheadResult(len(frame), float(labels_of(frame).mean()), by_model)


def _means(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([fold[name] for fold in folds])) for name in folds[0]}


def _spoken(dialogue: Dialogue) -> Dialogue:
    """Leave out the turns that judge the dialogue as a whole: nobody speaks in them."""
    return Dialogue(dialogue.dialogue_id, tuple(turn for turn in dialogue.turns if turn.user != WHOLE))


def _ahead(turns: Sequence[Turn], place: int) -> float:
    judged = [turn.satisfaction for turn in turns[place + 1 : place + 1 + TURNS] if turn.satisfaction is not None]
    return float(DISSATISFIED in judged) if judged else float("nan")
