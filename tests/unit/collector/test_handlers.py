"""What is promised of a batch when masking is slow or fails."""

import asyncio
import json

from prometheus_client import REGISTRY

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker
from privacy.masking.detector import Detector
from services.clients.collector import Tally
from services.collector import wire
from services.collector.handlers import Outcome, Verdict, collect
from tests.batches import a_batch, collecting_with
from tests.fakes.journal import InMemoryJournal
from tests.generated import an_event
from tests.unit.masking.build import Failing, event_masker, message


async def collected(masker: EventMasker, journal: InMemoryJournal, *events: event_pb2.Event) -> list[Verdict]:
    return await collect(a_batch(*events), collecting_with(masker, journal))


async def test_an_event_that_cannot_be_searched_is_refused_recorded_and_may_come_again() -> None:
    journal = InMemoryJournal()
    events = [an_event(), message("poison and 13800138000"), message("hello"), an_event(channel=0)]
    broken = event_masker(Detector(others=[Failing("poison")]))
    verdicts = await collected(broken, journal, *events)
    assert [v.outcome for v in verdicts] == [
        Outcome.ACCEPTED,
        Outcome.REFUSED_UNMASKABLE,
        Outcome.ACCEPTED,
        Outcome.REFUSED_INVALID,
    ]
    assert [(v.field, v.reason) for v in verdicts[1].violations] == [("message_sent.text", "MASKING_FAILED")]
    [record] = journal.read(0, 1)
    refusals = [json.loads(line)["violations"] for line in record.refusals.splitlines()]
    assert sorted(refusals) == [["channel:REQUIRED"], ["message_sent.text:MASKING_FAILED"]]
    assert b"13800138000" not in record.events + record.refusals
    again = await collected(event_masker(), journal, *events)
    assert [v.outcome for v in again][:3] == [Outcome.DUPLICATE, Outcome.ACCEPTED, Outcome.DUPLICATE]


async def test_failures_are_counted_by_source_detector_and_cause() -> None:
    labels = {"source": "web", "detector": "failing", "cause": "error"}
    before = REGISTRY.get_sample_value("mangrove_masking_failures_total", labels) or 0.0
    for on_failure in ("refuse", "drop_field"):
        masker = event_masker(Detector(others=[Failing("poison")]), detectors={"on_failure": on_failure})
        await collected(masker, InMemoryJournal(), message("poison"))
    assert REGISTRY.get_sample_value("mangrove_masking_failures_total", labels) == before + 2


async def test_a_withheld_text_lets_the_event_in() -> None:
    journal = InMemoryJournal()
    masker = event_masker(Detector(others=[Failing("poison")]), detectors={"on_failure": "drop_field"})
    assert [v.outcome for v in await collected(masker, journal, message("poison"))] == [Outcome.ACCEPTED]
    assert b"<WITHHELD>" in journal.read(0, 1)[0].events


async def test_other_calls_get_their_turn_while_a_large_batch_is_masked() -> None:
    events = [message("13800138000，zhang@example.com " * 260, conversation=f"c{n}") for n in range(200)]
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(another())
    verdicts = await collected(event_masker(), InMemoryJournal(), *events)
    other.cancel()
    assert {v.outcome for v in verdicts} == {Outcome.ACCEPTED}
    assert turns > 10


async def test_other_calls_get_their_turn_while_a_detector_is_slow() -> None:
    masker = event_masker(
        Detector(others=[Failing("poison", slow_s=0.5)], timeout_s=0.3),
        detectors={"recognizers": ["tests.unit.masking.recognizers:Poisoned"]},
    )
    turn = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, turn.set)
    collecting = asyncio.create_task(collected(masker, InMemoryJournal(), message("poison")))
    await turn.wait()
    assert not collecting.done()
    assert [v.outcome for v in await collecting] == [Outcome.REFUSED_UNMASKABLE]


def test_every_outcome_has_a_code_on_the_wire() -> None:
    told = wire.response([Verdict(outcome) for outcome in Outcome])
    assert [v.code for v in told.verdicts] == [1, 2, 3, 4, 5]


def test_a_client_says_how_many_events_to_send_again() -> None:
    tally = Tally()
    tally.verdicts.update({"ACCEPTED": 2, "REFUSED_UNMASKABLE": 3})
    assert (tally.accepted, tally.to_send_again) == (2, 3)
