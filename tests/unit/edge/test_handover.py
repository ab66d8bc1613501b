"""What operators are told when the collector is away."""

import asyncio

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from privacy.errors import MangroveError
from services.clients.collector_async import CollectorBusy, CollectorRefused
from services.edge.handover import ToldSink
from tests.fakes.collector import FakeCollector
from tests.generated import an_event

KEY = "mgs_key"


async def failing(told: ToldSink, behind: FakeCollector, failure: MangroveError) -> None:
    behind.failure = failure
    with pytest.raises(type(failure)):
        await told.collect([an_event()], api_key=KEY)


def counted(reason: str) -> float:
    return REGISTRY.get_sample_value("mangrove_edge_handovers_total", {"reason": reason}) or 0.0


async def test_a_collector_that_is_away_is_told_once_and_that_it_is_back() -> None:
    behind = FakeCollector(KEY)
    told = ToldSink(behind)
    before = counted("TRANSPORT")
    with capture_logs() as logs:
        for _ in range(3):
            await failing(told, behind, CollectorBusy("TRANSPORT", "The server was not reached.", 1.0))
        assert [(line["event"], line["reason"]) for line in logs] == [("collector_takes_nothing", "TRANSPORT")]
        behind.failure = None
        for _ in range(2):
            await told.collect([an_event()], api_key=KEY)
    assert [(line["event"], line["failed"]) for line in logs[1:]] == [("collector_is_back", 3)]
    assert counted("TRANSPORT") - before == 3


async def test_what_is_the_fault_of_one_sender_does_not_say_that_the_collector_is_away() -> None:
    behind = FakeCollector(KEY)
    told = ToldSink(behind)
    with capture_logs() as logs:
        await failing(told, behind, CollectorBusy("QUOTA_EXCEEDED", "Too much.", 1.0))
        await failing(told, behind, CollectorRefused("UNAUTHENTICATED", "No key."))
    assert logs == []


async def test_a_collector_that_answers_too_late_is_told() -> None:
    class Silent(FakeCollector):
        async def collect(self, *_args: object, **_named: object) -> list[object]:
            await asyncio.Event().wait()
            return []

    with capture_logs() as logs, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ToldSink(Silent()).collect([an_event()])
    assert [line["reason"] for line in logs] == ["GIVEN_UP"]
