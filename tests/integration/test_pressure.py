"""What the collector does when it is asked for more than it may hold."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from privacy.masking import MaskedEvent, Refusal
from services.clients.refusals import refusal_of
from services.collector.ports import Receipt
from services.grpc_room import Limits
from services.grpc_server import ServerOptions
from services.installation import api_key_of
from services.settings import Home, SourceLimits
from tests.batches import collecting_with, serving
from tests.fakes.journal import InMemoryJournal
from tests.generated import an_event
from tests.servers import new_home
from tests.unit.masking.build import event_masker

MASKER = event_masker()


class SlowJournal(InMemoryJournal):
    """Makes nothing durable until it is released."""

    def __init__(self, max_waiting_events: int = 1_000_000) -> None:
        super().__init__(max_waiting_events)
        self.released = asyncio.Event()
        self.waiting_appends = 0

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        self.waiting_appends += 1
        await self.released.wait()
        return await super().append(source, events, refusals)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield new_home(tmp_path)


def bearer(home: Home) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {api_key_of(home, 'web')}"),)


def request(events: int = 1, padding: int = 0) -> collector_pb2.CollectRequest:
    return collector_pb2.CollectRequest(
        events=[an_event(page_viewed={"url": "https://shop.example.com/" + "x" * padding}) for _ in range(events)]
    )


def stub_of(channel: grpc.aio.Channel) -> collector_pb2_grpc.CollectorServiceStub:
    return collector_pb2_grpc.CollectorServiceStub(channel)


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def refused(call) -> tuple[grpc.aio.AioRpcError, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value, refusal_of(error.value).reason


def limited(**limits: float) -> ServerOptions:
    return ServerOptions("127.0.0.1:0", limits=Limits(**limits))  # type: ignore[arg-type]


async def test_over_the_calls_it_may_hold_it_says_when_to_come_back_and_takes_them_then(home: Home) -> None:
    journal = SlowJournal()
    running = await serving(home, collecting_with(MASKER, journal), limited(max_calls=2))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        first = [stub.Collect(request(), metadata=bearer(home)) for _ in range(2)]
        await until(lambda: journal.waiting_appends == 2)
        error, reason = await refused(stub.Collect(request(), metadata=bearer(home)))
        assert (error.code(), reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
        assert refusal_of(error).retry_after_s == pytest.approx(0.2)
        assert ("grpc-retry-pushback-ms", "200") in tuple(error.trailing_metadata())
        journal.released.set()
        for call in first:
            assert (await call).verdicts[0].code == collector_pb2.VERDICT_CODE_ACCEPTED
        assert (await stub.Collect(request(), metadata=bearer(home))).verdicts
    await running.drain()


async def test_over_the_bytes_it_may_hold_it_takes_no_more(home: Home) -> None:
    journal = SlowJournal()
    running = await serving(home, collecting_with(MASKER, journal), limited(max_held_bytes=10_000))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        first = stub.Collect(request(8, 1000), metadata=bearer(home))
        await until(lambda: journal.waiting_appends == 1)
        assert (await refused(stub.Collect(request(8, 1000), metadata=bearer(home))))[1] == "OVERLOADED"
        journal.released.set()
        await first
        await stub.Collect(request(8, 1000), metadata=bearer(home))
    await running.drain()


async def test_a_full_journal_is_told_with_a_delay_and_nothing_is_taken(home: Home) -> None:
    journal = InMemoryJournal(max_waiting_events=1)
    running = await serving(home, collecting_with(MASKER, journal))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        await stub.Collect(request(), metadata=bearer(home))
        error, reason = await refused(stub.Collect(request(), metadata=bearer(home)))
        assert (error.code(), reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
        assert journal.waiting()[0] == 1
    await running.drain()


async def test_a_source_over_its_quota_is_told_when_to_come_back(home: Home, tmp_path: Path) -> None:
    collecting = collecting_with(
        MASKER, InMemoryJournal(), tmp_path / "quota", SourceLimits(events_per_s=1, burst_s=10)
    )
    running = await serving(home, collecting)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        await stub.Collect(request(10), metadata=bearer(home))
        error, reason = await refused(stub.Collect(request(10), metadata=bearer(home)))
        assert (error.code(), reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
        assert refusal_of(error).retry_after_s > 0
    await running.drain()


async def test_a_call_whose_deadline_passed_leaves_nothing_in_the_journal(home: Home) -> None:
    journal = SlowJournal()
    running = await serving(home, collecting_with(MASKER, journal))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        error, _ = await refused(stub.Collect(request(), metadata=bearer(home), timeout=0.5))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: journal.waiting_appends == 1)
        journal.released.set()
        await stub.Collect(request(), metadata=bearer(home))
    assert journal.waiting()[0] == 1
    await running.drain()


async def test_a_wrong_key_is_refused_before_the_body_has_come(home: Home) -> None:
    running = await serving(home, collecting_with(MASKER, InMemoryJournal()))
    hanging = asyncio.Event()

    async def never() -> object:
        await hanging.wait()
        yield b""

    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = channel.stream_unary("/mangrove.collector.v1.CollectorService/Collect")(
            never(), metadata=(("authorization", "Bearer wrong"),), timeout=10
        )
        assert (await refused(call))[1] == "UNAUTHENTICATED"
    await running.drain()


async def test_a_request_that_trickles_in_is_given_up(home: Home) -> None:
    running = await serving(home, collecting_with(MASKER, InMemoryJournal()), limited(receive_s=0.3))
    hanging = asyncio.Event()

    async def never() -> object:
        await hanging.wait()
        yield b""

    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = channel.stream_unary("/mangrove.collector.v1.CollectorService/Collect")(
            never(), metadata=bearer(home), timeout=10
        )
        error, reason = await refused(call)
        assert (error.code(), reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "REQUEST_SLOW")
    await running.drain()


def rss_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


async def test_a_thousand_slow_clients_do_not_fill_the_memory(home: Home) -> None:
    """Each opens a connection and sends the first kilobytes of 4 MiB, then no more."""
    options = limited(max_calls=64, receive_s=2.0)
    running = await serving(home, collecting_with(MASKER, InMemoryJournal()), options)
    before = rss_mb()
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    slow = []
    for _ in range(1000):
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(preface)
        slow.append(writer)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        assert (await stub.Collect(request(), metadata=bearer(home), timeout=20)).verdicts
    assert rss_mb() - before < 200
    for writer in slow:
        writer.close()
    await running.drain()


async def test_streams_are_answered_in_order_and_go_on_after_a_break(home: Home) -> None:
    journal = InMemoryJournal()
    running = await serving(home, collecting_with(MASKER, journal))
    batches = [[an_event(event_id=f"{n}-{i}") for i in range(3)] for n in range(1, 8)]

    async def streamed(stub, first: int, last: int, out_of_turn: bool = False):
        async def requests():
            for n in range(first, last + 1):
                yield collector_pb2.CollectStreamRequest(offset=n, events=batches[n - 1])
            if out_of_turn:
                yield collector_pb2.CollectStreamRequest(offset=last + 5, events=batches[0])

        return [r async for r in stub.CollectStream(requests(), metadata=bearer(home), timeout=20)]

    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = stub_of(channel)
        told = await streamed(stub, 1, 4)
        assert [r.offset for r in told] == [0, 1, 2, 3, 4]
        assert {r.window for r in told} == {4}
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streamed(stub, 3, 5, out_of_turn=True)
        assert refusal_of(error.value).reason == "OFFSET_INVALID"
        told = await streamed(stub, 5, 7)
        assert [v.code for v in told[1].verdicts] == [collector_pb2.VERDICT_CODE_DUPLICATE] * 3
        assert [v.code for v in told[3].verdicts] == [collector_pb2.VERDICT_CODE_ACCEPTED] * 3
    assert journal.waiting()[0] == 21
    await running.drain()


async def test_a_stream_without_a_key_gets_nothing(home: Home) -> None:
    running = await serving(home, collecting_with(MASKER, InMemoryJournal()))

    async def requests():
        yield collector_pb2.CollectStreamRequest(offset=1, events=[an_event()])

    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            async for _ in stub_of(channel).CollectStream(requests()):
                pass
        assert refusal_of(error.value).reason == "UNAUTHENTICATED"
    await running.drain()
