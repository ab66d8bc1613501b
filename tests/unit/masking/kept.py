"""Puts events into quarantine and restores them, for the tests of both."""

import json
from typing import Any

from hypothesis import HealthCheck, settings

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker, MaskedEvent, Refusal, Violation
from tests.unit.masking.build import NOW, event_masker
from tests.unit.masking.test_event import clear_broken, full_event

MASKER = event_masker()
PHONE = "13800138000"
THOROUGH = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def quarantined(event: event_pb2.Event, masker: EventMasker = MASKER) -> Refusal:
    broken = masker.violations(event)
    assert broken
    [refusal] = masker.quarantined([(event, broken)], "web", NOW)
    return refusal


def content_of(event: event_pb2.Event, masker: EventMasker = MASKER) -> bytes:
    content = quarantined(event, masker).content
    assert content is not None
    return content


def fields_of(event: event_pb2.Event) -> Any:
    return json.loads(content_of(event))["event"]


def restored(content: bytes, masker: EventMasker = MASKER, **changes: Any) -> MaskedEvent | list[Violation]:
    paths = {path.replace("__", "."): value for path, value in changes.items()}
    return masker.restored(content, source="web", received_at=NOW, changes=paths)


def rules(told: MaskedEvent | list[Violation]) -> list[tuple[str, str]]:
    assert isinstance(told, list), told
    return [(one.field, one.reason) for one in told]


def record_of(told: MaskedEvent | list[Violation]) -> dict[str, Any]:
    """The record of an event, its JSON read, so that the order of keys does not matter."""
    assert isinstance(told, MaskedEvent), told
    return {
        name: json.loads(value) if name in ("body", "context", "emotion") and value else value
        for name, value in told.record.items()
    }


def masked(event: event_pb2.Event, masker: EventMasker = MASKER) -> dict[str, Any]:
    return record_of(masker.mask_batch([event], "web", NOW)[0])


def valid(body: str) -> event_pb2.Event:
    """An event full of personal data that breaks no rule."""
    event = full_event(body)
    clear_broken(event, [one.field for one in MASKER.violations(event)])
    return event
