"""Wires the edge: the only place that chooses adapters."""

from pathlib import Path

from starlette.applications import Starlette

from services.adapters import webhooks
from services.adapters.segment import ConsentRules
from services.clients.collector_async import AsyncCollectorClient
from services.clients.connection import ClientTls
from services.clients.own_collector import address_of, tls_of
from services.edge.app import Drain, build_app
from services.edge.bodies import Bodies
from services.edge.handover import ToldSink
from services.edge.ports import EventSink, Readiness
from services.edge.readiness import CollectorHealth
from services.edge.segment import SegmentApi
from services.edge.server import Listening, serve
from services.settings import Home


def edge_app(home: Home, sink: EventSink, readiness: Readiness, drain: Drain) -> Starlette:
    """Return the application that the configuration describes: the tracking API and the declared webhooks."""
    settings = home.settings.edge
    sink = ToldSink(sink)
    consent = ConsentRules.of(settings.default_purposes, settings.consent_categories)
    api = SegmentApi(sink, consent, Bodies(settings.max_body_bytes, settings.timeout_s))
    return build_app([*api.routes(), *webhooks.routes(settings, home, sink)], readiness, drain)


def collector_tls(home: Home) -> ClientTls | None:
    """Return how the edge reaches its collector over TLS, None for plain text."""
    settings = home.settings.edge

    def file(name: str) -> Path | None:
        return home.path(name) if name else None

    given = ClientTls(file(settings.collector_ca), file(settings.collector_cert), file(settings.collector_key))
    own = None if settings.collector else tls_of(home)
    if own is None:
        return given if given != ClientTls() else None
    shown = given if given.cert or given.key else own
    return ClientTls(given.ca or own.ca, shown.cert, shown.key, own.name)


async def serve_edge(home: Home, address: str = "") -> None:
    """Serve until SIGTERM or SIGINT, then let what runs finish.

    Args:
        home: The installation.
        address: host:port to listen at instead of where the settings say; port 0 picks a free one.

    Raises:
        CannotListen: if the address or the TLS files are of no use.
        TlsInvalid: if the files for TLS with the collector are of no use.
    """
    settings = home.settings.edge
    collector = settings.collector or address_of(home)
    tls = collector_tls(home)
    drain = Drain()
    listening = Listening(
        address=address or settings.address,
        tls_cert=home.path(settings.tls_cert) if settings.tls_cert else None,
        tls_key=home.path(settings.tls_key) if settings.tls_key else None,
        head_s=settings.timeout_s,
        drain_s=settings.drain_s,
    )
    async with (
        AsyncCollectorClient(collector, tls=tls, timeout_s=settings.timeout_s) as sink,
        CollectorHealth(collector, tls) as health,
    ):
        await serve(edge_app(home, sink, health, drain), listening, drain)
