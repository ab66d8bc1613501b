"""Traces without values: spans have names of the code, and numbers, truth values and members of enums as attributes.

Off until `configure` is told an endpoint: a call or a span then costs about two microseconds, and nothing of
OpenTelemetry is imported. On, a call costs about 20 microseconds and a span 5, or 70 each where they are kept.

The sampling decision is the caller's, if it sends a W3C `traceparent`; nothing else that it says about its trace is
taken over. Of an error only its reason code is told.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING

from privacy.errors import MangroveError

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

    from services.settings import TracingSettings

Fact = bool | int | float | Enum
"""What an attribute may be: nothing that can hold a text of somebody else."""

_NAME = re.compile(r"[A-Za-z][A-Za-z_.]{0,63}")
_REASON = re.compile(r"[A-Z][A-Z_]{0,63}")
_SEND_S = 2

_provider: "TracerProvider | None" = None
_tracer: "trace.Tracer | None" = None


class AttributeNotAllowed(TypeError):
    """A span was given a name or an attribute that could hold a value of somebody's data: an error of the code."""


class Span:
    """A running span; `tell` adds what is known only later. This one is of nobody's interest and keeps nothing."""

    __slots__ = ()

    def tell(self, **facts: Fact) -> None:
        """Add attributes.

        Raises:
            AttributeNotAllowed: if one is not a `Fact`.
        """
        _check(facts)

    def __enter__(self) -> "Span":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Kept(Span):
    __slots__ = ("_span",)

    def __init__(self, span: "trace.Span") -> None:
        self._span = span

    def tell(self, **facts: Fact) -> None:
        _check(facts)
        self._span.set_attributes(
            {f"mangrove.{name}": fact.name if isinstance(fact, Enum) else fact for name, fact in facts.items()}
        )


_NOTHING = Span()


def configure(settings: "TracingSettings", service: str, instance: str) -> None:
    """Send spans of this process to the configured endpoint, if there is one.

    Call it once in each process, after it was forked: the sending thread does not live on in a child.

    Args:
        settings: Where spans go, and what share of the calls whose caller does not decide.
        service: What runs here, such as mangrove-collector.
        instance: Which of them, such as the worker's number.
    """
    global _provider, _tracer  # noqa: PLW0603 - one process, one destination
    if not settings.endpoint:
        return
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    _provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.ratio)),
        resource=Resource.create({"service.name": service, "service.instance.id": instance}),
        shutdown_on_exit=False,
    )
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint)))
    _tracer = _provider.get_tracer("mangrove")


def close() -> None:
    """Send what waits, for two seconds at most, and stop."""
    global _provider, _tracer  # noqa: PLW0603 - one process, one destination
    if _provider is not None:
        # The library waits up to half a minute for a destination that does not answer.
        sending = Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(_SEND_S)
    _provider = _tracer = None


def call(name: str, metadata: Mapping[str, str], **facts: Fact) -> AbstractContextManager[Span]:
    """Trace a piece of work that begins here: an RPC, a request, a round.

    Args:
        name: What is done, a name of the code: letters, underscores and dots.
        metadata: What the caller sent along; of it only `traceparent` is read.
        **facts: Attributes; they are told as mangrove.NAME.

    Raises:
        AttributeNotAllowed: if the name is of another form, or an attribute is not a `Fact`.
    """
    _check(facts, name)
    return _NOTHING if _tracer is None else _kept(_tracer, name, _context(metadata.get("traceparent")), facts)


def span(name: str, **facts: Fact) -> AbstractContextManager[Span]:
    """Trace a step of the work that is being traced, if any is; arguments and errors are those of `call`."""
    _check(facts, name)
    if _tracer is None:
        return _NOTHING
    from opentelemetry import trace

    return _kept(_tracer, name, None, facts) if trace.get_current_span().is_recording() else _NOTHING


def _context(traceparent: str | None) -> "Context":
    """The caller's span as a parent, without its tracestate and baggage, which hold whatever it likes."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    own = Context()
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, own) if traceparent else own


@contextmanager
def _kept(tracer: "trace.Tracer", name: str, context: "Context | None", facts: Mapping[str, Fact]) -> Iterator[Span]:
    with tracer.start_as_current_span(
        name, context=context, record_exception=False, set_status_on_exception=False
    ) as started:
        kept = _Kept(started) if started.is_recording() else _NOTHING
        kept.tell(**facts)
        try:
            yield kept
        except BaseException as error:
            from opentelemetry.trace import Status, StatusCode

            started.set_status(Status(StatusCode.ERROR, _reason_of(error)))
            raise


def _reason_of(error: BaseException) -> str:
    """The reason code; that of an error that is not ours says nothing but that."""
    reason = error.reason if isinstance(error, MangroveError) else ""
    return reason if _REASON.fullmatch(reason) else "INTERNAL"


def _check(facts: Mapping[str, Fact], name: str | None = None) -> None:
    if name is not None and _NAME.fullmatch(name) is None:
        raise AttributeNotAllowed("A span's name is made of letters, underscores and dots.")
    for key, fact in facts.items():
        if not isinstance(fact, Fact):
            raise AttributeNotAllowed(f"The attribute {key} is neither a number nor a member of an enum.")
