"""The moments of dialogues: one row a turn, with all that is known when the customer has written."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.satisfaction.dialogues import Dialogue, conversations_of
from ml.satisfaction.signals import SIGNALS, signals_of
from ml.task import Floats

SAID, ANSWERED, BEFORE, EARLIER = TEXTS = ("said", "answered", "said_before", "said_earlier")
"""The columns of the texts: what the customer wrote, the agent's answer before it, and the customer's two messages
before. They are never stored."""

DIALOGUE, CONVERSATION, TURN, LEVEL = "dialogue_id", "conversation", "turn_number", "level"


@dataclass(frozen=True, slots=True, repr=False)
class Heard:
    """What models look at of some moments.

    Attributes:
        texts: One list for each name of `TEXTS`, all of a length.
        signals: (moments, signals).
    """

    texts: tuple[Sequence[str], ...]
    signals: Floats

    def last(self, count: int) -> "Heard":
        """Return the last moments."""
        return Heard(tuple(texts[-count:] for texts in self.texts), self.signals[-count:])


def heard_in(dialogues: Sequence[Dialogue]) -> Heard:
    """Return what is heard in each turn, in the order of the dialogues."""
    texts = (
        [turn.user for one in dialogues for turn in one.turns],
        [text for one in dialogues for text in ("", *(turn.agent for turn in one.turns[:-1]))],
        [text for one in dialogues for text in _users_before(one, 1)],
        [text for one in dialogues for text in _users_before(one, 2)],
    )
    return Heard(texts, signals_of(dialogues))


def heard_of(frame: pd.DataFrame) -> Heard:
    """Return what was heard, from the columns of a frame."""
    return Heard(tuple(frame[name].to_list() for name in TEXTS), frame[list(SIGNALS)].to_numpy(dtype=np.float64))


def moments_of(dialogues: Sequence[Dialogue]) -> pd.DataFrame:
    """One row for each turn, in the order of the dialogues, with texts, signals and the level (NaN if not judged)."""
    turns = [turn for one in dialogues for turn in one.turns]
    sizes = [len(one.turns) for one in dialogues]
    heard = heard_in(dialogues)
    frame = pd.DataFrame(heard.signals, columns=list(SIGNALS))
    named = {
        DIALOGUE: np.repeat([one.dialogue_id for one in dialogues], sizes),
        CONVERSATION: np.repeat(conversations_of(dialogues), sizes),
        TURN: np.concatenate([np.arange(size) for size in sizes]) if sizes else np.array([], dtype=np.int64),
        LEVEL: [np.nan if turn.satisfaction is None else float(turn.satisfaction) for turn in turns],
        **dict(zip(TEXTS, heard.texts, strict=True)),
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


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort moments by what they are, so that the order in which they came does not matter."""
    return frame.sort_values([CONVERSATION, *TEXTS, *SIGNALS], kind="stable").reset_index(drop=True)


def labels_of(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The levels of judged moments."""
    return frame[LEVEL].to_numpy().astype(np.int64)
