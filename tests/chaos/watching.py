"""What can be seen of running servers from outside: health, processes, memory, files, logs."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from services.settings import Home
from tests.servers import start, stop

_LISTEN = "0A"


@contextmanager
def landing(home: Home) -> Iterator[None]:
    """Run a lander that must still be there at the end."""
    lander = start(home, "lander", "run")
    try:
        yield
        assert lander.poll() is None, "the lander died"
    finally:
        stop(lander)


def is_serving(home: Home) -> bool:
    with grpc.insecure_channel(home.settings.collector.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def listeners_on(port: int) -> int:
    """How many sockets listen on a port: one for each worker."""
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table]
    return sum(1 for row in rows if row[1].endswith(f":{port:04X}") and row[3] == _LISTEN)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def peak_rss_mb(pid: int) -> float:
    """The most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def log_of(home: Home, name: str) -> str:
    return (home.folder / f"{name}.log").read_text()


def metrics_at(port: int) -> dict[str, list[float]]:
    """The values of every metric that is served on a port of loopback."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
        families = list(text_string_to_metric_families(page.read().decode()))
    values: dict[str, list[float]] = {}
    for sample in (sample for family in families for sample in family.samples):
        values.setdefault(sample.name, []).append(sample.value)
    return values
