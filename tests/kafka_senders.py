"""Senders for tests of the Kafka journal: masked events that nobody sent before, sent until told to stop."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from privacy.linkage import LINKAGE_KEY, Encoder
from privacy.masking import EventMasker, MaskedEvent, Masker
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, Pseudonymiser, make_key_file
from services.collector import wire
from services.collector.ports import Journal, JournalUnavailable, Overloaded, Record
from tests.generated import an_event

NOW = datetime(2026, 1, 5, tzinfo=UTC)
DEADLINE_S = 60


def a_masker(folder: Path) -> EventMasker:
    make_key_file(folder / "keys.json", (*PERSON_TYPES, *REFERENCE_TYPES, LINKAGE_KEY))
    keys = FileKeyProvider(folder / "keys.json")
    return EventMasker(wire.event_plan(), Pseudonymiser(keys), Masker.default(), encoder=Encoder(keys))


def fresh(masker: EventMasker, count: int) -> list[MaskedEvent]:
    return masker.mask_batch([an_event(event_id=uuid.uuid4().hex) for _ in range(count)], "web", NOW)


def lines(records: Sequence[Record]) -> list[bytes]:
    return [line for record in records for line in record.events.splitlines()]


async def until(happened: Callable[[], bool]) -> None:
    """Wait, and let others go on meanwhile; what is asked may block."""
    deadline = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(happened):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


class Sender:
    """Sends new events, one batch after the other, and keeps what was acknowledged and what went wrong."""

    def __init__(self, journal: Journal, masker: EventMasker, each: int = 5) -> None:
        self._journal = journal
        self._masker = masker
        self._each = each
        self.acknowledged: list[MaskedEvent] = []
        self.errors: list[Exception] = []
        self.stopped = False

    async def run(self) -> None:
        while not self.stopped:
            events = fresh(self._masker, self._each)
            try:
                await self._journal.append("web", events, [])
                self.acknowledged += events
            except (JournalUnavailable, Overloaded) as error:
                self.errors.append(error)
                await asyncio.sleep(0.01)


@asynccontextmanager
async def sending(*senders: Sender) -> AsyncIterator[Sequence[Sender]]:
    """They send until the block is left."""
    tasks = [asyncio.create_task(sender.run()) for sender in senders]
    try:
        yield senders
    finally:
        for sender in senders:
            sender.stopped = True
        await asyncio.gather(*tasks)


async def all_sent_more(senders: Sequence[Sender]) -> None:
    await _all_grow([sender.acknowledged for sender in senders])


async def all_failed(senders: Sequence[Sender]) -> None:
    await _all_grow([sender.errors for sender in senders])


async def _all_grow(kept: Sequence[Sequence[object]]) -> None:
    before = [len(each) for each in kept]
    await until(lambda: all(len(each) > had for each, had in zip(kept, before, strict=True)))
