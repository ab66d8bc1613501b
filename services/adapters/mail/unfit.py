"""Why a mail cannot become a message."""

from email.errors import MessageError

from privacy.errors import MangroveError

BROKEN = (MessageError, ValueError, LookupError, AttributeError, TypeError, AssertionError, RecursionError)
"""What the standard library's parsers raise when a mail is broken in a way that they do not know."""


class MailUnfit(MangroveError):
    """A mail cannot become a message; `rule` is the part of it and the rule, such as date:MISSING."""

    reason = "MAIL_UNFIT"

    def __init__(self, rule: str) -> None:
        super().__init__(f"A mail breaks the rule {rule}.")
        self.rule = rule
