"""One way to run a gRPC server: TLS, health, reflection, interceptors, metrics, graceful drain.

Servicers stay free of all this: authentication, error mapping and counting happen here.
"""

import asyncio
import contextvars
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import Counter, Histogram, start_http_server

from privacy.errors import MangroveError
from services.access import Authenticator, Caller
from services.errors import to_status, unexpected_status

log = structlog.get_logger()

CALLS = Counter("mangrove_grpc_calls", "Finished calls.", ["method", "reason"])
SECONDS = Histogram("mangrove_grpc_call_seconds", "Time a call took, in seconds.", ["method"])

# The transport's own refusal has no reason code: up to this factor a request is read and refused by us.
_TRANSPORT_HEADROOM = 4

_caller: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller")


class RequestMalformed(MangroveError):
    """The request's bytes are no message of the method's type."""

    reason = "REQUEST_MALFORMED"

    def __init__(self) -> None:
        super().__init__("The request cannot be read. Build it from the published schema.")


class CannotListen(MangroveError):
    """The address or the TLS files are of no use."""

    reason = "CANNOT_LISTEN"


class RequestTooLarge(MangroveError):
    """The request has more bytes than this server takes."""

    reason = "BATCH_TOO_LARGE"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The request is larger than {max_bytes} bytes, so nothing of it was taken. Send smaller batches."
        )


def current_caller() -> Caller:
    """Return who makes the call that is being handled; set by the interceptor before a servicer runs."""
    return _caller.get()


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a server listens and how it behaves.

    `address` is host:port, port 0 picks a free one. `tls_cert` and `tls_key` are PEM files; both or none.
    `metrics_port` serves Prometheus text, 0 for none. `max_message_bytes` bounds one request.
    `drain_s` is how long running calls may take to finish after SIGTERM, in seconds.
    """

    address: str
    max_message_bytes: int = 4 * 1024 * 1024
    tls_cert: Path | None = None
    tls_key: Path | None = None
    reflection: bool = False
    metrics_port: int = 0
    drain_s: float = 10.0


class _Gate(grpc.aio.ServerInterceptor):
    """Lets a call in when its key is valid, turns errors into statuses, and counts the outcome."""

    def __init__(self, authenticator: Authenticator, services: Sequence[str], max_message_bytes: int) -> None:
        self._authenticator = authenticator
        self._max_message_bytes = max_message_bytes
        self._guarded = tuple(f"/{name}/" for name in services)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(details)
        if handler is None or not details.method.startswith(self._guarded):
            return handler
        authorization = str(dict(details.invocation_metadata).get("authorization", ""))
        method = details.method.rsplit("/", 1)[-1]
        inner, deserialize = handler.unary_unary, handler.request_deserializer

        async def guarded(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.perf_counter()
            reason = "OK"
            try:
                _caller.set(self._authenticator.authenticate(authorization))
                if len(request) > self._max_message_bytes:
                    raise RequestTooLarge(self._max_message_bytes)
                return await inner(_parsed(request, deserialize), context)
            except MangroveError as error:
                reason = error.reason
                await _abort(context, to_status(error))
            except Exception as error:
                if isinstance(error, grpc.aio.AbortError):
                    raise
                reason = "INTERNAL"
                log.error("call_failed", method=method, error_type=type(error).__name__)
                await _abort(context, unexpected_status())
            finally:
                CALLS.labels(method, reason).inc()
                SECONDS.labels(method).observe(time.perf_counter() - started)

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            response_serializer=handler.response_serializer,
        )


def _parsed(request: bytes, deserialize: Callable[[bytes], Any] | None) -> Any:
    if deserialize is None:
        return request
    try:
        return deserialize(request)
    except DecodeError:
        raise RequestMalformed from None


async def _abort(context: grpc.aio.ServicerContext[Any, Any], status: status_pb2.Status) -> None:
    code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, status.message, trailing_metadata=metadata)


@dataclass(slots=True)
class RunningServer:
    """A started server: its port, its health, and the way to stop it."""

    server: grpc.aio.Server
    port: int
    services: tuple[str, ...]
    drain_s: float
    _health: health.aio.HealthServicer

    async def drain(self) -> None:
        """Answer NOT_SERVING, refuse new calls, and let the running ones finish within `drain_s`."""
        await self._health.enter_graceful_shutdown()
        await self.server.stop(self.drain_s)


async def start_server(
    options: ServerOptions,
    authenticator: Authenticator,
    add_servicers: Callable[[grpc.aio.Server], None],
    services: Sequence[str],
) -> RunningServer:
    """Start a server that guards `services` (full names) and answers health checks for them.

    Args:
        options: Where to listen and how to behave.
        authenticator: Who may call the guarded services; health and reflection are open.
        add_servicers: Registers the servicers on the server.
        services: Full names, such as `mangrove.collector.v1.CollectorService`.
    """
    server = grpc.aio.server(
        interceptors=[_Gate(authenticator, services, options.max_message_bytes)],
        options=[
            ("grpc.max_receive_message_length", options.max_message_bytes * _TRANSPORT_HEADROOM),
            ("grpc.so_reuseport", 0),
        ],
    )
    add_servicers(server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    if options.reflection:
        reflection.enable_server_reflection([*services, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    port = _bind(server, options)
    await server.start()
    for name in ("", *services):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    if options.metrics_port:
        start_http_server(options.metrics_port, addr=options.address.rpartition(":")[0])
    log.info("serving", services=list(services), port=port, tls=options.tls_cert is not None)
    return RunningServer(server, port, tuple(services), options.drain_s, health_servicer)


def _bind(server: grpc.aio.Server, options: ServerOptions) -> int:
    try:
        if options.tls_cert is None and options.tls_key is None:
            return int(server.add_insecure_port(options.address))
        if options.tls_cert is None or options.tls_key is None:
            raise CannotListen("TLS needs both tls_cert and tls_key; one of them is missing. Set both or none.")
        pair = (options.tls_key.read_bytes(), options.tls_cert.read_bytes())
        return int(server.add_secure_port(options.address, grpc.ssl_server_credentials([pair])))
    except OSError:
        raise CannotListen("The TLS files cannot be read. See tls_cert and tls_key in mangrove.toml.") from None
    except RuntimeError:
        raise CannotListen("The server cannot listen there: the address is wrong or the port is in use.") from None


async def serve_until_signal(running: RunningServer) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    await stop.wait()
    log.info("draining", services=list(running.services))
    await running.drain()
