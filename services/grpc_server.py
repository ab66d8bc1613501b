"""One way to run a gRPC server: TLS, health, reflection, the gate before its methods, graceful drain."""

import asyncio
import contextlib
import errno
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from privacy.errors import MangroveError
from services.access import Authenticator
from services.addresses import checked, why_not
from services.audit import AuditLog
from services.grpc_gate import Gate
from services.grpc_room import Limits
from services.tls import server_credentials

log = structlog.get_logger()

# The transport refuses by the announced length, before it reads, but without a reason code; so we refuse what is
# only a little too large.
_TRANSPORT_HEADROOM = 64 * 1024
_LOOK_S = 0.1
_PINGS_APART_MS, _ASK_EVERY_MS = 10_000, 60_000
_CALLS_A_CONNECTION = 128
_READ_AT_ONCE = 64 * 1024
_HEALTH_TOLD_S = 1.0


class CannotListen(MangroveError):
    """The address or the TLS files are of no use."""

    reason = "CANNOT_LISTEN"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a server listens and how it behaves.

    Attributes:
        address: host:port; port 0 picks a free one.
        limits: What it holds at once.
        tls_cert: PEM file; with `tls_key`, or None for plain text.
        tls_key: PEM file.
        tls_client_ca: PEM file of the authority that clients' certificates must be of; None for none asked for.
        reflection: Whether the schema is served, to anybody.
        shares_port: Whether other processes listen on the same port (SO_REUSEPORT).
        pause_s: How long calls are still taken after health says NOT_SERVING, in seconds.
        drain_s: How long running calls may then take to finish, in seconds.
    """

    address: str
    limits: Limits = field(default_factory=Limits)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    reflection: bool = False
    shares_port: bool = False
    pause_s: float = 0.0
    drain_s: float = 10.0


@dataclass(slots=True)
class RunningServer:
    """A started server: its port, its health, and the way to stop it."""

    server: grpc.aio.Server
    port: int
    services: tuple[str, ...]
    options: ServerOptions
    _health: health.aio.HealthServicer

    async def drain(self) -> None:
        """Answer NOT_SERVING, wait until callers have seen it, refuse new calls, let the running ones finish."""
        log.info("draining", services=list(self.services))
        # A watcher that does not read must not keep the others from being told, nor us from stopping.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._health.enter_graceful_shutdown(), _HEALTH_TOLD_S)
        await asyncio.sleep(self.options.pause_s)
        await self.server.stop(self.options.drain_s)


async def start_server(
    options: ServerOptions,
    authenticator: Authenticator,
    add_servicers: Callable[[grpc.aio.Server], None],
    services: Sequence[str],
    audit: AuditLog | None = None,
) -> RunningServer:
    """Start a server that guards `services` (full names) and answers health checks for them.

    Args:
        options: Where to listen and how to behave.
        authenticator: Who may call the guarded services; health and reflection are open.
        add_servicers: Registers the servicers on the server.
        services: Full names, such as `mangrove.collector.v1.CollectorService`.
        audit: Where callers that were turned away are noted.

    Raises:
        CannotListen: if the address is taken or the TLS files are of no use.
    """
    server = grpc.aio.server(
        interceptors=[Gate(authenticator, services, options.limits, audit)],
        options=[
            ("grpc.max_receive_message_length", options.limits.max_message_bytes + _TRANSPORT_HEADROOM),
            ("grpc.so_reuseport", int(options.shares_port)),
            # Clients of idle streams ask whether we are there; by default that counts as an attack.
            ("grpc.http2.min_ping_interval_without_data_ms", _PINGS_APART_MS),
            # And we ask whether clients are there: a dead one would hold its calls for ever.
            ("grpc.keepalive_time_ms", _ASK_EVERY_MS),
            ("grpc.max_concurrent_streams", _CALLS_A_CONNECTION),
            # Else the window of every stream grows to 4 MiB, read or not, while the process has memory left. A request
            # that is being read gets room for all of itself without that; one that waits gets 64 KiB.
            ("grpc.http2.bdp_probe", 0),
            # And a connection reads into no more than this at once, instead of buffers that grow with what comes.
            ("grpc.experimental.tcp_max_read_chunk_size", _READ_AT_ONCE),
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
    log.info("serving", services=list(services), port=port, tls=options.tls_cert is not None)
    return RunningServer(server, port, tuple(services), options, health_servicer)


def _bind(server: grpc.aio.Server, options: ServerOptions) -> int:
    try:
        if options.tls_cert is None and options.tls_key is None:
            return int(server.add_insecure_port(options.address))
        if options.tls_cert is None or options.tls_key is None:
            raise CannotListen("TLS needs both tls_cert and tls_key; one of them is missing. Set both or none.")
        credentials = server_credentials(options.tls_cert, options.tls_key, options.tls_client_ca)
        return int(server.add_secure_port(options.address, credentials))
    except RuntimeError:
        raise CannotListen("The server cannot listen there: the address is wrong or the port is in use.") from None


async def keep_serving(
    start: Callable[[], Awaitable[RunningServer]], stop: asyncio.Event, on_start: Callable[[], None] = lambda: None
) -> RunningServer:
    """Serve until SIGTERM, SIGINT or `stop`; return the server that is to be drained.

    gRPC's server for asyncio ends for good, and nobody is told, when a peer sends a method's name that is not UTF-8
    (grpcio 1.85): its accept loop dies with the error. Then another one is started in its place.

    Args:
        start: Starts a server.
        stop: Ends serving when it is set.
        on_start: Called when the first one listens.
    """
    loop, fallen = asyncio.get_running_loop(), asyncio.Event()

    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), UnicodeDecodeError):
            fallen.set()
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(note)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    running = await start()
    on_start()
    while True:
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, fallen)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if stop.is_set():
            return running
        fallen.clear()
        log.error("server_fell", services=list(running.services))
        running = await start()


@contextlib.contextmanager
def reserved(address: str, wait_s: float) -> Iterator[str]:
    """Keep a port for processes that will share it, and say where it is.

    A port that is shared can be joined by anybody's processes unseen; so it is first tried whether it is free.

    Args:
        address: host:port; port 0 picks a free one.
        wait_s: How long to wait for earlier processes that still drain, in seconds.

    Raises:
        AddressInvalid, CannotListen: if the address is none, is not one of this machine, or is taken.
    """
    host, _, port = checked(address).rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"The server cannot listen there: {why_not(error)}") from None
    until = time.monotonic() + wait_s
    with socket.socket(family, kind, protocol) as held:
        while not is_free(family, place):
            if time.monotonic() >= until:
                raise CannotListen(f"The server cannot listen there: {why_not(OSError(errno.EADDRINUSE, ''))}")
            time.sleep(_LOOK_S)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind(place)
        except OSError as error:
            raise CannotListen(f"The server cannot listen there: {why_not(error)}") from None
        yield f"{host}:{held.getsockname()[1]}"


def is_free(family: int, place: tuple[Any, ...]) -> bool:
    """Say whether nobody listens at an address of a socket's family; one that was just let go counts as free."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True
