"""Wires the collector and the lander: the only place that chooses adapters."""

import gc
import sys

from prometheus_client import Gauge

from privacy.masking import EventMasker, Masker
from privacy.pseudonyms import KeyProvider, Pseudonymiser
from services.access import Authenticator
from services.collector import wire
from services.collector.journal import SqliteJournal
from services.collector.lander import Lander
from services.collector.servicer import SERVICE, CollectorServicer
from services.collector.tables import DeltaLandedTable
from services.grpc_server import RunningServer, ServerOptions, serve_until_signal, start_server
from services.keys import key_provider
from services.settings import Home
from spark_jobs.lake import tables

_SWITCH_S = 0.001

JOURNAL_DEPTH = Gauge("mangrove_journal_depth", "Records that wait to be landed.")


def event_masker(keys: KeyProvider) -> EventMasker:
    """Return the masker of events, with its plan compiled from the schema."""
    return EventMasker(wire.event_plan(), Pseudonymiser(keys), Masker.default())


def journal_at(home: Home) -> SqliteJournal:
    """Return the journal that the configuration names."""
    collector = home.settings.collector
    return SqliteJournal(home.path(collector.journal), collector.max_unlanded_events)


def lander_at(home: Home) -> Lander:
    """Return the lander of the configured journal and lake."""
    journal = journal_at(home)
    return Lander(
        journal=journal,
        events=DeltaLandedTable(tables.BRONZE_EVENTS, home.lake_root),
        refusals=DeltaLandedTable(tables.QUARANTINE_EVENTS, home.lake_root),
        settings=home.settings.lander,
    )


async def start_collector(home: Home, address: str = "") -> tuple[RunningServer, SqliteJournal]:
    """Start the collector that the configuration describes, at `address` if it is given."""
    settings = home.settings.collector
    keys = key_provider(home)
    journal = journal_at(home)
    JOURNAL_DEPTH.set_function(journal.depth)
    servicer = CollectorServicer(event_masker(keys), journal, settings.max_events)
    running = await start_server(
        ServerOptions(
            address=address or settings.address,
            max_message_bytes=settings.max_batch_bytes,
            tls_cert=home.path(settings.tls_cert) if settings.tls_cert else None,
            tls_key=home.path(settings.tls_key) if settings.tls_key else None,
            reflection=settings.reflection,
            metrics_port=settings.metrics_port,
            drain_s=settings.drain_s,
        ),
        Authenticator(home.path(home.settings.access), keys.secret("access"), "source"),
        servicer.add_to,
        [SERVICE],
    )
    return running, journal


async def serve_collector(home: Home, address: str = "") -> None:
    """Serve until SIGTERM or SIGINT, then drain and close the journal."""
    # The journal's thread asks for the interpreter's lock after each statement; it must not wait long for it.
    sys.setswitchinterval(_SWITCH_S)
    running, journal = await start_collector(home, address)
    # What is there now stays for good: the garbage collector need not look at it with every batch.
    gc.freeze()
    try:
        await serve_until_signal(running)
    finally:
        journal.close()
