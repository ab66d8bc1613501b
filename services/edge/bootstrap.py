"""Wires the edge and runs it: the only place that chooses adapters."""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Generator

import structlog
import uvicorn
from starlette.applications import Starlette

from services.adapters import webhooks
from services.adapters.segment import ConsentRules
from services.clients.collector_async import AsyncCollectorClient
from services.clients.connection import ClientTls
from services.edge.app import Drain, build_app
from services.edge.bodies import Bodies
from services.edge.errors import CannotListen
from services.edge.ports import EventSink, Readiness
from services.edge.readiness import CollectorHealth
from services.edge.segment import SegmentApi
from services.settings import Home

log = structlog.get_logger()

_MOST_CONNECTIONS = 1024


def edge_app(home: Home, sink: EventSink, readiness: Readiness, drain: Drain) -> Starlette:
    """Return the application that the configuration describes: the tracking API and the declared webhooks."""
    settings = home.settings.edge
    consent = ConsentRules.of(settings.default_purposes, settings.consent_categories)
    api = SegmentApi(sink, consent, Bodies(settings.max_body_bytes, settings.timeout_s))
    return build_app([*api.routes(), *webhooks.routes(settings, home, sink)], readiness, drain)


async def serve_edge(home: Home, address: str = "") -> None:
    """Serve until SIGTERM or SIGINT, then let what runs finish.

    Args:
        home: The installation.
        address: host:port to listen at instead of where the settings say; port 0 picks a free one.

    Raises:
        CannotListen: if the address or the TLS files are of no use.
    """
    settings = home.settings.edge
    collector = settings.collector or home.settings.collector.address
    tls = ClientTls(ca=home.path(settings.collector_ca)) if settings.collector_ca else None
    health = CollectorHealth(collector, tls)
    drain = Drain()
    async with AsyncCollectorClient(collector, tls=tls, timeout_s=settings.timeout_s) as sink:
        with _listening(address or settings.address) as listener:
            server = _Server(_configuration(home, edge_app(home, sink, health, drain)))
            loop = asyncio.get_running_loop()
            for signum in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(signum, server.drain, drain)
            log.info("serving_edge", port=listener.getsockname()[1], tls=bool(settings.tls_cert))
            await server.serve(sockets=[listener])
    await health.close()


class _Server(uvicorn.Server):
    """Uvicorn, which leaves signals to us: its own handlers would end the process by the signal after draining."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the handlers as they are."""
        yield

    def drain(self, drain: Drain) -> None:
        """Be no longer ready, take no more connections, and end when the running requests are answered."""
        log.info("draining_edge")
        drain.begin()
        self.should_exit = True


def _configuration(home: Home, app: Starlette) -> uvicorn.Config:
    settings = home.settings.edge
    configuration = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # its error log holds stack traces, and with them what an exception says
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=round(settings.drain_s),
        ssl_certfile=str(home.path(settings.tls_cert)) if settings.tls_cert else None,
        ssl_keyfile=str(home.path(settings.tls_key)) if settings.tls_key else None,
    )
    try:
        configuration.load()
    except (OSError, ssl.SSLError):
        raise CannotListen("The TLS files are of no use. See [edge] tls_cert and tls_key in mangrove.toml.") from None
    return configuration


@contextlib.contextmanager
def _listening(address: str) -> Generator[socket.socket, None, None]:
    host, _, port = address.rpartition(":")
    try:
        listener = socket.create_server(
            (host.strip("[]"), int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except (OSError, ValueError, OverflowError):
        raise CannotListen("The edge cannot listen there: the address is wrong or the port is in use.") from None
    with listener:
        yield listener
