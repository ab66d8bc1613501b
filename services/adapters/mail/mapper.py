"""E-mails (RFC 5322) become messages of conversations: who writes, in which thread, when and what."""

import re
from collections.abc import Iterable, Iterator, Sequence
from email import message_from_bytes
from itertools import islice

from google.protobuf.descriptor import Descriptor

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.adapters.account import Mapped, Outcome, Skipped, Unmapped
from services.adapters.mail.headers import MailHeaders
from services.adapters.mail.text import cut_at_sentence, text_of_mail
from services.adapters.mail.unfit import BROKEN, MailUnfit

_START = ":start"
_MOST_MULTIPARTS = 50
_MOST_LINE_ENDS = 2_000_000

_MULTIPART = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
_LONG_HEADER = re.compile(rb"(?:[^\r\n]|\r?\n[ \t]){8000}")


def _refuse_slow(data: bytes) -> None:
    """Refuse what the parser would need minutes or gigabytes for.

    It holds every line by itself, looks at each once for every level that is open, and reads the headers of levels in
    time that grows with the square of their length.
    """
    levels = list(islice(_MULTIPART.finditer(data), _MOST_MULTIPARTS + 1))
    if len(levels) > _MOST_MULTIPARTS:
        raise MailUnfit("body:TOO_MANY_PARTS")
    if any(_LONG_HEADER.match(data, level.end()) for level in levels):
        raise MailUnfit("content-type:TOO_LONG")
    if data.count(b"\n") + data.count(b"\r") > _MOST_LINE_ENDS:
        raise MailUnfit("body:TOO_MANY_LINES")


def _longest(message: Descriptor, field: str) -> int:
    limits: options_pb2.Limits = message.fields_by_name[field].GetOptions().Extensions[options_pb2.limits]
    return limits.max_length


_LONGEST_ID = _longest(event_pb2.Event.DESCRIPTOR, "event_id")
_LONGEST_TEXT = _longest(event_pb2.MessageSent.DESCRIPTOR, "text")
_LONGEST_TOPIC = _longest(event_pb2.ConversationStarted.DESCRIPTOR, "topic")


class MailMapper:
    """Makes events of mails.

    Who writes from an own domain or address is an agent; anybody else is a customer.

    Args:
        own: The company's domains, which stand for those below them too, and addresses.
        purposes: What the customers allowed, by their lower-case names.
    """

    def __init__(self, own: Iterable[str], purposes: Iterable[str]) -> None:
        self._own = frozenset(name.strip().lower().removeprefix("@") for name in own)
        self._purposes = [event_pb2.Purpose.Value(f"PURPOSE_{purpose.upper()}") for purpose in purposes]

    def map(self, number: int, data: bytes) -> Outcome:
        """Return what becomes of a mail: a message, and the start of its conversation if it is the first of it.

        Args:
            number: Its place in the order of reading, from 1.
            data: The mail as it was sent.
        """
        try:
            return self._mapped(number, data)
        except MailUnfit as unfit:
            return Unmapped(number, unfit.rule)
        except BROKEN:
            return Unmapped(number, "mail:MALFORMED")

    def _mapped(self, number: int, data: bytes) -> Outcome:
        _refuse_slow(data)
        mail = message_from_bytes(data)
        headers = MailHeaders(mail)
        if why := headers.why_automatic():
            return Skipped(number, why)
        by_agent = self._is_own(headers.sender())
        customers = self._answered(headers) if by_agent else self._writing(headers)
        if not customers:
            return Skipped(number, "internal")
        told = text_of_mail(mail)
        text = cut_at_sentence(f"{headers.subject()}\n\n{told.text}".strip(), _LONGEST_TEXT, is_cut=told.is_cut)
        notes = ["attachment left out"] * told.attachments
        notes += ["text cut"] * (told.is_cut or len(text) < len(told.text))
        notes += ["text with damaged characters"] * told.is_damaged
        if by_agent and len(customers) > 1:
            customers = []
            notes.append("sent to several people, none of them named")
        message = event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text=text)
        if by_agent:
            message.party, message.agent_id = event_pb2.PARTY_AGENT, headers.sender()
        return Mapped(number, tuple(self._events(headers, message, customers)), tuple(notes))

    def _writing(self, headers: MailHeaders) -> list[str]:
        """The customer who writes, with the address at which they want the answer."""
        answer_to = [one for one in headers.addresses("reply-to") if not self._is_own(one)]
        return [*dict.fromkeys([headers.sender(), *answer_to[:1]])]

    def _answered(self, headers: MailHeaders) -> list[str]:
        """The customers to whom an agent writes: those it is sent to, or else those who get a copy."""
        for name in ("to", "cc"):
            outside = [one for one in headers.addresses(name) if not self._is_own(one)]
            if outside:
                return outside
        return []

    def _is_own(self, address: str) -> bool:
        address = address.lower()
        labels = address.rpartition("@")[2].split(".")
        domains = {".".join(labels[place:]) for place in range(len(labels))}
        return not self._own.isdisjoint({address, *domains})

    def _events(
        self, headers: MailHeaders, message: event_pb2.MessageSent, customers: Sequence[str]
    ) -> Iterator[event_pb2.Event]:
        message_id, root = headers.message_id(), headers.root()
        if max(len(message_id) + len(_START), len(root)) > _LONGEST_ID:
            raise MailUnfit("message-id:TOO_LONG")
        event = event_pb2.Event(
            event_id=message_id,
            channel=event_pb2.CHANNEL_EMAIL,
            occurred_at_unix_nano=int(headers.sent_at().timestamp()) * 10**9,
            conversation_id=root,
            identifiers=[event_pb2.Identifier(type=options_pb2.IDENTIFIER_TYPE_EMAIL, value=one) for one in customers],
            message_sent=message,
        )
        if self._purposes:
            event.consent.purposes.extend(self._purposes)
        if message_id == root:
            start = event_pb2.Event()
            start.CopyFrom(event)
            start.event_id = message_id + _START
            start.conversation_started.topic = cut_at_sentence(headers.subject(), _LONGEST_TOPIC)
            yield start
        yield event
