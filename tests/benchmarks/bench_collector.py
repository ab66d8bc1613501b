"""Acknowledged events a second of the collector, its times and its memory, as JSON lines.

The collector runs as its own processes, with real masking, pseudonyms and an fsync before each acknowledgement, and
the lander beside it; clients run on the same machine. The peer in the same run is the same wire without the
collector's promises: as many bare grpc.aio servers, on one port too, that parse the batch and answer.

Every batch has fresh event ids; one event of five has a text. All texts hold a fresh number, and two of five personal
data; with --texts they are lines of a file instead, such as real messages.

Example: python tests/benchmarks/bench_collector.py --seconds 5 --rounds 3
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import grpc
from deltalake import DeltaTable

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.collector.journals.chosen import journal_states
from services.demo.servers import free_port
from services.installation import api_key_of, install
from services.settings import Home

TEXTS = (
    "你好，我的订单{n}还没有到，请帮我看一下物流",
    "我的电话是139{n}，请尽快联系我",
    "I would like to return the shoes of order {n} that I bought last week",
    "请问{n}号商品可以开发票吗",
    "my email is someone{n}@example.com, thanks",
)
METHOD = "/mangrove.collector.v1.CollectorService/Collect"
LANDS_S = 5.0
_BATCHES_OF_A_FILE = 100


class Batches:
    """Makes serialised batches quickly: one is built, and its ids and numbers are overwritten for each next one.

    Args:
        size: Events a batch.
        first: The number of its first event; every fifth is a text.
        texts: Texts to choose from, with {n} where a fresh number goes.
    """

    def __init__(self, size: int, first: int = 0, texts: Sequence[str] = TEXTS) -> None:
        request = collector_pb2.CollectRequest()
        self._ids: list[int] = []
        self._numbers: list[int] = []
        for index in range(first, first + size):
            _fill(request.events.add(), index, texts)
        raw = request.SerializeToString()
        for index in range(first, first + size):
            self._ids.append(raw.index(b"%032d" % index))
            if index % 5 == 0 and texts is TEXTS:
                self._numbers.append(raw.index(b"%08d" % (90000000 + index)))
        self._raw = bytearray(raw)

    def fresh(self) -> bytes:
        """Return a batch that was never sent."""
        some = os.urandom(16 * len(self._ids)).hex().encode()
        for place, at in enumerate(self._ids):
            self._raw[at : at + 32] = some[place * 32 : place * 32 + 32]
        for at in self._numbers:
            self._raw[at : at + 8] = b"%08d" % random.randrange(10**8)
        return bytes(self._raw)


def _fill(event: event_pb2.Event, index: int, texts: Sequence[str]) -> None:
    event.event_id = f"{index:032}"
    event.channel = event_pb2.CHANNEL_WEB
    event.occurred_at_unix_nano = time.time_ns()
    event.consent.purposes.append(event_pb2.PURPOSE_ANALYTICS)
    event.identifiers.add(type=options_pb2.IDENTIFIER_TYPE_COOKIE, value=f"cookie-{index % 1000}-{os.getpid()}")
    if index % 5 == 0:
        event.channel = event_pb2.CHANNEL_CHAT
        event.conversation_id = f"conversation-{index % 50}"
        event.message_sent.party = event_pb2.PARTY_CUSTOMER
        event.message_sent.text = texts[index // 5 % len(texts)].replace("{n}", f"{90000000 + index:08}")
    else:
        event.page_viewed.url = f"https://shop.example.com/products/{index % 500}?utm_source=mail"
        event.page_viewed.title = "Running shoes"


class Load:
    """Sends batches over several connections and keeps the time of each acknowledgement.

    Args:
        address: host:port.
        api_key: The source's key.
        batch: Events a batch.
        connections: How many connections, each with `calls` calls at once.
        calls: How many calls at once on each.
        texts: Their texts.
    """

    def __init__(
        self, address: str, api_key: str, *, batch: int, connections: int, calls: int, texts: Sequence[str] = TEXTS
    ) -> None:
        self._address = address
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._size = batch
        kinds = 1 if texts is TEXTS else _BATCHES_OF_A_FILE
        firsts = range(5 * kinds) if batch == 1 else range(0, kinds * batch, batch)
        self._batches = cycle([Batches(batch, first, texts) for first in firsts])
        self._connections = connections
        self._calls = calls
        self.waits_ms: list[float] = []
        self.acknowledged = 0

    async def run(self, seconds: float, events_per_s: float | None = None) -> float:
        """Send for a while, as fast as answers come or at a steady rate; return acknowledged events a second."""
        self.waits_ms, self.acknowledged = [], 0
        started = time.perf_counter()
        async with AsyncChannels(self._address, self._connections) as calls:
            send = self._steady if events_per_s else self._closed
            await send(calls, time.perf_counter() + seconds, events_per_s or 0.0)
        return self.acknowledged / (time.perf_counter() - started)

    async def _closed(self, calls: list[Callable], until: float, _rate: float) -> None:
        async def sender(call: Callable) -> None:
            while time.perf_counter() < until:
                await self._send(call, time.perf_counter())

        await asyncio.gather(*(sender(call) for call in calls for _ in range(self._calls)))

    async def _steady(self, calls: list[Callable], until: float, rate: float) -> None:
        """Send on time, whether or not answers came; a time to acknowledge counts from when it was to be sent."""
        sent: set[asyncio.Task[None]] = set()
        every, due, turn = self._size / rate, time.perf_counter(), 0
        while due < until:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            task = asyncio.create_task(self._send(calls[turn % len(calls)], due))
            sent.add(task)
            task.add_done_callback(sent.discard)
            due, turn = due + every, turn + 1
        await asyncio.gather(*sent)

    async def _send(self, call: Callable, since: float) -> None:
        response = await call(next(self._batches).fresh(), metadata=self._metadata)
        self.waits_ms.append((time.perf_counter() - since) * 1000)
        self.acknowledged += sum(v.code == collector_pb2.VERDICT_CODE_ACCEPTED for v in response.verdicts)


class AsyncChannels:
    """Several connections of their own."""

    def __init__(self, address: str, count: int) -> None:
        own = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(address, own) for _ in range(count)]

    async def __aenter__(self) -> list[Callable]:
        for channel in self._channels:
            await asyncio.wait_for(channel.channel_ready(), 60)
        parse = collector_pb2.CollectResponse.FromString
        return [c.unary_unary(METHOD, request_serializer=None, response_deserializer=parse) for c in self._channels]

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()


BARE = """
import asyncio, sys, grpc
from mangrove.collector.v1 import collector_pb2 as pb, collector_pb2_grpc as rpc
class Bare(rpc.CollectorServiceServicer):
    async def Collect(self, request, context):
        return pb.CollectResponse(verdicts=[pb.Verdict(code=1) for _ in request.events])
async def main():
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    rpc.add_CollectorServiceServicer_to_server(Bare(), server)
    server.add_insecure_port(sys.argv[1]); await server.start(); await server.wait_for_termination()
asyncio.run(main())
"""


@contextmanager
def processes(home: Home, workers: int, bare_address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run collector, lander and bare servers; give the collector's supervisor."""
    mangrove = [sys.executable, "-m", "services.cli"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    where = ["--home", str(home.folder)]
    collector = subprocess.Popen([*mangrove, "collector", "serve", *where, "--workers", str(workers)], **quiet)
    lander = subprocess.Popen([*mangrove, "lander", "run", *where], **quiet)
    bare = [subprocess.Popen([sys.executable, "-c", BARE, bare_address], **quiet) for _ in range(workers)]
    try:
        yield collector
    finally:
        for process in (collector, lander, *bare):
            process.send_signal(signal.SIGTERM)
        for process in (collector, lander, *bare):
            process.wait(60)


def rss_mb(supervisor: int) -> float:
    """Return the resident memory of a supervisor's workers together, in MiB; what they share counts for each."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    total = 0
    for pid in children:
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    return total / 1024


class Lag:
    """Looks every half second at how old the oldest event is that has not landed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.seconds: list[float] = []

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(0.5)
            states = await asyncio.to_thread(journal_states, self._home)
            self.seconds.append(max((state.oldest_age_s for state in states), default=0.0))


def percentiles(waits_ms: list[float]) -> dict[str, float]:
    """Return the median and the 99th of times."""
    cuts = statistics.quantiles(waits_ms, n=100)
    return {"ack_ms_p50": round(cuts[49], 1), "ack_ms_p99": round(cuts[98], 1)}


async def measured(home: Home, bare_address: str, supervisor: int, args: argparse.Namespace) -> None:
    """Run all parts and print a line for each."""
    address, key = home.settings.collector.address, api_key_of(home, "bench")
    texts = args.texts.read_text().splitlines() if args.texts else TEXTS
    shape = {"batch": args.batch, "connections": args.connections, "calls": args.calls}
    load, bare = Load(address, key, **shape, texts=texts), Load(bare_address, key, **shape)
    await load.run(2.0)
    await bare.run(1.0)
    lag = Lag(home)
    watching = asyncio.create_task(lag.watch())
    rates, bare_rates, waits, memory, started = [], [], [], [rss_mb(supervisor)], time.monotonic()
    while len(rates) < args.rounds or sum(rates) * args.seconds < args.events:
        rates.append(await load.run(args.seconds))
        waits += load.waits_ms
        bare_rates.append(await bare.run(args.seconds / 2))
        memory.append(rss_mb(supervisor))
    rate, bare_rate = statistics.median(rates), statistics.median(bare_rates)
    told(
        "collector",
        acknowledged_events_per_s=round(rate),
        best_round=round(max(rates)),
        bare_server_events_per_s=round(bare_rate),
        ratio_to_bare_server=round(rate / bare_rate, 3),
        **percentiles(waits),
        rss_mb=[round(m) for m in memory],
        sent_events=round(sum(rates) * args.seconds),
        lander_lag_s_max=round(max(lag.seconds, default=0.0), 1),
        workers=args.workers,
        minutes=round((time.monotonic() - started) / 60, 1),
        **shape,
    )
    for bench, asked in (("half the goal", args.rate / 2), ("half of what it takes", rate / 2)):
        lag.seconds.clear()
        waits, half = [], []
        for _ in range(args.rounds):
            half.append(await load.run(args.seconds, asked))
            waits += load.waits_ms
        lag_s = round(max(lag.seconds, default=0.0), 1)
        reached = round(statistics.median(half))
        told(f"collector at {bench}", asked=round(asked), events_per_s=reached, **percentiles(waits), lag_s=lag_s)
    singles, bare_singles = (
        Load(a, key, batch=1, connections=args.connections, calls=8, texts=texts) for a in (address, bare_address)
    )
    one, bare_one = await singles.run(args.seconds), await bare_singles.run(args.seconds / 2)
    told(
        "single-event calls", calls_per_s=round(one), bare_calls_per_s=round(bare_one), **percentiles(singles.waits_ms)
    )
    watching.cancel()


def told(bench: str, **figures: object) -> None:
    """Print a line."""
    print(json.dumps({"bench": bench, **figures}), flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=0, help="go on with rounds until so many were acknowledged")
    parser.add_argument("--rate", type=float, default=40_000, help="the goal, events a second")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--calls", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = install(Path(folder), source="bench", partner="analytics", collector_port=free_port()).home
        bare_address = f"127.0.0.1:{free_port()}"
        with processes(home, args.workers, bare_address) as collector:
            asyncio.run(measured(home, bare_address, collector.pid, args))
            time.sleep(LANDS_S)
        rows = DeltaTable(f"{home.lake_root}/bronze/events").to_pyarrow_dataset().count_rows()
        told("landed", rows=rows, waiting=sum(state.waiting_events for state in journal_states(home)))


if __name__ == "__main__":
    main()
