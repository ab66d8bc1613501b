"""Makes events of one origin: ids that no other origin has, the consent it was declared with."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2

_LONGEST_ID = 128
_LOCALE = re.compile("[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_FIELD_OF = {
    field.message_type.name: field.name
    for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["body"].fields
    if field.message_type is not None
}


@dataclass(frozen=True, slots=True)
class Thread:
    """Who talks where.

    Attributes:
        channel: Where the customer met the company.
        identifiers: What names the customer; none if nobody is known.
        conversation: The platform's name of the conversation; empty for none.
        context: Where the customer was and with what; unset for unknown.
    """

    channel: event_pb2.Channel.ValueType
    identifiers: tuple[event_pb2.Identifier, ...] = ()
    conversation: str = ""
    context: event_pb2.Context | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where events come from.

    Attributes:
        prefix: Stands before every id, so that ids of two pages, accounts or platforms never meet.
        purposes: What customers of this origin allowed.
    """

    prefix: str
    purposes: tuple[event_pb2.Purpose.ValueType, ...]

    def name(self, *parts: str) -> str:
        """Return a name of this origin; one that is longer than an id may be is replaced by its SHA-256.

        Ids of Instagram's messages are. The hash only shortens: the collector makes a keyed pseudonym of it.
        """
        name = ":".join((self.prefix, *parts))
        return name if len(name) <= _LONGEST_ID else hashlib.sha256(name.encode()).hexdigest()

    def social(self, person: str) -> event_pb2.Identifier:
        """Return a person's identifier on this origin's platform."""
        return event_pb2.Identifier(type=options_pb2.IDENTIFIER_TYPE_SOCIAL, value=self.name(person))

    def event(self, about: Sequence[str], at_ns: int, thread: Thread, body: Message) -> event_pb2.Event:
        """Return an event.

        Args:
            about: What makes its id unique and the same whenever the platform sends it again.
            at_ns: When it happened, nanoseconds since the Unix epoch.
            thread: Who talked where.
            body: What happened: one of the event's bodies.
        """
        event = event_pb2.Event(
            event_id=self.name(*about),
            channel=thread.channel,
            occurred_at_unix_nano=at_ns,
            identifiers=thread.identifiers,
            consent=event_pb2.Consent(purposes=self.purposes),
            context=thread.context,
            conversation_id=self.name(thread.conversation) if thread.conversation else "",
        )
        getattr(event, _FIELD_OF[body.DESCRIPTOR.name]).CopyFrom(body)
        return event


def context_of(locale: str | None) -> event_pb2.Context | None:
    """Return the context with a language and region such as zh-CN; None if it is not written so."""
    return event_pb2.Context(locale=locale) if locale and _LOCALE.fullmatch(locale) else None
