"""Uvicorn as the edge runs it: ends by itself after draining, logs nothing, waits for nobody too long."""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.addresses import checked, why_not
from services.edge.app import Drain
from services.edge.errors import CannotListen

log = structlog.get_logger()

_MOST_CONNECTIONS = 1024


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the edge listens and how long it waits.

    `address` is host:port, port 0 picks a free one. `tls_cert` and `tls_key` are PEM files; both or none. `head_s`
    is how long a client may take over the head of a request, `drain_s` how long running requests may take to finish
    after SIGTERM, both in seconds.
    """

    address: str
    tls_cert: Path | None
    tls_key: Path | None
    head_s: float
    drain_s: float


async def serve(app: Starlette, listening: Listening, drain: Drain) -> None:
    """Serve an application until SIGTERM or SIGINT, then let what runs finish.

    Raises:
        CannotListen: if the address or the TLS files are of no use.
    """
    with listening_at(listening.address) as listener:
        server = _Server(_configuration(app, listening))
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, server.drain, drain)
        log.info("serving_edge", port=listener.getsockname()[1], tls=listening.tls_cert is not None)
        await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn's own handlers end the process by the signal after draining."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the handlers as they are."""
        yield

    def drain(self, drain: Drain) -> None:
        """Be no longer ready, take no more connections, and end when the running requests are answered."""
        log.info("draining_edge")
        drain.begin()
        self.should_exit = True


def _configuration(app: Starlette, listening: Listening) -> uvicorn.Config:
    configuration = uvicorn.Config(
        app,
        loop="asyncio",
        http=_impatient(listening.head_s),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # its error log holds stack traces, and with them what an exception says
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=round(listening.drain_s),
        ssl_certfile=listening.tls_cert,
        ssl_keyfile=listening.tls_key,
    )
    try:
        configuration.load()
    except (OSError, ssl.SSLError):
        raise CannotListen("The TLS files are of no use. See [edge] tls_cert and tls_key in mangrove.toml.") from None
    return configuration


def _impatient(head_s: float) -> type[H11Protocol]:
    """Return a protocol that closes connections on which the head of a request takes longer than `head_s`."""

    class Impatient(H11Protocol):
        _closing: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is None or self.cycle.response_complete:
                self._wait_for_head()
            else:
                self._wait_no_more()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_more()
            super().connection_lost(exc)

        def _wait_for_head(self) -> None:
            if self._closing is None:
                self._closing = self.loop.call_later(head_s, self.transport.close)

        def _wait_no_more(self) -> None:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None

    return Impatient


@contextlib.contextmanager
def listening_at(address: str) -> Generator[socket.socket, None, None]:
    """Yield a socket that listens at host:port, [host]:port for IPv6.

    Raises:
        AddressInvalid: if it is no address.
        CannotListen: if the address is not of this machine or in use.
    """
    host, _, port = checked(address).rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends answers without delay only where the protocol is told; else each takes 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), int(port)))
            listener.listen(_MOST_CONNECTIONS)
        except (OSError, ValueError, OverflowError) as error:
            raise CannotListen(f"The edge cannot listen there: {why_not(error)}") from None
        yield listener
