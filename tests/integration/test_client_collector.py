"""The clients against the real collector, which is killed meanwhile, and the wire as the first release spoke it."""

import signal
from pathlib import Path

import grpc
import pytest
from deltalake import DeltaTable

from mangrove.collector.v1 import collector_pb2
from privacy.pseudonyms import Pseudonymiser
from services.clients.collector import CollectorClient
from services.clients.collector_async import AsyncCollectorClient
from services.clients.collector_stream import CollectorStream
from services.clients.connection import bearer
from services.clients.spill import Spill
from services.clients.spill_key import new_spill_key
from services.collector.bootstrap import lander_at
from services.installation import api_key_of
from services.keys import key_provider
from services.settings import Home
from tests.generated import an_event
from tests.integration.sending import events_of, until
from tests.servers import collecting, new_home, start, stop


def in_bronze(home: Home) -> list[str]:
    lander_at(home).drain()
    return DeltaTable(f"{home.lake_root}/bronze/events").to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()


@pytest.mark.slow
def test_ten_thousand_events_land_once_over_kills_of_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = new_home(tmp_path / "home")
    events = events_of(10_000)
    monkeypatch.setenv("SPILL_KEY", new_spill_key())
    spill = Spill(tmp_path / "spill", key="env:SPILL_KEY", after_s=0.5)
    with CollectorClient(home.settings.collector.address, api_key_of(home, "web"), spill=spill) as client:
        client.send_all(events[:2000])
        assert spill.events == 2000
        for n in (2000, 6000):
            collector = start(home, "collector", "serve")
            until(lambda seen=client.tally.verdicts.total(): client.tally.verdicts.total() > seen)
            for sent, event in enumerate(events[n : n + 4000]):
                client.send(event)
                if sent == 2000:
                    stop(collector, signal.SIGKILL)
        collector = start(home, "collector", "serve")
        assert client.drain(60)
    stop(collector)
    assert client.tally.undelivered == spill.events_set_aside == 0
    assert client.tally.verdicts.keys() <= {"ACCEPTED", "DUPLICATE"}
    token = Pseudonymiser(key_provider(home)).token
    assert sorted(in_bronze(home)) == sorted(token("event", event.event_id) for event in events)


@pytest.mark.slow
async def test_a_stream_goes_on_over_kills_of_the_collector(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    events = events_of(3000)
    address = home.settings.collector.address
    collector = start(home, "collector", "serve")
    async with CollectorStream(address, api_key_of(home, "web")) as stream:
        for n in range(0, 3000, 100):
            await stream.send(events[n : n + 100])
            if n in (800, 2000):
                await stream.flush()
                stop(collector, signal.SIGKILL)
                collector = start(home, "collector", "serve")
        await stream.flush()
        assert stream.acknowledged == 30
    stop(collector)
    token = Pseudonymiser(key_provider(home)).token
    assert sorted(in_bronze(home)) == sorted(token("event", event.event_id) for event in events)


async def test_both_ways_get_the_verdicts_of_the_real_collector(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    known = an_event()
    mixed = [known, an_event(channel=0), known]
    with collecting(home):
        async with AsyncCollectorClient(home.settings.collector.address, api_key_of(home, "web")) as client:
            first, second, third = await client.collect(mixed)
        async with CollectorStream(home.settings.collector.address, api_key_of(home, "web")) as stream:
            await stream.send(mixed)
    assert first.code == collector_pb2.VERDICT_CODE_ACCEPTED
    assert [(v.field, v.reason) for v in second.violations] == [("channel", "REQUIRED")]
    assert third.code == collector_pb2.VERDICT_CODE_DUPLICATE
    assert dict(stream.tally.verdicts) == {"DUPLICATE": 2, "REFUSED_INVALID": 1}
    assert dict(stream.tally.refused) == {"channel:REQUIRED": 1}


# A request with one page view, byte for byte as a client of the first release wrote it.
FIRST_RELEASE = bytes.fromhex(
    "0a3e"  # events: 62 bytes
    "0a0d66697273742d72656c65617365"  # event_id "first-release"
    "1001"  # channel web
    "190080517c1811a218"  # occurred_at_unix_nano, fixed64
    "2a040a020102"  # consent: purposes service, analytics
    "a2011b0a19"  # page_viewed: url
    "68747470733a2f2f73686f702e6578616d706c652e636f6d2f"  # "https://shop.example.com/"
)


def test_a_request_as_the_first_release_wrote_it_is_taken(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    with collecting(home), grpc.insecure_channel(home.settings.collector.address) as channel:
        collect = channel.unary_unary("/mangrove.collector.v1.CollectorService/Collect")
        answer = collect(FIRST_RELEASE, metadata=bearer(api_key_of(home, "web")))
    assert answer == bytes.fromhex("0a020801")  # verdicts: one, its code ACCEPTED
