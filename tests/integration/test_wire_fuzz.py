"""Whatever comes over the wire: workers live, answers are typed, memory is bounded, nothing that was sent is told."""

import asyncio
import random
import threading
from collections.abc import Iterator

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mangrove.collector.v1 import collector_pb2
from tests.chaos.frames import broken_connections, octets_of, odd_metadata
from tests.chaos.hostile import (
    HEADER,
    MIB,
    PLANTED,
    as_stream,
    invalid_utf8,
    monsters,
    mutated,
    planted_custom,
    planted_event,
    request,
    valid_request,
    zeros_gzipped,
)
from tests.chaos.http2 import COLLECT, COLLECT_STREAM, HEALTH_CHECK, message
from tests.chaos.source import Source
from tests.chaos.target import Target
from tests.generated import an_event

pytestmark = pytest.mark.slow

HEALTHY_S = 5.0
"""What others may wait while a worker looks at one request, generous for a busy machine."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    attacked = Target(tmp_path_factory.mktemp("attacked") / "home")
    try:
        yield attacked
    finally:
        attacked.stop()


@pytest.fixture(autouse=True)
def unharmed(target: Target) -> Iterator[None]:
    yield
    assert target.complaints() == []


def refused_with(target: Target, body: bytes) -> set[str]:
    """Which fields of which events are refused."""
    answer = target.call(body)
    assert answer.reason == "OK"
    response = collector_pb2.CollectResponse.FromString(answer.told)
    return {f"{v.field}:{v.reason}" for verdict in response.verdicts for v in verdict.violations}


def test_mutated_requests_get_typed_answers(target: Target) -> None:
    rng = random.Random(5)
    for _ in range(1500):
        kind, body = mutated(rng)
        answer = target.call(body)
        assert answer.is_typed, (kind, answer.code, answer.reason)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=2000) | st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=40)))
def test_any_octets_get_typed_answers(target: Target, octets: bytes | tuple[int, bytes]) -> None:
    """Alone, or written over a part of a valid request."""
    if isinstance(octets, tuple):
        body, (at, over) = valid_request(random.Random(1)), octets
        at %= len(body)
        octets = body[:at] + over + body[at + len(over) :]
    assert target.call(octets).is_typed


@pytest.mark.parametrize("name", monsters())
def test_a_request_beyond_every_limit_gets_a_typed_answer_and_keeps_nobody_waiting(target: Target, name: str) -> None:
    stopping, in_time = threading.Event(), []

    def others() -> None:
        while not stopping.wait(0.02):
            with Source(target.home) as source:
                in_time.append(source.delivers(within_s=HEALTHY_S))

    thread = threading.Thread(target=others)
    thread.start()
    try:
        answers = [target.call(monsters()[name]) for _ in range(2)]
    finally:
        stopping.set()
        thread.join()
    assert all(answer.is_typed for answer in answers), answers[0].code
    assert all(in_time)


def test_limits_are_told_as_what_they_are(target: Target) -> None:
    reasons = {
        "nothing": "BATCH_EMPTY",
        "1001 events": "BATCH_TOO_LARGE",
        "two million empty events": "BATCH_TOO_LARGE",
        "4 MiB": "OK",
        "4 MiB and a byte": "BATCH_TOO_LARGE",
        "a struct 10,000 deep": "REQUEST_MALFORMED",
        "groups 10,000 deep": "REQUEST_MALFORMED",
    }
    assert {name: target.call(monsters()[name]).reason for name in reasons} == reasons
    assert target.call(monsters()["more than the transport takes"]).code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_values_that_are_none_are_refused(target: Target) -> None:
    assert "context.location.latitude:RANGE" in refused_with(target, monsters()["not a number"])
    assert "context.location.longitude:RANGE" in refused_with(target, monsters()["infinity"])
    assert "occurred_at_unix_nano:RANGE" in refused_with(target, monsters()["the end of time"])
    assert "channel:UNKNOWN_VALUE" in refused_with(target, monsters()["an enum far out"])
    assert "channel:UNKNOWN_VALUE" in refused_with(target, monsters()["an enum below zero"])


def test_texts_that_are_no_utf_8_are_refused_in_every_field(target: Target) -> None:
    cases = dict(invalid_utf8())
    assert len(cases) > 30
    assert {name: target.call(body).reason for name, body in cases.items()} == dict.fromkeys(cases, "REQUEST_MALFORMED")


async def test_a_gigabyte_of_zeros_in_a_megabyte_is_not_unpacked(target: Target) -> None:
    assert target.call(bytes(50 * MIB), gzip=True).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert target.call(request(an_event().SerializeToString()), gzip=True).reason == "OK"
    for path, metadata in ((COLLECT, target.key), (COLLECT_STREAM, target.key), (HEALTH_CHECK, ())):
        connection = await target.raw()
        connection.call(1, path, [*metadata, ("grpc-encoding", "gzip")])
        await connection.send(1, message(zeros_gzipped(1000), compressed=True), ends=True)
        async with asyncio.timeout(30):
            while not connection.ended:
                await asyncio.sleep(0.01)
        await connection.close()
    assert target.most_more_mb < 200


def test_streams_of_mutated_requests_end_with_a_typed_status(target: Target) -> None:
    rng = random.Random(6)
    for _ in range(200):
        assert target.stream([as_stream(n, mutated(rng)[1]) for n in range(1, 4)]).is_typed


def test_methods_that_are_none_are_not_there(target: Target) -> None:
    for path in ("/x/y", COLLECT + "x", f"/{HEADER}/{PLANTED[0]}", COLLECT_STREAM.lower()):
        assert target.call(b"", path=path).code is grpc.StatusCode.UNIMPLEMENTED


def test_a_key_that_opens_nothing_is_refused_however_it_is_written(target: Target) -> None:
    keys = (HEADER, "", "Bearer", f"Bearer {HEADER}", f"bearer  {HEADER}", f"Basic {HEADER}", f"Bearer {HEADER * 300}")
    for key in keys:
        assert target.call(valid_request(random.Random(2)), (("authorization", key),)).reason == "UNAUTHENTICATED"
    several = (*target.key, ("authorization", f"Bearer {HEADER}"))
    assert target.call(valid_request(random.Random(2)), several).reason == "UNAUTHENTICATED"


async def test_broken_connections_harm_nobody(target: Target) -> None:
    for _, octets in broken_connections(random.Random(7)):
        await target.connect_with(octets)


async def test_odd_headers_harm_nobody(target: Target) -> None:
    for _, metadata in odd_metadata():
        await target.connect_with(octets_of(metadata))


def test_nothing_that_was_planted_is_told_or_written(target: Target) -> None:
    """The last of this file: of all that was sent before."""
    events = (planted_event().SerializeToString(), planted_custom().SerializeToString())
    assert target.call(request(*events)).reason == "OK"
    assert target.planted_found() == {}
