"""Acknowledged events a second of the collector, as JSON lines.

The collector runs as its own process, with real masking, pseudonyms and an fsync before each acknowledgement;
clients run on the same machine. Its peer in the same run is the same work without the collector's promises:
a bare grpc.aio server that parses the batch and answers.

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
import uuid
from pathlib import Path

import grpc

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.demo.servers import free_port
from services.installation import api_key_of, install

TEXTS = (
    "你好，我的订单{words}还没有到，请帮我看一下物流",
    "我的电话是139{n}，请尽快联系我",
    "I would like to return the {words} shoes I bought last week",
    "请问{words}号商品可以开发票吗",
    "my email is someone{n}@example.com, thanks",
)


def batch(size: int) -> collector_pb2.CollectRequest:
    """Return a batch of fresh events, one of five with a text."""
    request = collector_pb2.CollectRequest()
    for index in range(size):
        event = request.events.add(
            event_id=uuid.uuid4().hex,
            channel=event_pb2.CHANNEL_WEB,
            occurred_at_unix_nano=time.time_ns(),
            consent=event_pb2.Consent(purposes=[event_pb2.PURPOSE_ANALYTICS]),
        )
        event.identifiers.add(type=options_pb2.IDENTIFIER_TYPE_COOKIE, value=f"cookie-{index % 1000}-{os.getpid()}")
        if index % 5 == 0:
            event.channel = event_pb2.CHANNEL_CHAT
            event.conversation_id = f"conversation-{index % 50}"
            event.message_sent.party = event_pb2.PARTY_CUSTOMER
            number = random.randrange(10**8)
            event.message_sent.text = TEXTS[index // 5 % len(TEXTS)].format(n=f"{number:08}", words=number % 9973)
        else:
            event.page_viewed.url = f"https://shop.example.com/products/{index % 500}?utm_source=mail"
            event.page_viewed.title = "Running shoes"
    return request


async def load(address: str, api_key: str, seconds: float, size: int, clients: int) -> tuple[float, list[float]]:
    """Send batches for a while; return acknowledged events a second and the times to acknowledge, in ms."""
    waits: list[float] = []
    acknowledged = 0
    metadata = (("authorization", f"Bearer {api_key}"),)

    async def client(stub: collector_pb2_grpc.CollectorServiceStub, deadline: float) -> None:
        nonlocal acknowledged
        while time.perf_counter() < deadline:
            request = batch(size)
            started = time.perf_counter()
            response = await stub.Collect(request, metadata=metadata)
            waits.append((time.perf_counter() - started) * 1000)
            acknowledged += sum(v.code == collector_pb2.VERDICT_CODE_ACCEPTED for v in response.verdicts)

    async with grpc.aio.insecure_channel(address) as channel:
        stub = collector_pb2_grpc.CollectorServiceStub(channel)
        started = time.perf_counter()
        await asyncio.gather(*(client(stub, started + seconds) for _ in range(clients)))
        return acknowledged / (time.perf_counter() - started), waits


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


async def answering(address: str) -> None:
    """Wait until a server takes connections."""
    async with grpc.aio.insecure_channel(address) as channel:
        await asyncio.wait_for(channel.channel_ready(), 60)


BARE = """
import asyncio, sys, grpc
from mangrove.collector.v1 import collector_pb2 as pb, collector_pb2_grpc as rpc
class Bare(rpc.CollectorServiceServicer):
    async def Collect(self, request, context):
        return pb.CollectResponse(verdicts=[pb.Verdict(code=1) for _ in request.events])
async def main():
    server = grpc.aio.server(); rpc.add_CollectorServiceServicer_to_server(Bare(), server)
    server.add_insecure_port(sys.argv[1]); await server.start(); await server.wait_for_termination()
asyncio.run(main())
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = install(Path(folder), source="bench", partner="analytics", collector_port=free_port()).home
        address, bare_address = home.settings.collector.address, f"127.0.0.1:{free_port()}"
        key = api_key_of(home, "bench")
        command = [sys.executable, "-m", "services.cli", "collector", "serve", "--home", folder]
        collector = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        bare = subprocess.Popen([sys.executable, "-c", BARE, bare_address])
        try:
            for target in (address, bare_address):
                asyncio.run(answering(target))
            asyncio.run(load(address, key, 1.0, args.batch, args.clients))
            memory = [rss_mb(collector.pid)]
            rates, bare_rates, waits = [], [], []
            for _ in range(args.rounds):
                rate, some = asyncio.run(load(address, key, args.seconds, args.batch, args.clients))
                rates.append(rate)
                waits += some
                bare_rates.append(asyncio.run(load(bare_address, key, args.seconds / 2, args.batch, args.clients))[0])
                memory.append(rss_mb(collector.pid))
        finally:
            for process in (collector, bare):
                process.send_signal(signal.SIGTERM)
                process.wait(30)
    cuts = statistics.quantiles(waits, n=100)
    print(
        json.dumps(
            {
                "bench": "collector",
                "batch": args.batch,
                "clients": args.clients,
                "acknowledged_events_per_s": round(statistics.median(rates)),
                "bare_server_events_per_s": round(statistics.median(bare_rates)),
                "ratio_to_bare_server": round(statistics.median(rates) / statistics.median(bare_rates), 3),
                "ack_ms_p50": round(cuts[49], 1),
                "ack_ms_p99": round(cuts[98], 1),
                "rss_mb": [round(m) for m in memory],
                "rounds": args.rounds,
            }
        )
    )


if __name__ == "__main__":
    main()
