"""What stands before every guarded method: keys, limits, errors as statuses, counts. Servicers stay free of it."""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from prometheus_client import Counter, Histogram

from privacy.errors import MangroveError
from services import tracing
from services.access import Authenticator, Caller, Unauthenticated
from services.audit import AuditLog
from services.errors import retry_after_of, to_status, unexpected_status
from services.grpc_room import Limits, RequestMalformed, RequestSlow, Room
from services.tls import peer_names

log = structlog.get_logger()

CALLS = Counter("mangrove_grpc_calls", "Finished calls.", ["method", "reason"])
SECONDS = Histogram("mangrove_grpc_call_seconds", "Time a call took, in seconds.", ["method"])

# Health is open to all; its requests are small and have come before they are read, or they are not meant well: so
# hundreds that never end are through in a second, and a probe that waits behind them is answered.
_OPEN = Limits(receive_s=5.0, readers=16, reads_alone_s=0.05)

# What an operator wants to know later: who was turned away, not who sent a malformed batch.
_AUDITED = frozenset({"PERMISSION_DENIED", "QUOTA_EXCEEDED"})

_call: contextvars.ContextVar["Call"] = contextvars.ContextVar("call")


@dataclass(frozen=True, slots=True)
class Call:
    """The call that is being handled: who makes it, and how long the client waits for it."""

    caller: Caller
    context: grpc.aio.ServicerContext[Any, Any]

    @property
    def seconds_left(self) -> float | None:
        """How long the client will still wait, None if for ever."""
        return self.context.time_remaining()


def current_call() -> Call:
    """Return the call that is being handled; set before a servicer runs."""
    return _call.get()


class Gate(grpc.aio.ServerInterceptor):
    """Lets a call in when its key is valid and there is room for it, turns errors into statuses, and counts.

    A unary request is read by the gate itself: the key is looked at before the first byte of the body is waited
    for, a request that trickles in is given up, and what is held is bounded.

    Args:
        authenticator: Who may call the guarded services; health and reflection are open.
        services: Full names of the guarded services.
        limits: What the server holds at once.
        audit: Where refused callers are noted; None for nowhere.
    """

    def __init__(
        self, authenticator: Authenticator, services: Sequence[str], limits: Limits, audit: AuditLog | None = None
    ) -> None:
        self._authenticator = authenticator
        self._guarded = tuple(f"/{name}/" for name in services)
        self._audit = audit
        self.room = Room(limits)
        self._open_room = Room(_OPEN)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler of a method behind this gate."""
        handler = await continuation(details)
        if handler is None:
            return handler
        if not details.method.startswith(self._guarded):
            return self._opened(handler)
        metadata = {key: value for key, value in details.invocation_metadata or () if isinstance(value, str)}
        visit = _Visit(self, details.method.rsplit("/", 1)[-1], metadata)
        if handler.unary_unary is not None:
            return grpc.stream_unary_rpc_method_handler(
                visit.unary(handler.unary_unary, handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        return grpc.stream_stream_rpc_method_handler(
            visit.stream(handler.stream_stream, handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _opened(self, handler: Any) -> Any:
        """Return the handler of a method that is open to all; what it reads is bounded in size, number and time."""
        inner = handler.unary_unary or handler.unary_stream
        if inner is None:
            return handler

        async def bounded(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                request = _parsed(await self._open_room.receive(requests), handler.request_deserializer)
            except (RequestSlow, RequestMalformed) as error:
                refused = to_status(error)
            else:
                return await inner(request, context)
            await _abort(context, refused, None)

        wrap = grpc.stream_unary_rpc_method_handler if handler.unary_unary else grpc.stream_stream_rpc_method_handler
        return wrap(bounded, response_serializer=handler.response_serializer)

    def admit(self, metadata: dict[str, str], context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        """Return who calls; see `Authenticator`."""
        return self._authenticator.authenticate(metadata.get("authorization"), peer_names(context.auth_context()))

    def note(self, error: MangroveError, caller: Caller | None, method: str) -> None:
        """Note in the audit log that a caller was turned away."""
        if self._audit is None:
            return
        if isinstance(error, Unauthenticated):
            self._audit.refused(error.cause, error.caller, error.key_id, method)
        elif error.reason in _AUDITED and caller is not None:
            self._audit.refused(error.reason, caller.name, caller.key_id, method)


class _Visit:
    """One call's way through the gate."""

    def __init__(self, gate: Gate, method: str, metadata: dict[str, str]) -> None:
        self._gate = gate
        self._room = gate.room
        self._is_read = False
        self._method = method
        self._metadata = metadata

    def unary(self, inner: Callable[..., Awaitable[Any]], deserialize: Callable[[bytes], Any]) -> Callable[..., Any]:
        async def guarded(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async def handled() -> Any:
                request = await self._room.receive(requests)
                self._is_read = True
                self._room.hold(self._method, len(request))
                try:
                    return await inner(_parsed(request, deserialize), context)
                finally:
                    self._room.release(self._method, len(request))

            return await self._told(handled, context, is_stream=False)

        return guarded

    def stream(
        self, inner: Callable[..., AsyncIterator[Any]], deserialize: Callable[[bytes], Any]
    ) -> Callable[..., Any]:
        """Guard a method whose responses answer its requests one by one, in order, after one that answers none."""

        async def guarded(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> None:
            held: deque[int] = deque()

            async def parsed() -> AsyncIterator[Any]:
                async for request in requests:
                    # A stream may outlive its key.
                    _call.set(Call(self._gate.admit(self._metadata, context), context))
                    self._room.hold(self._method, len(request))
                    held.append(len(request))
                    yield _parsed(request, deserialize)

            async def handled() -> None:
                async for response in inner(parsed(), context):
                    await context.write(response)
                    if held:
                        self._room.release(self._method, held.popleft())

            try:
                await self._told(handled, context, is_stream=True)
            finally:
                self._room.release(self._method, sum(held))

        return guarded

    async def _told(
        self, handled: Callable[[], Awaitable[Any]], context: grpc.aio.ServicerContext[Any, Any], *, is_stream: bool
    ) -> Any:
        """Run a call with its caller known; tell errors as statuses, and count how it ended."""
        started = time.perf_counter()
        reason, caller, refusal = "OK", None, None
        try:
            caller = self._gate.admit(self._metadata, context)
            _call.set(Call(caller, context))
            self._room.enter(caller.name, is_stream=is_stream)
            try:
                with tracing.call(self._method, self._metadata):
                    return await handled()
            finally:
                self._room.leave(caller.name, is_stream=is_stream)
        except MangroveError as error:
            reason = error.reason
            self._gate.note(error, caller, self._method)
            refusal = to_status(error), retry_after_of(error)
        except asyncio.CancelledError:
            reason = "CANCELLED"
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, a caller gets a status without its text
            reason = "INTERNAL"
            log.error("call_failed", method=self._method, error_type=type(error).__name__)
            refusal = unexpected_status(), None
        finally:
            CALLS.labels(self._method, reason).inc()
            SECONDS.labels(self._method).observe(time.perf_counter() - started)
        if self._is_read:
            _refuse(context, *refusal)
        else:
            # What still comes of the request is not wanted any more.
            await _abort(context, *refusal)


def _parsed(request: bytes, deserialize: Callable[[bytes], Any] | None) -> Any:
    if deserialize is None:
        return request
    try:
        return deserialize(request)
    except DecodeError:
        raise RequestMalformed from None


def _refuse(
    context: grpc.aio.ServicerContext[Any, Any], status: status_pb2.Status, retry_after: timedelta | None
) -> None:
    """End a call whose request was read with a status.

    Aborting would do so by an exception that holds the call, and with it the whole request, in memory until the
    garbage collector comes.
    """
    context.set_code(_code_of(status))
    context.set_details(status.message)
    context.set_trailing_metadata(_details_of(status, retry_after))


async def _abort(
    context: grpc.aio.ServicerContext[Any, Any], status: status_pb2.Status, retry_after: timedelta | None
) -> None:
    """End a call with a status, and its transport with it."""
    details = _details_of(status, retry_after)
    await context.abort(_code_of(status), status.message, trailing_metadata=details)


def _code_of(status: status_pb2.Status) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == status.code)


def _details_of(status: status_pb2.Status, retry_after: timedelta | None) -> tuple[tuple[str, str | bytes], ...]:
    metadata: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if retry_after is not None:
        metadata.append(("grpc-retry-pushback-ms", str(round(retry_after.total_seconds() * 1000))))
    return tuple(metadata)
