"""Dialogues as JSON lines: `{"dialogue_id": …, "turns": [{"user": …, "agent": …, "satisfaction": 0|1|2|null}]}`.

Each user and each agent text that is not empty becomes a message; a label becomes a judgement of its turn.
The files carry no times: turns are set a minute apart from a start that the caller gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from privacy.errors import MangroveError

_APART = timedelta(seconds=30)


class TranscriptMalformed(MangroveError):
    """A line of the file is not a dialogue."""

    reason = "TRANSCRIPT_MALFORMED"

    def __init__(self, line: int) -> None:
        super().__init__(
            f"Line {line} is not a dialogue. Each line is a JSON object with 'dialogue_id' (text) and "
            "'turns' (a list of objects with 'user', 'agent' and 'satisfaction')."
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    user: str
    agent: str
    satisfaction: int | None


def read_transcripts(path: Path, start: datetime, purposes: Sequence[str]) -> Iterator[event_pb2.Event]:
    """Yield the events of every dialogue of a file, in its order.

    Args:
        path: The file.
        start: When the first dialogue began; each next one begins a minute later.
        purposes: What the customers allowed: service, analytics, learning.

    Raises:
        TranscriptMalformed: at the first line that is not a dialogue.
    """
    consent = event_pb2.Consent(purposes=[event_pb2.Purpose.Value(f"PURPOSE_{one.upper()}") for one in purposes])
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                dialogue_id, turns = _parse(line, number)
                for event in _events(dialogue_id, turns, start + timedelta(minutes=number)):
                    event.consent.CopyFrom(consent)
                    yield event


def _parse(line: bytes, number: int) -> tuple[str, list[_Turn]]:
    try:
        dialogue = orjson.loads(line)
        turns = [_Turn(turn["user"] or "", turn["agent"] or "", turn.get("satisfaction")) for turn in dialogue["turns"]]
        dialogue_id = dialogue["dialogue_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise TranscriptMalformed(number) from None
    texts = all(isinstance(turn.user, str) and isinstance(turn.agent, str) for turn in turns)
    labels = all(turn.satisfaction in (None, 0, 1, 2) for turn in turns)
    if not (isinstance(dialogue_id, str) and dialogue_id and texts and labels):
        raise TranscriptMalformed(number)
    return dialogue_id, turns


def _events(dialogue_id: str, turns: list[_Turn], start: datetime) -> Iterator[event_pb2.Event]:
    at = start
    yield _event(dialogue_id, "start", at, conversation_started=event_pb2.ConversationStarted())
    for number, turn in enumerate(turns, 1):
        for party, text in ((event_pb2.PARTY_CUSTOMER, turn.user), (event_pb2.PARTY_AGENT, turn.agent)):
            at += _APART
            if text:
                message = event_pb2.MessageSent(party=party, text=text, turn=number)
                yield _event(dialogue_id, f"{number}-{party}", at, message_sent=message)
        if turn.satisfaction is not None:
            judged = event_pb2.FeedbackGiven(kind=event_pb2.FEEDBACK_KIND_TURN, score=turn.satisfaction, turn=number)
            yield _event(dialogue_id, f"{number}-label", at, feedback_given=judged)


def _event(
    dialogue_id: str,
    part: str,
    at: datetime,
    *,
    conversation_started: event_pb2.ConversationStarted | None = None,
    message_sent: event_pb2.MessageSent | None = None,
    feedback_given: event_pb2.FeedbackGiven | None = None,
) -> event_pb2.Event:
    customer = event_pb2.Identifier(type=options_pb2.IDENTIFIER_TYPE_CUSTOMER, value=f"transcript:{dialogue_id}")
    return event_pb2.Event(
        event_id=f"{dialogue_id}:{part}",
        channel=event_pb2.CHANNEL_CHAT,
        occurred_at_unix_nano=int(at.timestamp() * 1000) * 1_000_000,
        identifiers=[customer],
        conversation_id=dialogue_id,
        conversation_started=conversation_started,
        message_sent=message_sent,
        feedback_given=feedback_given,
    )
