"""The headers of an e-mail: who, when, in which thread. What cannot be relied on is refused, not guessed."""

import re
from datetime import UTC, datetime
from email import policy
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from services.adapters.mail.charsets import header_line, header_text
from services.adapters.mail.unfit import BROKEN, MailUnfit

# The standard library takes time that grows with the square of some headers.
_LONGEST_PARSED = 8_000
_LONGEST_ADDRESS = 128
_YEARS = range(2000, 2100)
_MESSAGE_ID = re.compile(r"<\s*([^<>\s\x00-\x1f\ufffd]+)\s*>")
_NOT_IN_ADDRESS = r'@\s"<>(),;:\\\x00-\x1f\ufffd'
_ADDRESS = re.compile(f"[^{_NOT_IN_ADDRESS}]+@[^{_NOT_IN_ADDRESS}]+")
_BULK = frozenset(("bulk", "list", "junk", "auto_reply"))
_MACHINES = frozenset(("mailer-daemon", "postmaster"))


class MailHeaders:
    """The headers of one mail. Of a header that is there twice the first counts.

    Args:
        mail: The mail.
    """

    def __init__(self, mail: Message) -> None:
        self._type = mail.get_content_type()
        self._values: dict[str, str] = {}
        for name, value in mail.raw_items():
            self._values.setdefault(name.lower(), str(value))

    def why_automatic(self) -> str:
        """Return why nobody wrote this mail: a word for it, or nothing if somebody did."""
        if self._line("auto-submitted").strip().lower() not in ("", "no"):
            return "automatic"
        if self._line("return-path").strip() == "<>" or self._type == "multipart/report":
            return "bounce"
        if "list-id" in self._values or self._line("precedence").strip().lower() in _BULK:
            return "mailing list"
        return "bounce" if self.sender().partition("@")[0].lower() in _MACHINES else ""

    def sender(self) -> str:
        """Return the address of who wrote; if they are several, of the first.

        Raises:
            MailUnfit: if there is none.
        """
        senders = self.addresses("from")
        if not senders:
            raise MailUnfit("from:MISSING")
        return senders[0]

    def addresses(self, name: str) -> list[str]:
        """Return the addresses in a header, each once.

        Raises:
            MailUnfit: if it is too long or holds something that is no address.
        """
        line = self._parsed_line(name)
        try:
            header: Any = policy.default.header_factory(name, line)
            found = [address.addr_spec for address in header.addresses]
        except BROKEN:
            raise MailUnfit(f"{name}:MALFORMED") from None
        if not all(len(one) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(one) for one in found):
            raise MailUnfit(f"{name}:NOT_AN_ADDRESS")
        return list({one.lower(): one for one in found}.values())

    def message_id(self) -> str:
        """Return what names this mail in the world.

        Raises:
            MailUnfit: if nothing does.
        """
        named = _MESSAGE_ID.search(self._line("message-id"))
        if named is None:
            raise MailUnfit("message-id:MISSING")
        return named.group(1)

    def root(self) -> str:
        """Return the id of the mail that began the conversation: the first reference, what it answers, or itself."""
        for name in ("references", "in-reply-to", "message-id"):
            named = _MESSAGE_ID.search(self._line(name))
            if named is not None:
                return named.group(1)
        raise MailUnfit("message-id:MISSING")

    def sent_at(self) -> datetime:
        """Return when it was written, or else when the last server took it.

        Raises:
            MailUnfit: if neither is told, or not in this century.
        """
        for told in (self._line("date"), self._line("received").rpartition(";")[2]):
            moment = _moment(told)
            if moment is not None and moment.year in _YEARS:
                return moment
        raise MailUnfit("date:MISSING")

    def subject(self) -> str:
        """Return what it is about."""
        return " ".join(header_text(self._parsed_line("subject")).split())

    def _line(self, name: str) -> str:
        return header_line(self._values.get(name, ""))

    def _parsed_line(self, name: str) -> str:
        line = self._line(name)
        if len(line) > _LONGEST_PARSED:
            raise MailUnfit(f"{name}:TOO_LONG")
        return line


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
