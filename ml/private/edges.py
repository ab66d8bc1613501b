"""The declared bins of the models' inputs, chosen by what the inputs mean and without a look at any data."""

from ml.next_action.features import COLUMNS
from ml.private.bins import Bins, Edges

_WAIT_S: Edges = (5, 15, 30, 60, 180)
_LENGTH: Edges = (5, 15, 40)
_COUNT: Edges = (1, 2, 4)
_YES: Edges = (1,)

_OWN: dict[str, Edges] = {
    "turn": (2, 3, 5, 8),
    "bot_turns": (1, 2, 4, 8),
    "agent_turns": (1, 3),
    "elapsed_s": (10, 30, 60, 180, 600, 1800),
    "mean_wait_s": _WAIT_S,
    "last_wait_s": _WAIT_S,
    "longest_wait_s": _WAIT_S,
    "mean_reply_s": _WAIT_S,
    "last_reply_s": _WAIT_S,
    "text_length": _LENGTH,
    "mean_text_length": _LENGTH,
    "with_agent": _YES,
    "asks_now": _YES,
    "negative_now": _YES,
    "thanks_now": _YES,
    "hour": (6, 9, 12, 15, 18, 21),
    "weekday": (5,),
}

NEXT_ACTION = Bins(
    {**COLUMNS.categories, **{name: _OWN.get(name, _COUNT) for name in COLUMNS.numbers}},
    pairs=(("asks_for_human", "mean_wait_s"), ("asks_for_human", "bot_turns"), ("negative_words", "bot_turns")),
)
"""Of the inputs of the next actions. The pairs: who asks for a human or complains while waiting or after many turns."""
