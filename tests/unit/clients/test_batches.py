import pytest
from hypothesis import given
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from services.clients.batches import MOST_BYTES, MOST_EVENTS, Cutter, cut
from tests.generated import an_event

sizes = st.lists(st.integers(0, 60_000), max_size=120)


def events_of(sizes: list[int]) -> list[event_pb2.Event]:
    return [an_event(message_sent=event_pb2.MessageSent(party=1, text="x" * size)) for size in sizes]


@given(sizes)
def test_batches_hold_all_events_in_their_order_and_fit_the_collector(sizes: list[int]) -> None:
    events = events_of(sizes)
    batches = list(cut(events))
    assert [event.event_id for batch in batches for event in batch.events] == [event.event_id for event in events]
    assert all(batch.request().ByteSize() <= MOST_BYTES for batch in batches)
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))


def test_no_batch_has_more_events_than_the_collector_takes() -> None:
    assert [len(batch.events) for batch in cut(an_event() for _ in range(2 * MOST_EVENTS + 1))] == [1000, 1000, 1]


def test_an_event_larger_than_a_batch_goes_alone() -> None:
    batches = list(cut(events_of([10, MOST_BYTES + 1, 10])))
    assert [len(batch.events) for batch in batches] == [1, 1, 1]


@pytest.mark.parametrize("most_events", [1, 2])
def test_a_full_batch_takes_nothing_more_until_it_is_taken_out(most_events: int) -> None:
    cutter = Cutter(most_events)
    assert [cutter.add(an_event()) for _ in range(most_events + 1)] == [True] * most_events + [False]
    assert len(cutter.take().events) == most_events
    assert cutter.is_empty
    assert cutter.add(an_event())
