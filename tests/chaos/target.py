"""A collector that is attacked: started with workers, called with any octets, looked at and searched afterwards."""

import asyncio
import contextlib
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from prometheus_client.parser import text_string_to_metric_families

from services.clients.refusals import refusal_of
from services.collector.bootstrap import lander_at
from services.demo.scan import Needles, scan
from services.demo.servers import free_port
from services.errors import CATALOGUE
from services.installation import administration_of, api_key_of
from services.keys import key_provider
from services.settings import Home
from tests.chaos.hostile import PLANTED
from tests.chaos.http2 import COLLECT, COLLECT_STREAM, RawConnection
from tests.chaos.source import Source
from tests.chaos.watching import children_of, is_serving, listeners_on, open_files, peak_rss_mb, rss_mb
from tests.servers import new_home, start, stop, wait_ready

MOST_MORE_MB = 400
"""How much more memory a worker may ever take than it began with.

A thousand slow clients take 250 to 320: 128 for the 32 requests that are read, 64 for the others' windows, the rest
for the connections and for what malloc keeps in pieces.
"""

_TRANSPORTS_OWN = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED}
_QUIET_S, _PATIENCE_S, _RECOVERED_S = 0.3, 60.0, 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to: its code, the reason, and everything that was said."""

    code: grpc.StatusCode
    reason: str
    told: bytes

    @property
    def is_typed(self) -> bool:
        """Whether it is an answer that a client can do something with."""
        return self.reason in {"OK", *CATALOGUE} - {"INTERNAL"} or self.code in _TRANSPORTS_OWN


class Target:
    """A running collector, and the way to it.

    Args:
        folder: Its home.
        workers: How many processes.
        more: More settings of the collector.
    """

    def __init__(self, folder: Path, workers: int = 2, more: str = "") -> None:
        self._metrics_port = free_port()
        self._workers = workers
        new_home(folder)
        configuration = folder / "mangrove.toml"
        told = f"metrics_port = {self._metrics_port}\nworkers = {workers}\n{more}\n"
        configuration.write_text(configuration.read_text().replace("metrics_port = 0", told, 1))
        self.home = Home(folder)
        self.port = int(self.home.settings.collector.address.rpartition(":")[2])
        administration_of(self.home, key_provider(self.home).secret("access")).add("attacker", "source")
        self.key = (("authorization", f"Bearer {api_key_of(self.home, 'attacker')}"),)
        self._process = start(self.home, "collector", "serve")
        wait_ready(self.home.settings.collector.address)
        self.processes = children_of(self._process.pid)
        for _ in range(4 * workers):
            self._takes_events()
        self._began_with_mb = {pid: rss_mb(pid) for pid in self.processes}
        self._began_with_files = self.open_files
        self._seen = Needles(PLANTED)
        self.leaks: set[str] = set()
        self._channel = self._connected()

    def stop(self) -> int:
        """Stop it; return its exit code."""
        self._channel.close()
        return stop(self._process)

    @property
    def open_files(self) -> int:
        """How many descriptors the processes have open."""
        return sum(open_files(pid) for pid in self.processes)

    @property
    def more_files(self) -> int:
        """How many more than at the beginning."""
        return self.open_files - self._began_with_files

    @property
    def most_more_mb(self) -> float:
        """The most memory that a worker ever took beyond what it began with."""
        return max(peak_rss_mb(pid) - self._began_with_mb.get(pid, 0) for pid in self.processes)

    def call(
        self, body: bytes, metadata: Sequence[tuple[str, str]] | None = None, *, path: str = COLLECT, gzip: bool = False
    ) -> Answer:
        """Send any octets as a request, with the key unless other metadata is given."""
        call = self._channel.unary_unary(path)
        how = grpc.Compression.Gzip if gzip else None
        metadata = self.key if metadata is None else metadata
        return self._answer(
            lambda: call(body, metadata=metadata, timeout=_PATIENCE_S, compression=how, wait_for_ready=True)
        )

    def stream(self, bodies: Sequence[bytes]) -> Answer:
        """Send any octets as the requests of one stream."""
        call = self._channel.stream_stream(COLLECT_STREAM)
        return self._answer(
            lambda: b"".join(call(iter(bodies), metadata=self.key, timeout=_PATIENCE_S, wait_for_ready=True))
        )

    def _answer(self, called: Callable[[], bytes]) -> Answer:
        try:
            answer = Answer(grpc.StatusCode.OK, "OK", called())
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            said = f"{error.details()} {error.trailing_metadata()} {refusal}"
            answer = Answer(refusal.code, refusal.reason, said.encode())
        self.leaks |= self._seen.found_in(answer.told)
        return answer

    async def connect_with(self, octets: bytes) -> None:
        """Send any octets on a fresh connection, and read until the server closes it or says no more."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        told = b""
        with contextlib.suppress(OSError, TimeoutError):
            writer.write(octets)
            async with asyncio.timeout(_QUIET_S):
                await writer.drain()
                while part := await reader.read(65_536):
                    told += part
        writer.close()
        self.leaks |= self._seen.found_in(told)

    async def raw(self, **values: int) -> RawConnection:
        """A connection whose frames are written by hand."""
        return await RawConnection.open(self.port, **values)

    def calls_by_reason(self) -> Counter[str]:
        """How many guarded calls ended how."""
        by_reason: Counter[str] = Counter()
        for family in text_string_to_metric_families(self._metrics().decode()):
            for sample in family.samples:
                if sample.name == "mangrove_grpc_calls_total":
                    by_reason[sample.labels["reason"]] += int(sample.value)
        return by_reason

    def complaints(self) -> list[str]:
        """What is wrong with it now; empty is what we want."""
        wrong = []
        if children_of(self._process.pid) != self.processes:
            wrong.append("a worker died")
            self.processes = children_of(self._process.pid)
        until = time.monotonic() + _RECOVERED_S
        while listeners_on(self.port) != self._workers and time.monotonic() < until:
            time.sleep(0.05)
        if listeners_on(self.port) != self._workers:
            wrong.append(f"{listeners_on(self.port)} of {self._workers} workers listen")
        if not is_serving(self.home):
            wrong.append("health is not SERVING")
        if not all(self._takes_events() for _ in range(4)):
            wrong.append("a good event is not accepted")
        if self.most_more_mb > MOST_MORE_MB:
            wrong.append(f"a worker took {self.most_more_mb:.0f} MB more")
        if self.leaks:
            wrong.append("an answer told what was sent")
        return wrong

    def planted_found(self) -> dict[str, set[str]]:
        """Land everything, and say where planted data stands: in the metrics, or in which file of the home folder."""
        found = {"answers": self.leaks} if self.leaks else {}
        if told := self._seen.found_in(self._metrics()):
            found["metrics"] = told
        lander_at(self.home).drain()
        return found | scan(self.home.folder, self._seen)

    def _metrics(self) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=20) as page:
            return bytes(page.read())

    def _connected(self) -> grpc.Channel:
        options = [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        return grpc.insecure_channel(self.home.settings.collector.address, options)

    def _takes_events(self) -> bool:
        with Source(self.home) as source:
            return source.delivers() and len(source.accepted) == 1
