"""`mangrove collector status`: looks at a collector from outside, without its keys."""

import shutil
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Annotated

import typer

from privacy.errors import MangroveError
from services.collector.status import Counts, Health, JournalState, Seen, Status, counts_of, damaged_journals, summary
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home
from spark_jobs.lake import tables

_ANSWER_S = 5.0
_BETWEEN_S = 1.0
_COMMITS_LOOKED_AT = 50


def status(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say whether the collector serves, what waits, what it counted and what to do; exit 1 when it does not serve."""
    from services.collector.journals.chosen import journal_states

    found = look(Home(home), journal_states)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        _show(found)
    if found.health != "SERVING":
        raise typer.Exit(1)


def look(home: Home, journals: Callable[[Home], list[JournalState]]) -> Status:
    """Look at the collector of an installation; it takes a second, to tell how many events a second come.

    Args:
        home: The installation.
        journals: Tells the state of its journals.
    """
    from services.clients.own_collector import address_of

    settings = home.settings
    metrics = f"http://{address_of(home, settings.collector.metrics_port)}/metrics"
    started = time.monotonic()
    before = _counts(metrics) if settings.collector.metrics_port else None
    if before is not None:
        time.sleep(_BETWEEN_S)
    states, unread = _journals(home, journals)
    return summary(
        Seen(
            address=settings.collector.address,
            health=_health(home),
            tls=bool(settings.collector.tls_cert),
            asks_certificate=bool(settings.collector.tls_client_ca),
            journals=states,
            journals_unread=unread,
            metrics_port=settings.collector.metrics_port,
            counts=_counts(metrics) if before is not None else None,
            events_before=sum(before.verdicts.values()) if before is not None else 0,
            between_s=time.monotonic() - started,
            disk_free_bytes=_disk_free(home) if settings.journal.kind == "sqlite" else None,
            min_free_bytes=settings.journal.min_free_bytes,
            last_landed_at=_last_landed(home.lake_root),
        )
    )


def _journals(home: Home, journals: Callable[[Home], list[JournalState]]) -> tuple[list[JournalState], str]:
    damaged = damaged_journals(home.path(home.settings.journal.folder))
    told = f"Damaged journals were set aside: {', '.join(damaged)}. Salvage them: see docs/operations.md."
    try:
        return journals(home), told if damaged else ""
    except MangroveError as error:
        return [], error.sentence


def _health(home: Home) -> Health:
    """Ask the standard health service, over TLS if the collector has it."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from services.clients.connection import channel
    from services.clients.own_collector import address_of, tls_of

    with channel(address_of(home), tls_of(home)) as opened:
        try:
            answer = health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_S)
        except grpc.RpcError:
            return "NO_ANSWER" if _listens(address_of(home)) else "NOT_RUNNING"
    return "SERVING" if answer.status == health_pb2.HealthCheckResponse.SERVING else "NOT_SERVING"


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except OSError:
        return False
    return True


def _counts(url: str) -> Counts | None:
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            return counts_of(answer.read().decode())
    except (OSError, ValueError, HTTPException):
        return None


def _disk_free(home: Home) -> int:
    folder = home.path(home.settings.journal.folder)
    return shutil.disk_usage(folder if folder.is_dir() else home.folder).free


def _last_landed(lake_root: str) -> datetime | None:
    """Return when the newest events came into the lake, by the table's log; None if none did, or long ago."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        commits = DeltaTable(f"{lake_root}/{tables.BRONZE_EVENTS.path}").history(_COMMITS_LOOKED_AT)
    except (DeltaError, OSError):
        return None
    written = [commit["timestamp"] for commit in commits if commit.get("operation") == "WRITE"]
    return datetime.fromtimestamp(max(written) / 1000, UTC) if written else None


def _show(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    colour = {"SERVING": "green", "NOT_SERVING": "yellow"}.get(found.health, "red")
    console.print(f"[{colour}]{found.health}[/] at {found.address}")
    facts = Table(show_header=False, box=None)
    for name, value in _facts(found):
        facts.add_row(name, value)
    console.print(facts)
    if found.journals:
        waiting = Table("journal", "waiting", "oldest", "size")
        for journal in found.journals:
            waiting.add_row(
                journal.name, f"{journal.waiting_events:,}", f"{journal.oldest_age_s:.1f} s", _size(journal.bytes)
            )
        console.print(waiting)
    for sentence in found.advice:
        console.print(sentence, style="yellow", markup=False)


def _facts(found: Status) -> list[tuple[str, str]]:
    facts = [("lander's lag", f"{found.lag_s:.1f} s"), ("last landing", _moment(found.last_landed_at))]
    if found.disk_free_bytes is not None:
        facts.append(("disk free", _size(found.disk_free_bytes)))
    if found.counts is not None:
        counts = found.counts
        facts += [
            ("workers", f"{counts.workers_alive} of {counts.workers_wanted}, restarts: {counts.restarts}"),
            ("events now", f"{found.events_per_s or 0:,.0f} a second"),
            ("verdicts", _numbers(counts.verdicts)),
            ("refused calls", _numbers(counts.refused)),
        ]
    return facts


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _moment(moment: datetime | None) -> str:
    return "not known" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _size(count: int) -> str:
    return f"{count / 1024**3:,.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:,.1f} MiB"
