"""Dissatisfaction ahead: whether it comes within the next three turns, told before the customer writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.evaluate import evaluate
from ml.satisfaction.dialogues import WHOLE, Dialogue, NothingLabelled, Turn, put_together
from ml.satisfaction.evaluation import MODEL, split_by
from ml.satisfaction.model import SatisfactionModel, fit_baselines, fit_model
from ml.satisfaction.moments import CONVERSATION, LEVEL, labelled, labels_of, moments_of

TURNS = 3
DISSATISFIED = 0
_LEVELS = 2


@dataclass(frozen=True, slots=True)
class AheadResult:
    """How well dissatisfaction ahead is told on `moments` held out, of which a `share` were followed by it.

    `by_model` has AUC, log loss, Brier score, calibration error and average precision of the model and the baselines,
    each the mean over the folds: ranked together, folds whose shares differ put even the majority off 0.5.
    """

    moments: int
    share: float
    by_model: Mapping[str, Mapping[str, float]]


def moments_ahead(dialogues: Sequence[Dialogue]) -> pd.DataFrame:
    """The moments whose near future is known; `level` is 1 where a dissatisfied turn is among the next three, else 0.

    Windows of a conversation are put together first. A moment is left out if no turn follows, or if one of the next
    three (or of those that are left) was not judged: which moments are taken hangs on who was judged, not on how.
    """
    whole = sorted((_spoken(one) for one in put_together(dialogues)), key=lambda one: one.dialogue_id)
    frame = moments_of(whole)
    frame[LEVEL] = [_ahead(one.turns, place) for one in whole for place in range(len(one.turns))]
    return labelled(frame)


def fit_ahead(dialogues: Sequence[Dialogue]) -> SatisfactionModel:
    """Learn to tell it: the second column of `predict_proba` is its probability.

    Raises:
        NothingLabelled: if too little is judged, or nobody or everybody was dissatisfied soon.
    """
    return fit_model(moments_ahead(dialogues), _LEVELS)


def cross_validate_ahead(dialogues: Sequence[Dialogue], folds: int = 5) -> AheadResult:
    """Measure on every moment, each by models that saw nothing of its conversation.

    Raises:
        NothingLabelled: if too little is judged, or nobody or everybody was dissatisfied soon.
    """
    frame = moments_ahead(dialogues)
    labels = labels_of(frame)
    if len(np.unique(labels)) < _LEVELS:
        raise NothingLabelled("Give dialogues in which some customers, and not all, become dissatisfied.")
    measured: dict[str, list[dict[str, float]]] = {}
    for train, test in split_by(frame, CONVERSATION, folds):
        known, unseen = frame.iloc[train], frame.iloc[test]
        for name, model in {MODEL: fit_model(known, _LEVELS), **fit_baselines(known, _LEVELS)}.items():
            measured.setdefault(name, []).append(evaluate(labels[test], model.predict_proba(unseen)[:, 1]))
    return AheadResult(len(frame), float(labels.mean()), {name: _means(of) for name, of in measured.items()})


def _means(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([fold[name] for fold in folds])) for name in folds[0]}


def _spoken(dialogue: Dialogue) -> Dialogue:
    """Leave out the turns that judge the dialogue as a whole: nobody speaks in them."""
    return Dialogue(dialogue.dialogue_id, tuple(turn for turn in dialogue.turns if turn.user != WHOLE))


def _ahead(turns: Sequence[Turn], place: int) -> float:
    coming = [turn.satisfaction for turn in turns[place + 1 : place + 1 + TURNS]]
    if not coming or None in coming:
        return float("nan")
    return float(DISSATISFIED in coming)
