"""The moments of dialogues: one row a turn, with all that is known when the customer has written."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.satisfaction.dialogues import Dialogue, conversations_of
from ml.satisfaction.signals import SIGNALS, signals_of

SAID, ANSWERED, BEFORE, EARLIER = TEXTS = ("said", "answered", "said_before", "said_earlier")
"""The columns of the texts: what the customer wrote, the agent's answer before it, and the customer's two messages
before. They are never stored."""

DIALOGUE, CONVERSATION, TURN, LEVEL = "dialogue_id", "conversation", "turn_number", "level"


def moments_of(dialogues: Sequence[Dialogue]) -> pd.DataFrame:
    """One row for each turn, in the order of the dialogues, with texts, signals and the level (NaN if not judged)."""
    turns = [turn for one in dialogues for turn in one.turns]
    sizes = [len(one.turns) for one in dialogues]
    frame = pd.DataFrame(signals_of(dialogues), columns=list(SIGNALS))
    named = {
        DIALOGUE: np.repeat([one.dialogue_id for one in dialogues], sizes),
        CONVERSATION: np.repeat(conversations_of(dialogues), sizes),
        TURN: np.concatenate([np.arange(size) for size in sizes]) if sizes else np.array([], dtype=np.int64),
        LEVEL: [np.nan if turn.satisfaction is None else float(turn.satisfaction) for turn in turns],
        SAID: [turn.user for turn in turns],
        ANSWERED: [text for one in dialogues for text in ("", *(turn.agent for turn in one.turns[:-1]))],
        BEFORE: [text for one in dialogues for text in _users_before(one, 1)],
        EARLIER: [text for one in dialogues for text in _users_before(one, 2)],
    }
    return pd.concat([pd.DataFrame(named), frame], axis=1)


def _users_before(dialogue: Dialogue, lag: int) -> list[str]:
    users = [turn.user for turn in dialogue.turns]
    return ([""] * lag + users)[: len(users)]


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the moments that were judged."""
    return frame[frame[LEVEL].notna()].reset_index(drop=True)


def learning_moments(dialogues: Sequence[Dialogue]) -> pd.DataFrame:
    """The judged moments of dialogues, in an order that depends on the dialogues only, not on theirs."""
    return labelled(moments_of(sorted(dialogues, key=lambda one: (one.dialogue_id, len(one.turns)))))


def labels_of(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The levels of judged moments."""
    return frame[LEVEL].to_numpy().astype(np.int64)
