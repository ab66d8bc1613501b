"""A collector in memory, on a loopback socket, that does as it is told: refuses, delays, breaks."""

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from mangrove.collector.v1 import collector_pb2, collector_pb2_grpc
from mangrove.event.v1 import event_pb2
from services.demo.servers import free_port

Step = Callable[[grpc.ServicerContext], None]


def refuse(
    code: grpc.StatusCode, reason: str, *, retry_after_s: float | None = None, pushback_ms: str | None = None
) -> Step:
    """Refuse a call as the collector does: ErrorInfo, RetryInfo, and the pushback trailer when it is given."""
    details = [error_details_pb2.ErrorInfo(reason=reason, domain="mangrove")]
    if retry_after_s is not None:
        details.append(
            error_details_pb2.RetryInfo(
                retry_delay=Duration(nanos=int(retry_after_s % 1 * 1e9), seconds=int(retry_after_s))
            )
        )
    status = status_pb2.Status(code=code.value[0], message=f"told: {reason}")
    for detail in details:
        status.details.add().Pack(detail)
    trailers = [("grpc-status-details-bin", status.SerializeToString())]
    if pushback_ms is not None:
        trailers.append(("grpc-retry-pushback-ms", pushback_ms))

    def step(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata(trailers)
        context.abort(code, status.message)

    return step


def fail(code: grpc.StatusCode) -> Step:
    """Fail as the transport does, without a word from the collector."""
    return lambda context: context.abort(code, "")


def wait_for(event: threading.Event) -> Step:
    """Go on when the event is set, or when the call is over."""

    def step(context: grpc.ServicerContext) -> None:
        while context.is_active() and not event.wait(0.01):
            pass

    return step


class FakeCollector(collector_pb2_grpc.CollectorServiceServicer):
    """Takes events and remembers their ids over restarts; a context manager that serves.

    Attributes:
        port: Where it listens, also after a restart.
        before: Steps for the next calls (of a stream: batches), one each, before the batch is taken.
        after: The same, once the batch is taken and before that is told.
        about: Steps for all batches that hold the event of that id.
        taken: How often each event id was accepted: never more than once.
        batches: The sizes of all batches that came, also of those that were refused.
        metadata: The metadata of the last call.
        calls: For each call of a stream, the numbers of its batches as they came.
        window: What a stream tells as its window.
        most_ahead: How many batches a stream's client was ever ahead of the acknowledgements.
        calls_end_after: After how many more batches a stream ends without an error, once; 0 for never.
        at_rest: A step that a stream takes after each acknowledgement.
        off_by: By how much a stream acknowledges wrongly, and how many verdicts are left out of other answers.
        verdict: What a new event is told.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.before: deque[Step] = deque()
        self.after: deque[Step] = deque()
        self.about: dict[str, Step] = {}
        self.taken: Counter[str] = Counter()
        self.events: dict[str, event_pb2.Event] = {}
        self.batches: list[int] = []
        self.calls: list[list[int]] = []
        self.metadata: dict[str, str | bytes] = {}
        self.window = 4
        self.most_ahead = 0
        self.calls_end_after = 0
        self.at_rest: Step | None = None
        self.off_by = 0
        self.acknowledged = 0
        self.verdict: int = collector_pb2.VERDICT_CODE_ACCEPTED
        self.credentials: grpc.ServerCredentials | None = None
        self._lock = threading.Lock()
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        collector_pb2_grpc.add_CollectorServiceServicer_to_server(self, server)
        if self.credentials is None:
            server.add_insecure_port(self.address)
        else:
            server.add_secure_port(f"localhost:{self.port}", self.credentials)
        server.start()
        self._server = server

    def stop(self) -> None:
        """Break all calls and close the port."""
        if self._server is not None:
            self._server.stop(None).wait(30)
            self._server = None

    def __enter__(self) -> "FakeCollector":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def Collect(
        self, request: collector_pb2.CollectRequest, context: grpc.ServicerContext
    ) -> collector_pb2.CollectResponse:
        self.metadata = dict(context.invocation_metadata())
        verdicts = self._take(request.events, context)
        return collector_pb2.CollectResponse(verdicts=verdicts[self.off_by :])

    def CollectStream(
        self, request_iterator: Iterator[collector_pb2.CollectStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[collector_pb2.CollectStreamResponse]:
        self.metadata = dict(context.invocation_metadata())
        yield collector_pb2.CollectStreamResponse(window=self.window)
        arrived: queue.SimpleQueue[collector_pb2.CollectStreamRequest | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(request_iterator, arrived), daemon=True).start()
        expected = 0
        while (request := arrived.get()) is not None:
            if request.offset == 0 or (expected and request.offset != expected):
                refuse(grpc.StatusCode.INVALID_ARGUMENT, "OFFSET_INVALID")(context)
            expected = request.offset + 1
            verdicts = self._take(request.events, context)
            self.acknowledged = request.offset + self.off_by
            yield collector_pb2.CollectStreamResponse(offset=self.acknowledged, verdicts=verdicts, window=self.window)
            if self.at_rest is not None:
                self.at_rest(context)
            self.calls_end_after -= 1
            if self.calls_end_after == 0:
                return

    def _read(
        self,
        requests: Iterator[collector_pb2.CollectStreamRequest],
        arrived: "queue.SimpleQueue[collector_pb2.CollectStreamRequest | None]",
    ) -> None:
        offsets: list[int] = []
        self.calls.append(offsets)
        try:
            for request in requests:
                offsets.append(request.offset)
                self.most_ahead = max(self.most_ahead, request.offset - self.acknowledged)
                arrived.put(request)
        except grpc.RpcError:  # the call broke
            pass
        arrived.put(None)

    def _take(self, events: Iterable[event_pb2.Event], context: grpc.ServicerContext) -> list[collector_pb2.Verdict]:
        batch = list(events)
        with self._lock:
            self.batches.append(len(batch))
            step = self.before.popleft() if self.before else None
        for event in batch:
            self.about.get(event.event_id, lambda _: None)(context)
        if step is not None:
            step(context)
        with self._lock:
            verdicts = [collector_pb2.Verdict(code=self._code(event)) for event in batch]
            step = self.after.popleft() if self.after else None
        if step is not None:
            step(context)
        return verdicts

    def _code(self, event: event_pb2.Event) -> int:
        if self.verdict != collector_pb2.VERDICT_CODE_ACCEPTED:
            return self.verdict
        if event.event_id in self.taken:
            return collector_pb2.VERDICT_CODE_DUPLICATE
        self.taken[event.event_id] += 1
        self.events[event.event_id] = event
        return collector_pb2.VERDICT_CODE_ACCEPTED
