"""Spans tell names of the code, numbers and reason codes; whatever fails inside them, never a value."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, StrEnum

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from privacy.errors import MangroveError
from services import tracing
from services.demo.servers import free_port
from services.settings import TracingSettings

SECRET = "13800138000"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT_SPAN = bytes.fromhex(PARENT[3:35]), bytes.fromhex(PARENT[36:52])


class Kind(StrEnum):
    """Its values are texts; only names are told."""

    SQLITE = SECRET


class Colour(Enum):
    GREEN = 1


class Refused(MangroveError):
    reason = "QUOTA_EXCEEDED"


class Misnamed(MangroveError):
    reason = f"of {SECRET}"


class TraceStore(trace_service_pb2_grpc.TraceServiceServicer):
    """What a collector of traces got."""

    def __init__(self) -> None:
        self.bytes = b""
        self.spans: list[trace_pb2.Span] = []

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.bytes += request.SerializeToString()
        self.spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def named(self, name: str) -> trace_pb2.Span:
        [span] = [span for span in self.spans if span.name == name]
        return span


@pytest.fixture
def store() -> Iterator[TraceStore]:
    """A loopback collector of traces; this process sends it every span until `tracing.close()`."""
    store, port = TraceStore(), free_port()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(store, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    tracing.configure(TracingSettings(endpoint=f"http://127.0.0.1:{port}", ratio=1), "mangrove-collector", "0")
    yield store
    tracing.close()
    server.stop(None)


def test_a_call_and_its_steps_arrive_with_numbers_and_names_of_enums(store: TraceStore) -> None:
    with tracing.call("Collect", {}, events=100), tracing.span("mask", share=0.25, colour=Colour.GREEN) as step:
        step.tell(refused=3, full=True, kind=Kind.SQLITE)
    tracing.close()
    attributes = {a.key: a.value for a in store.named("mask").attributes}
    assert attributes["mangrove.refused"].int_value == 3
    assert attributes["mangrove.full"].bool_value
    assert attributes["mangrove.share"].double_value == 0.25
    assert attributes["mangrove.colour"].string_value == "GREEN"
    assert attributes["mangrove.kind"].string_value == "SQLITE"
    assert store.named("mask").parent_span_id == store.named("Collect").span_id
    assert SECRET.encode() not in store.bytes
    assert b"mangrove-collector" in store.bytes


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(SECRET), "INTERNAL"),
        (Refused(f"too much of {SECRET}"), "QUOTA_EXCEEDED"),
        (Misnamed(SECRET), "INTERNAL"),
        (asyncio.CancelledError(SECRET), "INTERNAL"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_of_a_failing_handler_only_the_reason_code_is_told(
    error: BaseException, reason: str, store: TraceStore
) -> None:
    with pytest.raises(type(error)), tracing.call("Collect", {}), tracing.span("mask", events=1):
        raise error
    tracing.close()
    for name in ("Collect", "mask"):
        assert store.named(name).status.code == trace_pb2.Status.STATUS_CODE_ERROR
        assert store.named(name).status.message == reason
        assert not store.named(name).events
    assert SECRET.encode() not in store.bytes


def test_the_callers_trace_goes_on_and_what_else_it_says_is_left(store: TraceStore) -> None:
    metadata = {"traceparent": PARENT, "tracestate": f"a={SECRET}", "baggage": f"phone={SECRET}", "x": SECRET}
    with tracing.call("Collect", metadata), tracing.span("mask"):
        pass
    tracing.close()
    assert store.named("Collect").trace_id == store.named("mask").trace_id == TRACE
    assert store.named("Collect").parent_span_id == PARENT_SPAN
    assert SECRET.encode() not in store.bytes


def test_a_caller_that_does_not_want_its_trace_kept_is_heeded(store: TraceStore) -> None:
    with tracing.call("Collect", {"traceparent": PARENT[:-2] + "00"}), tracing.span("mask"):
        pass
    tracing.close()
    assert store.spans == []


@pytest.mark.parametrize(
    "traceparent", ["", SECRET, f"00-{SECRET}-b7ad6b7169203331-01", "00-" + "0" * 32 + PARENT[35:]]
)
def test_a_traceparent_of_no_use_begins_a_trace_of_its_own(traceparent: str, store: TraceStore) -> None:
    with tracing.call("Collect", {"traceparent": traceparent}):
        pass
    tracing.close()
    assert not store.named("Collect").parent_span_id
    assert SECRET.encode() not in store.bytes


def test_a_step_outside_of_a_call_is_not_traced(store: TraceStore) -> None:
    with tracing.span("mask", events=1):
        pass
    tracing.close()
    assert store.spans == []


async def test_calls_that_take_turns_keep_their_own_steps(store: TraceStore) -> None:
    async def handle(events: int) -> None:
        with tracing.call("Collect", {}, events=events):
            await asyncio.sleep(0)
            with tracing.span("mask", events=events):
                await asyncio.sleep(0)

    await asyncio.gather(*(handle(events) for events in range(10)))
    tracing.close()
    events_of = {span.span_id: span.attributes[0].value.int_value for span in store.spans if span.name == "Collect"}
    steps = [span for span in store.spans if span.name == "mask"]
    assert len(steps) == 10
    assert all(events_of[step.parent_span_id] == step.attributes[0].value.int_value for step in steps)


@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("fact", [SECRET, SECRET.encode(), [1], None, ValueError()], ids=lambda one: type(one).__name__)
def test_an_attribute_that_could_hold_a_value_is_an_error_of_the_code(
    fact: object, on: bool, request: pytest.FixtureRequest
) -> None:
    if on:
        request.getfixturevalue("store")
    with pytest.raises(tracing.AttributeNotAllowed), tracing.call("Collect", {}, phone=fact):
        pass
    with pytest.raises(tracing.AttributeNotAllowed), tracing.call("Collect", {}), tracing.span("mask") as step:
        step.tell(phone=fact)


@pytest.mark.parametrize("name", ["", SECRET, "张伟", "a b", "x" * 65, "a\n"])
def test_a_name_that_could_hold_a_value_is_an_error_of_the_code(name: str) -> None:
    with pytest.raises(tracing.AttributeNotAllowed), tracing.call(name, {}):
        pass
    with pytest.raises(tracing.AttributeNotAllowed), tracing.span(name):
        pass


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    code = """
import sys
from services import tracing
from services.settings import TracingSettings
tracing.configure(TracingSettings(), "mangrove-collector", "0")
with tracing.call("Collect", {}, events=1), tracing.span("mask") as step:
    step.tell(refused=1)
tracing.close()
assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.timeout(20)
def test_a_destination_that_does_not_answer_does_not_keep_a_process_from_ending() -> None:
    code = """
import sys
from services import tracing
from services.settings import TracingSettings
tracing.configure(TracingSettings(endpoint=sys.argv[1], ratio=1), "mangrove-collector", "0")
for _ in range(3000):
    with tracing.call("Collect", {}):
        pass
tracing.close()
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        subprocess.run([sys.executable, "-c", code, endpoint], check=True)
