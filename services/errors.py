"""One catalogue of errors: reason code → gRPC status, and whether trying again helps.

Every error that reaches a client is a `MangroveError` whose reason stands here; anything else becomes
INTERNAL with a fixed sentence. Details follow google.rpc (ErrorInfo, BadRequest, RetryInfo).
"""

from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from privacy.errors import MangroveError

DOMAIN = "mangrove"
UNEXPECTED = "Something failed inside Mangrove; nothing was taken. Try again, or ask the operator to look at the log."


@dataclass(frozen=True, slots=True)
class Entry:
    """How one reason is told to a client: its gRPC code, and after how long a retry makes sense."""

    code: grpc.StatusCode
    retry_after: timedelta | None = None


CATALOGUE: dict[str, Entry] = {
    "UNAUTHENTICATED": Entry(grpc.StatusCode.UNAUTHENTICATED),
    "BATCH_EMPTY": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "BATCH_TOO_LARGE": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "REQUEST_MALFORMED": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "PERMISSION_DENIED": Entry(grpc.StatusCode.PERMISSION_DENIED),
    "OFFSET_INVALID": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "QUOTA_EXCEEDED": Entry(grpc.StatusCode.RESOURCE_EXHAUSTED, timedelta(seconds=1)),
    "QUOTA_UNAVAILABLE": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=1)),
    "REQUEST_SLOW": Entry(grpc.StatusCode.DEADLINE_EXCEEDED),
    "DEADLINE_EXCEEDED": Entry(grpc.StatusCode.DEADLINE_EXCEEDED),
    "DISK_LOW": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=5)),
    "JOURNAL_UNAVAILABLE": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=1)),
    "OVERLOADED": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(milliseconds=200)),
    "DRAINING": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=1)),
    "DATASET_UNKNOWN": Entry(grpc.StatusCode.NOT_FOUND),
    "QUESTION_INVALID": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "PRICE_MISSING": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "BUDGET_EXCEEDED": Entry(grpc.StatusCode.RESOURCE_EXHAUSTED),
    "LEDGER_UNAVAILABLE": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=1)),
    "DATASET_UNAVAILABLE": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=10)),
    "MEASUREMENT_UNREADABLE": Entry(grpc.StatusCode.FAILED_PRECONDITION),
    "PREDICTION_INVALID": Entry(grpc.StatusCode.INVALID_ARGUMENT),
    "PREDICTION_BUSY": Entry(grpc.StatusCode.RESOURCE_EXHAUSTED, timedelta(milliseconds=200)),
    "CONVERSATION_OVER": Entry(grpc.StatusCode.FAILED_PRECONDITION),
    "NO_CHAMPION": Entry(grpc.StatusCode.FAILED_PRECONDITION),
    "MASKING_FAILED": Entry(grpc.StatusCode.UNAVAILABLE, timedelta(seconds=1)),
    "INTERNAL": Entry(grpc.StatusCode.INTERNAL),
}


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def to_status(error: MangroveError) -> status_pb2.Status:
    """Turn an error into a google.rpc status with ErrorInfo and, where they fit, BadRequest and RetryInfo.

    `error.violations`, if the type has it, is a sequence of (field, reason, description); `error.retry_after_s`
    takes the place of the catalogue's delay.
    """
    entry = CATALOGUE.get(error.reason, CATALOGUE["INTERNAL"])
    retry_after = retry_after_of(error)
    details = [_packed(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN))]
    violations = getattr(error, "violations", ())
    if violations:
        details.append(
            _packed(
                error_details_pb2.BadRequest(
                    field_violations=[
                        error_details_pb2.BadRequest.FieldViolation(field=f, reason=r, description=d)
                        for f, r, d in violations
                    ]
                )
            )
        )
    if retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(retry_after)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=entry.code.value[0], message=error.sentence, details=details)


def retry_after_of(error: MangroveError) -> timedelta | None:
    """Return after how long it makes sense to try again, None if it does not."""
    own: float | None = getattr(error, "retry_after_s", None)
    return timedelta(seconds=own) if own is not None else CATALOGUE.get(error.reason, CATALOGUE["INTERNAL"]).retry_after


def unexpected_status() -> status_pb2.Status:
    """The status for anything that is not a `MangroveError`: it says nothing about the cause."""
    return status_pb2.Status(
        code=code_pb2.INTERNAL,
        message=UNEXPECTED,
        details=[_packed(error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN))],
    )
