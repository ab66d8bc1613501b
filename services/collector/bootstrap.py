"""Wires the collector and the lander: the only place that chooses adapters."""

import gc
import sys

from prometheus_client import Gauge

from privacy.masking import EventMasker, Masker, Policy
from privacy.masking.actions import TOKEN_TYPES
from privacy.masking.wanted import detector_for
from privacy.pseudonyms import MASKED_TYPES, KeyProvider, Pseudonymiser
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


def policy_at(home: Home) -> Policy:
    """Return the masking policy that the configuration names, or the default."""
    return Policy.load(home.path(home.settings.masking)) if home.settings.masking else Policy()


def event_masker(keys: KeyProvider, policy: Policy | None = None) -> EventMasker:
    """Return the masker of events, with its plan compiled from the schema.

    Raises:
        PolicyInvalid: if the policy names a field, a detector or a model that there is not.
        KeysUnavailable: if a key is missing, of the tokens that the policy asks for too.
    """
    policy = policy or Policy()
    wanted = {TOKEN_TYPES[entity] for entity in policy.tokenised()}
    tokens = Pseudonymiser(keys, [name for name in MASKED_TYPES if name in wanted])
    return EventMasker(wire.event_plan(), tokens, Masker(detector_for(policy), policy, tokens))


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
    servicer = CollectorServicer(event_masker(keys, policy_at(home)), journal, settings.max_events)
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
