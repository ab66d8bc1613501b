"""What is read of a request before anything is built."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from services.collector import wire
from services.collector.handlers import BatchRefused
from services.collector.places import places_of
from tests.generated import an_event


@given(st.lists(st.integers(0, 40_000), max_size=8), st.integers(0, 2**64 - 1))
def test_events_are_found_where_the_parser_finds_them(sizes: list[int], offset: int) -> None:
    events = [an_event(event_id="x" * size) for size in sizes]
    request = collector_pb2.CollectStreamRequest(offset=offset, events=events).SerializeToString()
    places = places_of(request, 2, 10)
    assert places is not None
    assert [request[start:end] for _, start, end in places] == [event.SerializeToString() for event in events]


@given(st.binary(max_size=60))
def test_random_bytes_are_places_or_no_message(data: bytes) -> None:
    try:
        places = places_of(data, 1, 100)
    except DecodeError:
        return
    assert places is None or all(tag < start <= end <= len(data) for tag, start, end in places)


@pytest.mark.parametrize("data", [b"\x0a\x00" * 2_000_000, b"\x98\x3f\x01" * 2_000_000, b"\x0a\x00" * 1001])
def test_more_than_a_batch_holds_is_refused_before_it_is_built(data: bytes) -> None:
    with pytest.raises(BatchRefused):
        wire.collect_request(data, 1000)


@pytest.mark.parametrize("data", [b"\x0b", b"\x0a\x05abc", b"\x0a" + b"\xff" * 20, b"\x0d\x00", b"\xff"])
def test_what_is_no_message_is_told(data: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.collect_request(data, 1000)


def test_a_huge_event_is_refused_alone_and_unread() -> None:
    huge = an_event(event_id="h", custom=event_pb2.Custom(name="x"))
    huge.custom.properties["list"] = [1] * 200_000
    request = collector_pb2.CollectStreamRequest(
        offset=7, events=[an_event(event_id="a"), huge, an_event(event_id="b")]
    )
    sent = wire.stream_request(request.SerializeToString(), 1000)
    assert [event.is_too_large for event in sent.events] == [False, True, False]
    assert [event.message.event_id for event in sent.events] == ["a", "", "b"]
    assert (sent.offset, sent.size) == (7, request.ByteSize())
