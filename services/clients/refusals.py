"""Reads google.rpc details out of a failed call."""

from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

TRANSPORT = "TRANSPORT"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call failed: the reason code, the sentence, broken fields as (field, reason, description)."""

    code: grpc.StatusCode
    reason: str
    sentence: str
    violations: tuple[tuple[str, str, str], ...]
    retry_after_s: float | None


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return what a server said about a failed call; a failure of the transport has the reason TRANSPORT."""
    status = rpc_status.from_call(error)
    reason, violations, retry_after_s = TRANSPORT, [], None
    for detail in status.details if status is not None else ():
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            violations += [(v.field, v.reason, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    sentence = _sentence(error.code()) if reason == TRANSPORT else error.details() or ""
    return Refusal(error.code(), reason, sentence, tuple(violations), retry_after_s)


def _sentence(code: grpc.StatusCode) -> str:
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return "The request is larger than the server reads at all. Send less at once."
    return f"The server was not reached ({code.name}). See that it runs, that the address is right and that TLS fits."
