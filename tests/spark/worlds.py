"""Simulated worlds as bronze: masked with the collector's own functions, without network or journal."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deltalake import write_deltalake

from mangrove.event.v1 import event_pb2 as pb
from mangrove.privacy.v1 import options_pb2 as ids
from privacy.consent import may_store
from privacy.masking import EventMasker, MaskedEvent
from privacy.pseudonyms import Pseudonymiser
from services.collector.bootstrap import event_masker
from services.collector.ports import Record
from services.collector.rows import rows_of
from services.keys import key_provider
from services.simulator.world import DAYS, World, simulate
from spark_jobs.lake.tables import BRONZE_EVENTS
from tests.servers import new_home

_AT_ONCE = 500


@cache
def _collector() -> tuple[EventMasker, Pseudonymiser]:
    with TemporaryDirectory() as folder:
        keys = key_provider(new_home(Path(folder)))
        return event_masker(keys), Pseudonymiser(keys)


def land(world: World, root: Path, events: Sequence[pb.Event] | None = None) -> None:
    """Write what the collector would accept of a world, or of these events, received when all of it is over."""
    masker, _ = _collector()
    received_at = world.start + timedelta(days=DAYS + 1)
    allowed = [event for event in events or tuple(simulate(world)) if _may_store(event)]
    masked = [
        result
        for first in range(0, len(allowed), _AT_ONCE)
        for part in masker.mask_slices(allowed[first : first + _AT_ONCE], "demo", received_at)
        for result in part.events
        if isinstance(result, MaskedEvent)
    ]
    lines = b"".join(event.to_bytes() + b"\n" for event in masked)
    rows = rows_of(BRONZE_EVENTS, "journal-1", [Record(1, len(masked), lines, b"")])
    write_deltalake(f"{root}/{BRONZE_EVENTS.path}", rows, mode="append", configuration=BRONZE_EVENTS.properties)


def token_of(event_id: str) -> str:
    """The token under which the lake knows an event."""
    return _collector()[1].token("event", event_id) or ""


def naming_everybody(world: World) -> list[pb.Event]:
    """The world's events with the true person as the only identifier: nothing is left to resolve."""
    named = []
    for event in simulate(world):
        known = pb.Event()
        known.CopyFrom(event)
        if event.event_id not in world.marks.invalid:
            del known.identifiers[:]
            known.identifiers.add(type=ids.IDENTIFIER_TYPE_CUSTOMER, value=world.marks.person_of[event.event_id])
            if known.HasField("social_posted"):
                known.social_posted.ClearField("author_handle")
        named.append(known)
    return named


def _may_store(event: pb.Event) -> bool:
    purposes = [pb.Purpose.Name(purpose).removeprefix("PURPOSE_").lower() for purpose in event.consent.purposes]
    return event.WhichOneof("body") is not None and may_store(event.WhichOneof("body"), purposes)
