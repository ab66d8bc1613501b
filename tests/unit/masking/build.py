"""Builds what the tests of masking need: keys, maskers under a policy, messages, detectors that fail."""

import json
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from mangrove.event.v1 import event_pb2
from privacy.linkage import LINKAGE_KEY, Encoder
from privacy.masking import EventMasker, Masker, Policy, compile_plan
from privacy.masking.detector import Detector
from privacy.pseudonyms import (
    MASKED_TYPES,
    PERSON_TYPES,
    REFERENCE_TYPES,
    FileKeyProvider,
    Pseudonymiser,
    make_key_file,
)
from tests.generated import an_event

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@cache
def keys() -> FileKeyProvider:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.json"
        make_key_file(path, (*PERSON_TYPES, *REFERENCE_TYPES, *MASKED_TYPES, LINKAGE_KEY))
        return FileKeyProvider(path)


@cache
def pseudonymiser() -> Pseudonymiser:
    return Pseudonymiser(keys(), MASKED_TYPES)


@cache
def encoder() -> Encoder:
    return Encoder(keys())


def masker(detector: Detector | None = None, /, **tables: Any) -> Masker:
    """A masker under the policy that these tables say."""
    return Masker(detector or Detector(), Policy(tables), pseudonymiser())


def event_masker(detector: Detector | None = None, /, **tables: Any) -> EventMasker:
    """A masker of events under the policy that these tables say."""
    plan = compile_plan(event_pb2.Event.DESCRIPTOR)
    return EventMasker(plan, pseudonymiser(), masker(detector, **tables), encoder=encoder())


def message(text: str, *, conversation: str = "c1", party: int = event_pb2.PARTY_CUSTOMER, **more: Any) -> Any:
    body = event_pb2.MessageSent(party=party, text=text)  # type: ignore[arg-type]
    return an_event(conversation_id=conversation, message_sent=body, **more)


def body_of(masked: EventMasker, event: event_pb2.Event, source: str = "web") -> Any:
    return json.loads(masked.mask_batch([event], source, NOW)[0].record["body"])


def texts_of(masked: EventMasker, *events: event_pb2.Event, at: datetime = NOW) -> list[str]:
    return [json.loads(one.record["body"])["text"] for one in masked.mask_batch(events, "web", at)]


class Failing:
    """A detector that errs on, or takes too long for, every text that holds a word."""

    def __init__(self, word: str, *, slow_s: float = 0.0) -> None:
        self.name = "failing"
        self._word, self._slow_s = word, slow_s
        self.failed = 0

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        if self._word not in text:
            return ()
        self.failed += 1
        if not self._slow_s:
            raise ValueError(text)
        time.sleep(self._slow_s)
        return ()


class Finding:
    """A detector that finds one word."""

    name = "finding"

    def __init__(self, word: str, entity: str) -> None:
        self._word, self._entity = word, entity

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        start = text.find(self._word)
        return [(start, start + len(self._word), self._entity)] if start >= 0 else []
