"""Prometheus metrics of a server that is one process or many.

Many processes count into mapped files of one folder, each into its own; whoever serves the metrics adds them up.
The order in the parent of all: `prepare`, then fork; in the serving process `serve`; for each dead one `forget`.
A touch of a metric costs 1 to 3 microseconds with files and about the same without.

Metrics are declared with labels, all of them: a series comes to be at its first touch, so a module that declares
metrics may be imported before `prepare` has said where they are kept.
"""

import fcntl
import hashlib
import os
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from socket import AF_INET6
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Metric, make_wsgi_app, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from privacy.errors import MangroveError
from services.addresses import AddressInvalid, checked, why_not

log = structlog.get_logger()

_MEMORY = Path("/dev/shm")
_LOCK, _LOCK_S, _LOOK_S = "lock", 0.5, 0.002
_DEAD = "dead"
_READ_TIMEOUT_S = 10

# These parts of the library have no types.
_values: Any = values
_mapped: Any = MmapedDict
_merge: Any = MultiProcessCollector.merge


class MetricsUnavailable(MangroveError):
    """Metrics cannot be kept or served where the configuration says."""

    reason = "METRICS_UNAVAILABLE"


def folder_for(home: Path) -> Path:
    """Return where the processes of an installation keep their counts: in memory if the system has a folder there.

    A process that writes to a mapped file of a full disk is killed, and a full disk must not stop the collector.
    """
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        return home / "metrics"
    return _MEMORY / f"mangrove-{os.getuid()}-{hashlib.blake2b(str(home).encode(), digest_size=8).hexdigest()}"


def prepare(folder: Path) -> None:
    """Count into files from now on, from zero; this process and those that it forks.

    Call it before the first metric is touched and before the first fork, and only when nothing else runs that
    counts into the same folder: what it holds is removed.

    Raises:
        MetricsUnavailable: if the folder cannot be made, or others may write there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise MetricsUnavailable(f"The folder of the metrics, {folder}, is open to others. Remove it, start again.")
        for path in folder.glob("*.db"):
            path.unlink()
    except OSError:
        raise MetricsUnavailable(
            f"The folder of the metrics, {folder}, cannot be made. See its parent's rights."
        ) from None
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    _values.ValueClass = _values.get_value_class()


def discard(folder: Path) -> None:
    """Remove the files of a run that is over."""
    rmtree(folder, ignore_errors=True)


def forget(pid: int, folder: Path) -> None:
    """Let go of a dead process: its gauges vanish, its counts are added to those of all the dead.

    However many processes die, the folder holds no more files than for those that live and one of each kind.
    Call it after the process was waited for, before the next one is forked: the system may give its number again.
    """
    with _locked(folder, fcntl.LOCK_EX):
        for path in folder.glob(f"*_{pid}.db"):
            if not path.name.startswith("gauge"):
                _add(path, folder / f"{path.name.partition('_')[0]}_{_DEAD}.db")
            path.unlink()


def _add(path: Path, total: Path) -> None:
    kept = _mapped(str(total))
    try:
        for key, value, _, _ in _mapped.read_all_values_from_file(str(path)):
            kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
    except (struct.error, RuntimeError, ValueError):
        # Killed while it made the file: what it says up to there is all there is.
        log.warning("metrics_file_cut", kind=path.name.partition("_")[0])
    finally:
        kept.close()


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Keep scrapes and merging apart: half-way, a dead process would be counted twice.

    Who waits too long goes on: a scrape that is a little wrong is better than a supervisor that stands still.
    """
    until = time.monotonic() + _LOCK_S
    with (folder / _LOCK).open("a") as held:
        while True:
            try:
                fcntl.flock(held, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(_LOOK_S)
                    continue
            break
        yield


class _AllProcesses(Collector):
    """The sum over the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        with _locked(self._folder, fcntl.LOCK_SH):
            # A file that was opened a moment ago is still empty, and cannot be read.
            files = [str(path) for path in self._folder.glob("*.db") if path.stat().st_size]
            return list(_merge(files))


class Endpoint:
    """A running /metrics.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, server: WSGIServer) -> None:
        self._server = server
        self.port: int = server.server_port
        self._thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(address: str, folder: Path | None, extra: Sequence[Collector] = ()) -> Endpoint:
    """Serve /metrics at host:port (port 0 picks a free one) from a thread of this process.

    A process that serves must not fork any more: its thread could hold a lock at that moment.

    Args:
        address: host:port; an IPv6 host in brackets.
        folder: Where many processes count; None to serve the counts of this process alone.
        extra: Collectors that are asked at each scrape. They run in the serving thread.

    Raises:
        MetricsUnavailable: if nothing can listen there.
    """
    registry = CollectorRegistry()
    for collector in (REGISTRY if folder is None else _AllProcesses(folder), *extra):
        registry.register(collector)
    try:
        host, _, port = checked(address).rpartition(":")
        host = host.strip("[]")
        return Endpoint(make_server(host, int(port), _app(registry), _Server6 if ":" in host else _Server, _Handler))
    except (AddressInvalid, OSError, UnicodeError) as error:
        raise MetricsUnavailable(f"Metrics cannot be served there (see metrics_port): {why_not(error)}") from None


def _app(registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return metrics(environ, start_response)  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001 - the server would print the text of whatever it is
            log.error("scrape_failed", error_type=type(error).__name__)
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"The metrics cannot be told now. See the log.\n"]

    return app


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what kind of thing failed; the default prints a stack trace and who asked."""
        kind = sys.exc_info()[0]
        log.warning("scrape_cut", error_type=kind.__name__ if kind else "")


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _READ_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing of each scrape."""
