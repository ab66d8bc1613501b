"""Batches for tests of the collector's handler, and what they are handled with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from google.protobuf.json_format import MessageToJson

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker
from services.access import Authenticator, Caller
from services.collector import wire
from services.collector.handlers import Batch, Collecting
from services.collector.ports import Journal
from services.collector.quota import Quotas
from services.collector.servicer import SERVICE, CollectorServicer
from services.grpc_server import RunningServer, ServerOptions, start_server
from services.keys import key_provider
from services.settings import Home, SourceLimits

NOW = datetime(2026, 1, 5, tzinfo=UTC)
WEB = Caller("web", "source")


def a_batch(*events: event_pb2.Event, caller: Caller = WEB, received_at: datetime = NOW) -> Batch:
    raw = [wire.event_from_json(MessageToJson(event, indent=None)) for event in events]
    return Batch(raw, caller, sum(event.ByteSize() for event in events), received_at)


def collecting_with(
    masker: EventMasker, journal: Journal, quota: Path = Path("unused"), limits: SourceLimits | None = None
) -> Collecting:
    return Collecting(masker, journal, Quotas(quota, limits or SourceLimits(), {}), 1000)


async def serving(
    home: Home, collecting: Collecting, options: ServerOptions | None = None, services: Sequence[str] = (SERVICE,)
) -> RunningServer:
    """A server in this process, on a free port of loopback."""
    authenticator = Authenticator(home.path("access.toml"), key_provider(home).secret("access"), "source")
    servicer = CollectorServicer(collecting, 4)
    return await start_server(options or ServerOptions("127.0.0.1:0"), authenticator, servicer.add_to, services)
