"""Turns wire messages into the service's own types and back."""

from collections.abc import Iterator
from itertools import islice

from mangrove.event.v1 import event_pb2
from mangrove.prediction.v1 import prediction_pb2
from ml.online import Lineup
from ml.satisfaction.levels import NAMES
from privacy.masking import Violation, compile_plan
from privacy.masking.validate import violations
from services.prediction.ports import MODELS, NEXT_ACTIONS, Asked, Event, Foretold, Seeming, Told
from services.prediction.refusals import PredictionInvalid

_PLAN = compile_plan(prediction_pb2.PredictRequest.DESCRIPTOR)
_EVENT_PLAN = compile_plan(prediction_pb2.CustomerEvent.DESCRIPTOR)
_MOST_LOOKED_AT = 20
"""So many broken rules are enough to know; looking for more would only take time."""

_CHANNELS = {v.number: v.name.removeprefix("CHANNEL_").lower() for v in event_pb2.Channel.DESCRIPTOR.values}
_PARTIES = {v.number: v.name.removeprefix("PARTY_").lower() for v in event_pb2.Party.DESCRIPTOR.values}
_ENDINGS = {v.number: v.name.removeprefix("END_REASON_").lower() for v in event_pb2.EndReason.DESCRIPTOR.values}
_PAYMENTS = {
    v.number: v.name.removeprefix("PAYMENT_STATUS_").lower() for v in event_pb2.PaymentStatus.DESCRIPTOR.values
}
_ACTIONS = {name: prediction_pb2.NextAction.Value(f"NEXT_ACTION_{name.upper()}") for name in NEXT_ACTIONS}
_LEVELS = {
    name: prediction_pb2.SatisfactionLevel.Value(f"SATISFACTION_LEVEL_{name.replace(' ', '_').upper()}")
    for name in NAMES
}
_EVENT_TYPES = {
    "message": "message_sent",
    "transfer": "conversation_transferred",
    "ending": "conversation_ended",
    "payment": "payment_made",
    "page_view": "page_viewed",
    "complaint": "complaint_filed",
    "other": "custom",
}
_SOME_PAGE = "/"
"""Which page was viewed does not matter to any feature, only that one was."""


def asked_from_proto(request: prediction_pb2.PredictRequest) -> Asked:
    """Read a request.

    Raises:
        PredictionInvalid: if it breaks rules of the schema.
    """
    broken = list(islice(_broken(request), _MOST_LOOKED_AT))
    if broken:
        raise PredictionInvalid(broken)
    return Asked(request.conversation_id, tuple(_event(event) for event in request.events))


def _broken(request: prediction_pb2.PredictRequest) -> Iterator[Violation]:
    for one in _PLAN.fields.values():
        value = getattr(request, one.name)
        rule = one.check(value) if value else None
        if rule is not None:
            # Nothing more is looked at: there may be very many events.
            yield Violation(one.name, *rule)
            return
        if not value:
            yield Violation(one.name, "REQUIRED", "It must be set.")
    for place, event in enumerate(request.events):
        for broken in violations(event, _EVENT_PLAN):
            yield Violation(f"events[{place}].{broken.field}", broken.reason, broken.description)


def _event(sent: prediction_pb2.CustomerEvent) -> Event:
    body = sent.WhichOneof("body") or ""
    said = sent.message if body == "message" else None
    return Event(
        event_type=_EVENT_TYPES[body],
        conversation_id=sent.conversation_id or None,
        channel=_CHANNELS[sent.channel],
        at_us=sent.occurred_at_unix_nano // 1000,
        locale=sent.locale or None,
        party=None if said is None else _PARTIES[said.party],
        text=None if said is None else said.text or None,
        turn=None if said is None else said.turn or None,
        to_party=_PARTIES[sent.transfer.to_party] if body == "transfer" else None,
        end_reason=_ENDINGS[sent.ending.reason] if body == "ending" else None,
        payment_status=_PAYMENTS[sent.payment.status] if body == "payment" else None,
        page=_SOME_PAGE if body == "page_view" else None,
    )


def told_to_proto(told: Told) -> prediction_pb2.PredictResponse:
    """Write what comes next."""
    return prediction_pb2.PredictResponse(
        predictions=[_prediction(one) for one in told.foretold],
        as_of_unix_nano=told.as_of_us * 1000,
        turn=told.turn,
        without_model=[_ACTIONS[name] for name in told.without_model],
        satisfaction=None if told.satisfaction is None else _satisfaction(told.satisfaction),
    )


def _prediction(one: Foretold) -> prediction_pb2.Prediction:
    told = prediction_pb2.Prediction(
        action=_ACTIONS[one.action], probability=one.probability, model_version=one.model_version
    )
    if one.seconds is not None:
        early, middle, late = one.seconds
        told.time_to_event.CopyFrom(prediction_pb2.TimeToEvent(p10_s=early, p50_s=middle, p90_s=late))
    return told


def _satisfaction(one: Seeming) -> prediction_pb2.Satisfaction:
    return prediction_pb2.Satisfaction(
        score=one.felt.score, level=_LEVELS[one.felt.level], slope=one.felt.slope, model_version=one.model_version
    )


def models_to_proto(lineup: Lineup) -> prediction_pb2.GetModelsResponse:
    """Write which models answer."""
    told = prediction_pb2.GetModelsResponse()
    for name in MODELS:
        model = told.models.add(action=_ACTIONS.get(name), name=name, failed_version=lineup.failed.get(name, 0))
        loaded = lineup.loaded.get(name)
        if loaded is not None:
            model.version = loaded.version
            model.loaded_at_unix_nano = round(loaded.loaded_at.timestamp() * 1e6) * 1000
    return told
