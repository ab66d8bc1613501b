"""Asks the prediction service in plain Python what comes next in a conversation, and how satisfied the customer seems.

```python
events = [
    said("talk-7", "customer", "Where is my parcel?", at=began),
    said("talk-7", "bot", "Let me look.", at=began + timedelta(seconds=4)),
    said("talk-7", "customer", "I want to talk to a human.", at=began + timedelta(seconds=31)),
]
with PredictionClient("127.0.0.1:50053", api_key) as client:
    told = client.predict("talk-7", events)
told["handover"].probability
told.satisfaction.level
```
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import grpc

from mangrove.event.v1 import event_pb2
from mangrove.prediction.v1 import prediction_pb2, prediction_pb2_grpc
from privacy.errors import MangroveError
from services.clients.connection import ClientTls, bearer, channel
from services.clients.refusals import refusal_of

__all__ = [
    "ModelInUse",
    "Next",
    "Predicted",
    "PredictionClient",
    "PredictionRefused",
    "Satisfaction",
    "complained",
    "ended",
    "paid",
    "said",
    "something_else",
    "transferred",
    "viewed",
]

_TIMEOUT_S = 5.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Channel = Literal["web", "app", "chat", "voice", "email", "social", "store"]
Party = Literal["customer", "bot", "agent"]


class PredictionRefused(MangroveError):
    """The service did not answer.

    `violations` are broken fields as (field, reason, description); `retry_after_s` is after how long another try makes
    sense, None if it makes none.
    """

    def __init__(
        self,
        reason: str,
        sentence: str,
        violations: tuple[tuple[str, str, str], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]
        self.violations = violations
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Next:
    """How likely a next action is, and the 10 %, 50 % and 90 % quantiles of seconds until it, if it comes.

    `seconds` is None if the model does not say.
    """

    action: str
    probability: float
    seconds: tuple[float, float, float] | None
    model_version: int


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """How satisfied the customer seems: a score from 0 to 1, its level in words ("very dissatisfied" …).

    `slope` is how much the score changes with each message of the customer, over the last three.
    """

    score: float
    level: str
    slope: float
    model_version: int


@dataclass(frozen=True, slots=True)
class Predicted:
    """What comes next after the newest message of the customer, written at `as_of`, and how satisfied they seem then.

    `turn` is how many messages the customer had written; `without_model` are actions that no model tells of.
    `satisfaction` is None if no model tells it.
    """

    by_action: Mapping[str, Next]
    as_of: datetime
    turn: int
    without_model: tuple[str, ...]
    satisfaction: Satisfaction | None

    def __getitem__(self, action: str) -> Next:
        """Return one of handover, abandonment, escalation and resolution."""
        return self.by_action[action]


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A model: the version that answers and since when, and the champion that could not be loaded."""

    version: int | None
    loaded_at: datetime | None
    failed_version: int | None


class PredictionClient:
    """A source's connection to the prediction service; a context manager.

    Args:
        address: host:port.
        api_key: The source's key.
        tls: How to reach it over TLS; None for plain text, which sends key and texts unprotected: only on this machine
            or inside a trusted network.
        timeout_s: How long to wait for an answer.

    Every method raises `PredictionRefused` when the service does not answer.
    """

    def __init__(
        self, address: str, api_key: str, tls: ClientTls | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._channel = channel(address, tls)
        self._stub = prediction_pb2_grpc.PredictionServiceStub(self._channel)
        self._metadata = bearer(api_key)
        self._timeout_s = timeout_s

    def predict(self, conversation_id: str, events: Iterable[prediction_pb2.CustomerEvent]) -> Predicted:
        """Say what comes next in a conversation.

        Args:
            conversation_id: The conversation meant.
            events: All that is known of the customer so far, in any order; make them with `said` and its like.
        """
        request = prediction_pb2.PredictRequest(conversation_id=conversation_id, events=events)
        told = self._call(self._stub.Predict, request)
        return Predicted(
            {_name(one.action): _next(one) for one in told.predictions},
            _time(told.as_of_unix_nano),
            told.turn,
            tuple(_name(action) for action in told.without_model),
            _satisfaction(told.satisfaction) if told.HasField("satisfaction") else None,
        )

    def models(self) -> dict[str, ModelInUse]:
        """Say which models answer, by action and `satisfaction`."""
        told = self._call(self._stub.GetModels, prediction_pb2.GetModelsRequest())
        return {
            model.name: ModelInUse(
                model.version or None,
                _time(model.loaded_at_unix_nano) if model.version else None,
                model.failed_version or None,
            )
            for model in told.models
        }

    def close(self) -> None:
        """Release the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, metadata=self._metadata, timeout=self._timeout_s)
        except grpc.RpcError as error:
            told = refusal_of(error)
            raise PredictionRefused(told.reason, told.sentence, told.violations, told.retry_after_s) from None


def said(
    conversation_id: str, party: Party, text: str, *, at: datetime, channel: Channel = "chat", turn: int = 0
) -> prediction_pb2.CustomerEvent:
    """Somebody said something, at a time with its zone; `turn` orders messages of the same time."""
    message = prediction_pb2.Message(party=_party(party), text=text, turn=turn)
    return _event(at, channel, conversation_id, message=message)


def transferred(
    conversation_id: str, to_party: Party, *, at: datetime, channel: Channel = "chat"
) -> prediction_pb2.CustomerEvent:
    """The conversation changed hands."""
    return _event(at, channel, conversation_id, transfer=prediction_pb2.Transfer(to_party=_party(to_party)))


def ended(
    conversation_id: str,
    reason: Literal["resolved", "abandoned", "escalated"],
    *,
    at: datetime,
    channel: Channel = "chat",
) -> prediction_pb2.CustomerEvent:
    """An earlier conversation ended."""
    number = event_pb2.EndReason.Value(f"END_REASON_{reason.upper()}")
    return _event(at, channel, conversation_id, ending=prediction_pb2.Ending(reason=number))


def paid(
    status: Literal["succeeded", "failed", "cancelled"], *, at: datetime, channel: Channel = "web"
) -> prediction_pb2.CustomerEvent:
    """The customer tried to pay."""
    number = event_pb2.PaymentStatus.Value(f"PAYMENT_STATUS_{status.upper()}")
    return _event(at, channel, payment=prediction_pb2.Payment(status=number))


def viewed(*, at: datetime, channel: Channel = "web") -> prediction_pb2.CustomerEvent:
    """The customer viewed a page or a screen."""
    return _event(at, channel, page_view=prediction_pb2.PageView())


def complained(*, at: datetime, channel: Channel = "email") -> prediction_pb2.CustomerEvent:
    """The customer complained formally."""
    return _event(at, channel, complaint=prediction_pb2.Complaint())


def something_else(*, at: datetime, channel: Channel, conversation_id: str = "") -> prediction_pb2.CustomerEvent:
    """Anything else: the customer was there, on that channel."""
    return _event(at, channel, conversation_id, other=prediction_pb2.Other())


def _event(at: datetime, channel: Channel, conversation_id: str = "", **body: Any) -> prediction_pb2.CustomerEvent:
    return prediction_pb2.CustomerEvent(
        conversation_id=conversation_id,
        channel=event_pb2.Channel.Value(f"CHANNEL_{channel.upper()}"),
        occurred_at_unix_nano=(at - _EPOCH) // _MICROSECOND * 1000,
        **body,
    )


def _party(party: Party) -> "event_pb2.Party.ValueType":
    return event_pb2.Party.Value(f"PARTY_{party.upper()}")


def _next(told: prediction_pb2.Prediction) -> Next:
    seconds = None
    if told.HasField("time_to_event"):
        seconds = (told.time_to_event.p10_s, told.time_to_event.p50_s, told.time_to_event.p90_s)
    return Next(_name(told.action), told.probability, seconds, told.model_version)


def _satisfaction(told: prediction_pb2.Satisfaction) -> Satisfaction:
    level = prediction_pb2.SatisfactionLevel.Name(told.level).removeprefix("SATISFACTION_LEVEL_")
    return Satisfaction(told.score, level.replace("_", " ").lower(), told.slope, told.model_version)


def _name(action: Any) -> str:
    return prediction_pb2.NextAction.Name(action).removeprefix("NEXT_ACTION_").lower()


def _time(nanos: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanos // 1000)
