"""How a collector is doing: what was seen of it, and what an operator makes of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from prometheus_client.parser import text_string_to_metric_families

Health = Literal["SERVING", "NOT_SERVING", "NO_ANSWER", "NOT_RUNNING"]
"""NOT_RUNNING: nothing listens. NO_ANSWER: something does, and does not answer a health check of ours."""

_LATE_S = 30.0

_WORKERS, _RESTARTS = "mangrove_collector_workers", "mangrove_collector_worker_restarts_total"
_VERDICTS, _CALLS = "mangrove_collector_verdicts_total", "mangrove_grpc_calls_total"
_LABELS = {_WORKERS: "state", _RESTARTS: "cause", _VERDICTS: "verdict", _CALLS: "reason"}


@dataclass(frozen=True, slots=True)
class JournalState:
    """A journal now: events and refusals that wait, age of the oldest in seconds, bytes on disk (0 if elsewhere)."""

    name: str
    waiting_events: int
    oldest_age_s: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a collector counted since it started.

    `verdicts` is by verdict, `refused` by reason: calls of which nothing was taken.
    """

    workers_alive: int = 0
    workers_wanted: int = 0
    restarts: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be seen of a collector from outside.

    `tls` is whether it is asked over TLS, `asks_certificate` whether it asks clients for a certificate.
    `counts` is None when no metrics could be read, `metrics_port` 0 when none are served. `events_before` is how
    many events had a verdict `between_s` seconds before `counts`. `disk_free_bytes` is None for journals elsewhere,
    `journals_unread` the sentence that says why they could not be read.
    """

    address: str
    health: Health
    journals: Sequence[JournalState] = ()
    journals_unread: str = ""
    metrics_port: int = 0
    counts: Counts | None = None
    events_before: int = 0
    between_s: float = 1.0
    disk_free_bytes: int | None = None
    min_free_bytes: int = 0
    last_landed_at: datetime | None = None
    tls: bool = False
    asks_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What an operator asks first; `advice` is what to do, one sentence a matter, empty when all is well.

    `lag_s` is the age of the oldest event that has not landed; `events_per_s` are verdicts a second just now.
    """

    address: str
    health: Health
    journals: Sequence[JournalState]
    lag_s: float
    disk_free_bytes: int | None
    last_landed_at: datetime | None
    counts: Counts | None
    events_per_s: float | None
    advice: Sequence[str]


def damaged_journals(folder: Path) -> list[str]:
    """Return the names of SQLite journals in a folder that were set aside and not removed since."""
    return sorted(path.name for path in folder.glob("*.damaged"))


def counts_of(exposition: str) -> Counts:
    """Read Prometheus text.

    Raises:
        ValueError: if it is none.
    """
    found: dict[str, dict[str, int]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name in _LABELS:
                by_label = found.setdefault(sample.name, {})
                label = sample.labels.get(_LABELS[sample.name], "")
                by_label[label] = by_label.get(label, 0) + int(sample.value)
    workers = found.get(_WORKERS, {})
    return Counts(
        workers_alive=workers.get("alive", 0),
        workers_wanted=workers.get("wanted", 0),
        restarts=sum(found.get(_RESTARTS, {}).values()),
        verdicts=found.get(_VERDICTS, {}),
        refused={reason: count for reason, count in found.get(_CALLS, {}).items() if reason != "OK"},
    )


def summary(seen: Seen) -> Status:
    """Say how a collector is doing."""
    counts = seen.counts
    events = sum(counts.verdicts.values()) if counts else 0
    return Status(
        address=seen.address,
        health=seen.health,
        journals=sorted(seen.journals, key=lambda journal: journal.name),
        lag_s=max((journal.oldest_age_s for journal in seen.journals), default=0.0),
        disk_free_bytes=seen.disk_free_bytes,
        last_landed_at=seen.last_landed_at,
        counts=counts,
        events_per_s=max(0.0, (events - seen.events_before) / seen.between_s) if counts else None,
        advice=_advice(seen),
    )


def _why_no_answer(seen: Seen) -> str:
    if seen.asks_certificate:
        return (
            "The collector asks clients for a certificate of tls_client_ca: set local_cert and local_key of "
            "[collector] to one, with its key. Or it is stuck: see its log."
        )
    if seen.tls:
        return "It may have another certificate than tls_cert, speak no TLS, or be stuck: see its log."
    return "It may speak TLS although tls_cert is not set, be another program, or be stuck: see its log."


def _advice(seen: Seen) -> list[str]:
    said = []
    if seen.health == "NOT_RUNNING":
        said.append(f"No collector answers at {seen.address}. Start it with `mangrove collector serve`.")
    if seen.health == "NO_ANSWER":
        said.append(f"Something listens at {seen.address}, but does not answer. {_why_no_answer(seen)}")
    if seen.health == "NOT_SERVING":
        said.append("The collector is draining: it finishes what it holds and takes nothing new.")
    if seen.health == "SERVING" and not seen.metrics_port:
        said.append("Workers and verdicts are not known: set metrics_port of [collector] in mangrove.toml.")
    if seen.health == "SERVING" and seen.metrics_port and seen.counts is None:
        said.append(f"Nothing serves metrics on port {seen.metrics_port}: the collector may still be starting.")
    if seen.counts and seen.counts.workers_alive < seen.counts.workers_wanted:
        alive, wanted = seen.counts.workers_alive, seen.counts.workers_wanted
        said.append(f"{alive} of {wanted} workers are alive; dead ones are started again. The log says why they ended.")
    if seen.journals_unread:
        said.append(seen.journals_unread)
    if any(journal.oldest_age_s > _LATE_S for journal in seen.journals):
        said.append(f"Events wait for more than {_LATE_S:.0f} s. See whether `mangrove lander run` runs, and its log.")
    if seen.disk_free_bytes is not None and seen.disk_free_bytes < 2 * seen.min_free_bytes:
        said.append("The journals' disk is almost full: below min_free_bytes the collector takes nothing. Make room.")
    return said
