"""Why a call failed, as a server told it with google.rpc details, and what a sender of events makes of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from privacy.errors import MangroveError

TRANSPORT = "TRANSPORT"

_PUSHBACK = "grpc-retry-pushback-ms"
_RETRY_AFTER_UNTOLD_S = 1.0

# Worth another try whoever says it, and only when it comes from the transport and not from a server of ours.
_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_ABOUT_BATCH = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED})
_PASSING_IN_TRANSPORT = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


class CollectorRefused(MangroveError):
    """The collector refused a whole batch, and sending it again would not help.

    `is_about_batch` says that the batch itself is at fault, and not who sends it.
    """

    def __init__(self, reason: str, sentence: str, *, is_about_batch: bool = False) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]
        self.is_about_batch = is_about_batch


class CollectorBusy(MangroveError):
    """A batch could not be delivered in time; `retry_after_s` says after how long another try makes sense.

    `reason` is what the collector said last, or TRANSPORT when it was not reached.
    """

    def __init__(self, reason: str, sentence: str, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.reason = reason  # type: ignore[misc]
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call failed: the reason code, the sentence, broken fields as (field, reason, description).

    `retry_after_s` is after how long the server wants to be asked again, None if it does not say; `is_final` that it
    does not want to be asked again by the same call.
    """

    code: grpc.StatusCode
    reason: str
    sentence: str
    violations: tuple[tuple[str, str, str], ...]
    retry_after_s: float | None
    is_final: bool = False

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed later, as it is."""
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_after_s is not None
        return self.code in _PASSING or (self.reason == TRANSPORT and self.code in _PASSING_IN_TRANSPORT)

    def as_error(self) -> CollectorRefused | CollectorBusy:
        """Return what a caller is told when the call is not tried again."""
        if not self.passes:
            about_batch = self.code in _ABOUT_BATCH
            return CollectorRefused(self.reason, self.sentence, is_about_batch=about_batch)
        after_s = _RETRY_AFTER_UNTOLD_S if self.retry_after_s is None else self.retry_after_s
        return CollectorBusy(self.reason, self.sentence, after_s)


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return what a server said about a failed call; a failure of the transport has the reason TRANSPORT."""
    status = _status_of(error)
    reason, violations = TRANSPORT, []
    pushback_ms = _pushback_ms(error)
    retry_after_s = pushback_ms / 1000 if pushback_ms is not None and pushback_ms >= 0 else None
    for detail in status.details if status is not None else ():
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            violations += [(v.field, v.reason, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry):
            told_s = retry.retry_delay.ToTimedelta().total_seconds()
            retry_after_s = max(told_s, retry_after_s or 0.0)
    sentence = _sentence(error.code()) if reason == TRANSPORT else error.details() or ""
    is_final = pushback_ms is not None and pushback_ms < 0
    return Refusal(error.code(), reason, sentence, tuple(violations), retry_after_s, is_final)


def _status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    try:
        return rpc_status.from_call(error)
    except (ValueError, DecodeError):  # something between us and the server changed one and not the other
        return None


def _pushback_ms(error: grpc.RpcError) -> int | None:
    """The trailer by which a server says when to come again; negative, or no number at all, means not at all."""
    trailing: Iterable[Any] = error.trailing_metadata() or ()
    told = dict(trailing).get(_PUSHBACK)
    try:
        return None if told is None else int(told)
    except ValueError:
        return -1


def _sentence(code: grpc.StatusCode) -> str:
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return "The request is larger than the server reads at all. Send less at once."
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "The server did not answer in time. See that it runs and keeps up, or allow it more time."
    return f"The server was not reached ({code.name}). See that it runs, that the address is right and that TLS fits."
