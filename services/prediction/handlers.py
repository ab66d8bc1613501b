"""What the service does with a request, in the order in which it happens. Blocking: run it off the event loop."""

from collections.abc import Iterable, Sequence

import polars as pl

from ml.online import Lineup
from ml.satisfaction.dialogues import Turn
from ml.satisfaction.running import felt
from privacy.masking import MaskingFailed, Violation
from services.access import Caller
from services.collector.metrics import MASKING_FAILURES
from services.prediction.moment import events_frame, in_order, inputs, present_moment, turns_so_far
from services.prediction.ports import (
    NEXT_ACTIONS,
    SATISFACTION,
    Asked,
    Event,
    Foretold,
    Predicting,
    Seeming,
    Told,
    foretell,
)
from services.prediction.refusals import ChannelNotInScope, ConversationOver, NoModel, PredictionInvalid
from services.prediction.texts import masked_texts

_NOT_THERE = Violation("conversation_id", "UNKNOWN", "No event is of this conversation. Send its events so far.")
_SILENT = Violation(
    "events", "NO_CUSTOMER_MESSAGE", "The customer has written nothing in this conversation. Ask when they have."
)


def predict(asked: Asked, *, caller: Caller, by: Predicting, now_us: int) -> Told:
    """Say what comes next in a conversation so far, and how satisfied the customer seems.

    Args:
        asked: What is known; it breaks no rule of the schema.
        caller: Who asks, and events of which channels it may send.
        by: What it is answered with.
        now_us: The server's clock, microseconds since the Unix epoch.

    Raises:
        ChannelNotInScope: if the caller may not send such events.
        PredictionInvalid: if the customer has written nothing in the conversation.
        ConversationOver: if it has ended.
        NoModel: if there is no champion at all.
        MaskingFailed: if a detector fails on any text.
    """
    _check_scope(asked.events, caller)
    lineup = by.models.now()
    if not lineup.loaded:
        raise NoModel
    conversation = [event for event in asked.events if event.conversation_id == asked.conversation_id]
    _check_runs(conversation)
    timed = in_order(asked.events, now_us)
    texts = _masked([event for _, event in timed], caller.name, by)
    moment = present_moment(events_frame(timed, texts), asked.conversation_id)
    with_human = any("agent" in (event.party, event.to_party) for event in conversation)
    return Told(
        foretold=_foretold(moment, lineup, with_human=with_human),
        satisfaction=_seeming(turns_so_far(timed, texts, asked.conversation_id), lineup),
        as_of_us=int(moment["as_of"].dt.timestamp("us").item()),
        turn=int(moment["turn"].item()),
        without_model=tuple(action for action in NEXT_ACTIONS if action not in lineup.loaded),
    )


def _check_scope(events: Iterable[Event], caller: Caller) -> None:
    if caller.channels and not caller.channels.issuperset(event.channel for event in events):
        raise ChannelNotInScope


def _check_runs(conversation: Sequence[Event]) -> None:
    """Check that a conversation has a message of the customer and does not end after the newest."""
    if not conversation:
        raise PredictionInvalid([_NOT_THERE])
    written_at = [event.at_us for event in conversation if event.party == "customer"]
    if not written_at:
        raise PredictionInvalid([_SILENT])
    if any(event.end_reason is not None and event.at_us >= max(written_at) for event in conversation):
        raise ConversationOver


def _masked(events: Sequence[Event], source: str, by: Predicting) -> list[str | None]:
    try:
        return masked_texts(events, by.masker, source)
    except MaskingFailed as failure:
        MASKING_FAILURES.labels(source, failure.detector, failure.cause).inc()
        raise


def _foretold(moment: pl.DataFrame, lineup: Lineup, *, with_human: bool) -> tuple[Foretold, ...]:
    given = inputs(moment)
    foretold = []
    for action in NEXT_ACTIONS:
        model = lineup.loaded.get(action)
        if model is not None and not (action == "handover" and with_human):
            foretold.append(Foretold(action, *foretell(model.model, given), model.version))
    return tuple(foretold)


def _seeming(turns: Sequence[Turn], lineup: Lineup) -> Seeming | None:
    model = lineup.loaded.get(SATISFACTION)
    return None if model is None else Seeming(felt(model.model, turns), model.version)
