"""Wires the collector and the lander: the only place that chooses adapters."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from prometheus_client.registry import Collector

from privacy.errors import MangroveError
from privacy.linkage import Encoder
from privacy.masking import EventMasker, Masker, Policy
from privacy.masking.actions import TOKEN_TYPES
from privacy.masking.unknown import UnknownFields
from privacy.masking.wanted import detector_for
from privacy.pseudonyms import MASKED_TYPES, KeyProvider, Pseudonymiser
from services import metrics, tracing
from services.access import Authenticator
from services.audit import AuditLog
from services.collector import wire
from services.collector.handlers import Collecting
from services.collector.journals.chosen import feeds_at, journal_at, journal_states, lost_through
from services.collector.landed import LandedKeys
from services.collector.lander import Lander
from services.collector.metrics import RESTARTS, WORKERS, DamagedMetrics, DiskMetrics, JournalMetrics
from services.collector.quota import Quotas
from services.collector.tables import DeltaLandedTable
from services.collector.worker import Worker, serve
from services.grpc_room import Limits
from services.grpc_server import ServerOptions, reserved
from services.keys import key_provider
from services.settings import Home
from services.supervisor import Child, Supervisor
from spark_jobs.lake import tables

# Beyond draining: to flush journal and audit.
_FLUSH_S = 5.0


def policy_at(home: Home) -> Policy:
    """Return the masking policy that the configuration names, or the default."""
    return Policy.load(home.path(home.settings.masking)) if home.settings.masking else Policy()


def event_masker(
    keys: KeyProvider, policy: Policy | None = None, unknown_fields: UnknownFields = "refuse"
) -> EventMasker:
    """Return the masker of events, with its plan compiled from the schema.

    Args:
        keys: Has the keys of all tokens and of profile traits.
        policy: What is done with what is found.
        unknown_fields: What becomes of events with fields that the schema does not have.

    Raises:
        PolicyInvalid: if the policy names a field, a detector or a model that there is not.
        KeysUnavailable: if a key is missing, of the tokens that the policy asks for too.
    """
    policy = policy or Policy()
    wanted = {TOKEN_TYPES[entity] for entity in policy.tokenised()}
    tokens = Pseudonymiser(keys, [name for name in MASKED_TYPES if name in wanted])
    masker = Masker(detector_for(policy), policy, tokens)
    return EventMasker(wire.event_plan(), tokens, masker, encoder=Encoder(keys), unknown_fields=unknown_fields)


def event_masker_at(home: Home) -> EventMasker:
    """Return the masker that the configuration describes."""
    return event_masker(key_provider(home), policy_at(home), home.settings.collector.unknown_fields)


def landed_tables(home: Home) -> tuple[DeltaLandedTable, DeltaLandedTable]:
    """Return the tables of events and of refused events."""
    keys = LandedKeys(home.settings.lander.remembered)
    events = DeltaLandedTable(tables.BRONZE_EVENTS, home.lake_root, keys)
    return events, DeltaLandedTable(tables.QUARANTINE_EVENTS, home.lake_root)


def lander_at(home: Home) -> Lander:
    """Return the lander of the configured journals and lake."""
    events, refusals = landed_tables(home)
    return Lander(feeds=feeds_at(home), events=events, refusals=refusals, settings=home.settings.lander)


class NothingLost(MangroveError):
    """The records that were to be skipped are not lost."""

    reason = "NOTHING_LOST"

    def __init__(self) -> None:
        super().__init__(
            "Those records are not lost, so none was skipped: only what a Kafka topic does not hold any more can be. "
            "The lander's log tells the journal's id and the last lost record; a SQLite journal is salvaged instead."
        )


def skip_lost(home: Home, journal_id: str, through: int) -> None:
    """Say that a journal has landed through a sequence, although its records are lost.

    Raises:
        NothingLost: if the journal holds one of them, or is none that loses records.
        LandedElsewhere: if a lander appended at the same time; ask again.
        LakeUnavailable: if the lake cannot be written.
    """
    if not 0 < through <= lost_through(home, journal_id):
        raise NothingLost
    for table in landed_tables(home):
        if table.landed_through(journal_id) < through:
            table.mark(journal_id, through)


def worker_at(home: Home, masker: EventMasker, options: ServerOptions, number: int) -> Worker:
    """Return a worker with its journal."""
    settings = home.settings.collector
    return Worker(
        options,
        Collecting(
            masker=masker,
            journal=journal_at(home, number, wait_s=settings.drain_s + _FLUSH_S),
            quotas=Quotas(home.path("quota"), settings.limits, settings.source_limits),
            max_events=settings.max_events,
        ),
        settings.stream_window,
        Authenticator(home.path(home.settings.access), key_provider(home).secret("access"), "source"),
        AuditLog(home.path(home.settings.audit)),
    )


def server_options(home: Home, address: str = "") -> ServerOptions:
    """Return where the workers listen and how they behave."""
    settings = home.settings.collector

    def file(name: str) -> Path | None:
        return home.path(name) if name else None

    return ServerOptions(
        address=address or settings.address,
        limits=Limits(
            max_message_bytes=settings.max_batch_bytes,
            max_calls=settings.max_calls,
            max_streams=settings.max_streams,
            max_held_bytes=settings.max_held_bytes,
            receive_s=settings.receive_s,
        ),
        tls_cert=file(settings.tls_cert),
        tls_key=file(settings.tls_key),
        tls_client_ca=file(settings.tls_client_ca),
        reflection=settings.reflection,
        shares_port=True,
        pause_s=settings.pause_s,
        drain_s=settings.drain_s,
    )


def serve_collector(home: Home, address: str = "", workers: int = 0) -> int:
    """Run the workers until SIGTERM or SIGINT, then let them drain; return the exit code.

    Args:
        home: The installation.
        address: Where to listen instead of where the settings say.
        workers: How many processes instead of as many as the settings say.

    Raises:
        CannotListen: if the address is wrong or taken.
        PolicyInvalid, KeysUnavailable, MetricsUnavailable: if the configuration is of no use.
    """
    settings = home.settings.collector
    counts = metrics.folder_for(home.folder) if settings.metrics_port else None
    if counts is not None:
        metrics.prepare(counts)
    masker = event_masker_at(home)
    options = server_options(home, address)
    wanted = workers or settings.workers
    WORKERS.labels("wanted").set(wanted)
    with reserved(options.address, settings.drain_s + _FLUSH_S) as listened_at:
        options = replace(options, address=listened_at)
        children = [_worker(home, masker, options, number) for number in range(wanted)]
        if counts is not None:
            children.append(Child("metrics", lambda lifeline: _serve_metrics(home, counts, lifeline)))

        def ended(pid: int, cause: str) -> None:
            RESTARTS.labels(cause).inc()
            if counts is not None:
                metrics.forget(pid, counts)

        drain_s = settings.pause_s + settings.drain_s + _FLUSH_S
        code = Supervisor(children, drain_s=drain_s, on_end=ended).run()
    if counts is not None:
        metrics.discard(counts)
    return code


def _worker(home: Home, masker: EventMasker, options: ServerOptions, number: int) -> Child:
    def run(lifeline: int) -> None:
        WORKERS.labels("alive").set(1)
        tracing.configure(home.settings.tracing, "mangrove-collector", str(number))
        asyncio.run(serve(worker_at(home, masker, options, number), lifeline))
        tracing.close()

    return Child(f"worker-{number}", run)


def _serve_metrics(home: Home, counts: Path, lifeline: int) -> None:
    """Serve what the workers count, from a process of its own, because a process that serves must not fork."""
    settings = home.settings
    folders = {"journal": home.path(settings.journal.folder)}
    if "://" not in settings.lake:
        folders["lake"] = Path(home.lake_root)
    host = settings.collector.address.rpartition(":")[0]
    extra: list[Collector] = [JournalMetrics(lambda: journal_states(home)), DiskMetrics(folders)]
    if settings.journal.kind == "sqlite":
        extra.append(DamagedMetrics(folders["journal"]))
    endpoint = metrics.serve(f"{host}:{settings.collector.metrics_port}", counts, extra)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def watch() -> None:
        os.read(lifeline, 1)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    stop.wait()
    endpoint.close()


@contextmanager
def serve_landing_metrics(home: Home) -> Iterator[None]:
    """Serve the lander's metrics while the block runs, if the settings say so."""
    settings = home.settings.lander
    if not settings.metrics_port:
        yield
        return
    host = home.settings.collector.address.rpartition(":")[0]
    endpoint = metrics.serve(f"{host}:{settings.metrics_port}", None, [JournalMetrics(lambda: journal_states(home))])
    try:
        yield
    finally:
        endpoint.close()
