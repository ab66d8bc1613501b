"""Dissatisfaction ahead: whether it comes within the next three turns, told before the customer writes it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from ml.evaluate import evaluate
from ml.satisfaction.dialogues import WHOLE, Dialogue, NothingLabelled, Turn, put_together
from ml.satisfaction.evaluation import MODEL
from ml.satisfaction.model import SETTINGS, SatisfactionModel, fit_baselines, fit_model
from ml.satisfaction.moments import CONVERSATION, LEVEL, labelled, labels_of, moments_of

TURNS = 3
DISSATISFIED = 0
NOW = "level_now"
_LEVELS = 2


@dataclass(frozen=True, slots=True)
class AheadResult:
    """How well dissatisfaction ahead is told on `moments` held out, of which a `share` were followed by it.

    `by_model` has AUC, log loss, Brier score, calibration error and average precision of the model and the baselines,
    each the mean over the folds: ranked together, folds whose shares differ put even the majority off 0.5.
    `pooled_auc` is the model's with all folds ranked together. `known_auc` is that of somebody who knows the true
    level at the moment (where it was judged) and nothing else, NaN if all judged moments ended alike. It is a measure
    to compare with and no bound: texts can tell more than one level does.
    """

    moments: int
    share: float
    by_model: Mapping[str, Mapping[str, float]]
    pooled_auc: float
    known_auc: float


def moments_ahead(dialogues: Sequence[Dialogue]) -> pd.DataFrame:
    """The moments whose near future is known; `level` is 1 where a dissatisfied turn is among the next three, else 0.

    `level_now` is the moment's own level. Windows of a conversation are put together first. A moment is left out if no
    turn follows, or if one of the next three (or of those that are left) was not judged: which moments are taken hangs
    on who was judged, not on how.
    """
    whole = sorted((_spoken(one) for one in put_together(dialogues)), key=lambda one: one.dialogue_id)
    frame = moments_of(whole).rename(columns={LEVEL: NOW})
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
    by_model = np.zeros(len(frame))
    for train, test in _folds(frame, labels, folds):
        known, unseen = frame.iloc[train], frame.iloc[test]
        for name, model in {MODEL: fit_model(known, _LEVELS), **fit_baselines(known, _LEVELS)}.items():
            said = model.predict_proba(unseen)[:, 1]
            measured.setdefault(name, []).append(evaluate(labels[test], said))
            if name == MODEL:
                by_model[test] = said
    means = {name: _means(of) for name, of in measured.items()}
    pooled = float(roc_auc_score(labels, by_model))
    return AheadResult(len(frame), float(labels.mean()), means, pooled, _known_auc(frame, labels))


def _folds(frame: pd.DataFrame, labels: npt.NDArray[np.int64], folds: int) -> Iterator[tuple[Any, Any]]:
    """Folds that share no conversation and have about the same share of dissatisfaction ahead."""
    if frame[CONVERSATION].nunique() < folds:
        raise NothingLabelled(f"At least {folds} conversations with judged turns are needed. Give more dialogues.")
    cut = StratifiedGroupKFold(folds, shuffle=True, random_state=SETTINGS["random_state"])
    yield from cut.split(frame, labels, frame[CONVERSATION])


def _known_auc(frame: pd.DataFrame, labels: npt.NDArray[np.int64]) -> float:
    judged = frame[NOW].notna().to_numpy()
    bad = frame[NOW].to_numpy()[judged] == DISSATISFIED
    if len(np.unique(labels[judged])) < _LEVELS:
        return float("nan")
    return float(roc_auc_score(labels[judged], bad))


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
