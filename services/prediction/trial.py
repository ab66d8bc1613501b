"""Tries a model out on a conversation that nobody had, before it answers anybody."""

from typing import Any

from ml.compiled import compiled
from ml.next_action.features import COLUMNS
from ml.satisfaction.model import SatisfactionModel
from ml.satisfaction.running import felt
from ml.satisfaction.signals import SIGNALS
from privacy.errors import MangroveError
from privacy.masking import Masker
from services.prediction.moment import events_frame, in_order, inputs, present_moment, turns_so_far
from services.prediction.ports import Event, foretell
from services.prediction.texts import masked_texts

_TALK = "trial"
_TRIAL = (
    Event("message_sent", _TALK, "chat", 1_000_000, party="customer", text="my order is late, where is it?"),
    Event("message_sent", _TALK, "chat", 9_000_000, party="bot", text="it is on its way"),
    Event("message_sent", _TALK, "chat", 40_000_000, party="customer", text="我要人工"),
)


class ModelUnfit(MangroveError):
    """A model looks at other features than there are today, or says what is no probability."""

    reason = "MODEL_UNFIT"

    def __init__(self) -> None:
        super().__init__(
            "The model was made for other features than this version has, or says what is no probability. Train it "
            "again, or roll back."
        )


def warmed(masker: Masker) -> Masker:
    """Return a masker that has masked the made-up conversation: what it builds at its first use nobody waits for.

    Raises:
        MaskingFailed: if a detector fails on it.
    """
    masked_texts(_TRIAL, masker, source="")
    return masker


def prepared(model: Any) -> Any:
    """Return a model ready to answer: a next action's compiled, and each tried out on a made-up conversation.

    Raises:
        ModelUnfit: if it looks at other features, if it says what is no probability, or if its quantiles are in no
            order.
        Exception: whatever the model raises.
    """
    timed = in_order(_TRIAL, now_us=_TRIAL[-1].at_us)
    texts = [event.text for _, event in timed]
    if isinstance(model, SatisfactionModel):
        if model.signals != SIGNALS or not 0 <= felt(model, turns_so_far(timed, texts, _TALK)).score <= 1:
            raise ModelUnfit
        return model
    if model.columns != COLUMNS:
        raise ModelUnfit
    quick = compiled(model)
    moment = present_moment(events_frame(timed, texts), _TALK)
    probability, seconds = foretell(quick, inputs(moment))
    early, middle, late = seconds or (0.0, 0.0, 0.0)
    if not (0 <= probability <= 1 and 0 <= early <= middle <= late):
        raise ModelUnfit
    return quick
