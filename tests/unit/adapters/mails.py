"""E-mails for tests."""

from email.message import EmailMessage
from typing import Any

from mangrove.event.v1 import event_pb2
from services.adapters.account import Mapped
from services.adapters.mail.mapper import MailMapper

HEADERS = {
    "Message-ID": "<m1@mail.example.org>",
    "Date": "Mon, 05 Jan 2026 16:00:00 +0800",
    "From": "Anna <anna@mail.example.org>",
    "To": "Shop <help@example.com>",
    "Subject": "My order",
}


def a_mail(content: str = "Where is it?\n", headers: dict[str, str | None] | None = None, **how: Any) -> EmailMessage:
    """A customer's mail; headers given replace its own, None takes one away."""
    mail = EmailMessage()
    for name, value in {**HEADERS, **(headers or {})}.items():
        if value is not None:
            mail[name] = value
    mail.set_content(content, **how)
    return mail


def raw(body: bytes, **headers: str | bytes | None) -> bytes:
    """A customer's mail byte for byte; `content_type` and its like become headers."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = {**{name.title(): value for name, value in HEADERS.items()}, **named}
    head = [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
        for name, value in lines.items()
        if value is not None
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def mapper(*own: str) -> MailMapper:
    return MailMapper(own or ("example.com",), ["service", "analytics"])


def events_of(data: bytes | EmailMessage, *own: str) -> tuple[event_pb2.Event, ...]:
    outcome = mapper(*own).map(1, data if isinstance(data, bytes) else data.as_bytes())
    assert isinstance(outcome, Mapped), outcome
    return outcome.events


def message_of(data: bytes | EmailMessage, *own: str) -> event_pb2.Event:
    return events_of(data, *own)[-1]


def text_of(data: bytes | EmailMessage) -> str:
    """The text without the subject."""
    return message_of(data).message_sent.text.partition("\n\n")[2]
