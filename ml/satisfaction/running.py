"""Satisfaction while a conversation runs: the same model and the same measures as for gold.satisfaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml.satisfaction.dialogues import Dialogue, Turn
from ml.satisfaction.levels import SLOPE_TURNS, level_of, scores_of, slope_of
from ml.satisfaction.model import SatisfactionModel
from ml.satisfaction.moments import heard_in


@dataclass(frozen=True, slots=True)
class Felt:
    """How satisfied the customer seems at the newest message: a score in [0, 1] and its level by name.

    `slope` is how much the score changes with each message, over the last three; 0 at the first.
    """

    score: float
    level: str
    slope: float


def felt(model: SatisfactionModel, turns: Sequence[Turn]) -> Felt:
    """Say how satisfied the customer seems at the last of the turns, of which there is one at least.

    How the last one was answered has no part in it.
    """
    scores = scores_of(model.says(heard_in([Dialogue("", tuple(turns))]).last(SLOPE_TURNS)))
    last = float(scores[-1])
    return Felt(last, level_of(last), slope_of(scores))
