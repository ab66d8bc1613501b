"""What an HTTP client is told: one JSON form of every refusal, with its status and when to come again.

Statuses are chosen for what Segment's and RudderStack's libraries make of them: they send again after 408, 429 and
5xx, and throw away what got any other 4xx.
"""

import math
from collections.abc import Callable
from typing import ClassVar

from starlette.responses import JSONResponse

from privacy.errors import MangroveError
from services.clients.collector_async import CollectorBusy, CollectorRefused

_RETRY_UNTOLD_S = 60.0
_LONGEST_RETRY_S = 3600.0


class EdgeError(MangroveError):
    """A refusal with its HTTP status; `retry_after_s` is when to come again, None for not at all."""

    status: ClassVar[int] = 503

    def __init__(self, sentence: str, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class WriteKeyMissing(EdgeError):
    """There is no write key, or it is none of the collector's."""

    reason = "UNAUTHENTICATED"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "This needs a valid write key: the API key of a source, as the user name of basic authentication with "
            "an empty password, or as writeKey in the body. Ask the operator for yours."
        )


class NotAllowed(EdgeError):
    """The key is good, but not for these events."""

    reason = "PERMISSION_DENIED"
    status = 403

    def __init__(self) -> None:
        super().__init__("The source of this write key may not send events of this channel. Ask the operator.")


class BodyMalformed(EdgeError):
    """The body is not what the route takes."""

    reason = "BODY_MALFORMED"
    status = 400


class BodyTooLarge(EdgeError):
    """The body, or an event alone, has more bytes than the edge takes."""

    reason = "BODY_TOO_LARGE"
    status = 413

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The body is larger than {most_bytes} bytes, unpacked or not. Send less at once.")


class TooManyEvents(EdgeError):
    """The batch holds more messages than the edge takes at once."""

    reason = "BATCH_TOO_LARGE"
    status = 413

    def __init__(self, most: int) -> None:
        super().__init__(f"The batch holds more than {most} messages. Send smaller batches.")


class BatchTooLarge(EdgeError):
    """The collector takes less at once than the edge does."""

    reason = "BATCH_TOO_LARGE"
    status = 413

    def __init__(self) -> None:
        super().__init__("The collector takes less at once. Send smaller batches, or ask the operator.")


class EncodingUnknown(EdgeError):
    """The body is packed in a way that the edge cannot read."""

    reason = "ENCODING_UNSUPPORTED"
    status = 415

    def __init__(self) -> None:
        super().__init__("The body's Content-Encoding is not supported. Send it plain or with gzip.")


class BodySlow(EdgeError):
    """The body did not come in time."""

    reason = "REQUEST_SLOW"
    status = 408

    def __init__(self) -> None:
        super().__init__("The body did not arrive in time, so nothing was taken. Send it again.")


class EdgeFull(EdgeError):
    """The edge holds as many bytes of requests as it may."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("The edge holds as many requests as it may. Send this one again in a moment.", 1.0)


class CollectorAway(EdgeError):
    """The events could not be handed over."""

    reason = "COLLECTOR_UNAVAILABLE"

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("The events could not be made durable now. Send them again in a moment.", retry_after_s)


class QuotaExceeded(EdgeError):
    """The source sends more than it may."""

    reason = "QUOTA_EXCEEDED"
    status = 429

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("This source sends more than it may. Send the events again later.", retry_after_s)


class Undetected(EdgeError):
    """A detector of personal data failed on events: they are sound, but nothing of them was stored."""

    reason = "MASKING_FAILED"

    def __init__(self) -> None:
        super().__init__("Personal data could not be looked for in some of the events. Send all of them again.", 30.0)


class Unexpected(EdgeError):
    """Anything else: it says nothing about the cause."""

    reason = "INTERNAL"

    def __init__(self) -> None:
        super().__init__("Something failed inside the edge. Send the events again, or ask the operator.", 5.0)


class CannotListen(MangroveError):
    """The address or the TLS files are of no use."""

    reason = "CANNOT_LISTEN"


_REFUSALS: dict[str, Callable[[], EdgeError]] = {
    error.reason: error for error in (WriteKeyMissing, NotAllowed, BatchTooLarge)
}


def as_told(error: CollectorRefused | CollectorBusy) -> EdgeError:
    """Return what an HTTP client is told when the collector took nothing.

    The collector's own sentences speak of gRPC and of its address; they stay here.
    """
    retry_after_s = error.retry_after_s if isinstance(error, CollectorBusy) else _RETRY_UNTOLD_S
    if error.reason == "QUOTA_EXCEEDED":
        return QuotaExceeded(retry_after_s)
    if isinstance(error, CollectorBusy):
        return CollectorAway(retry_after_s)
    refusal = _REFUSALS.get(error.reason)
    return refusal() if refusal is not None else CollectorAway(retry_after_s)


def answer(error: EdgeError, **more: object) -> JSONResponse:
    """Return the JSON answer of a refusal; `code` and `message` are what Segment's libraries log.

    A 401 comes without a challenge: browsers would answer that with a window asking for a password.
    """
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(min(max(error.retry_after_s, 1.0), _LONGEST_RETRY_S)))
    body = {"success": False, "code": error.reason, "message": error.sentence, **more}
    return JSONResponse(body, error.status, headers)
