"""Whether an event may be kept: what the customer allowed comes in, a decision leaves."""

from collections.abc import Collection

REQUIRED_PURPOSE = "analytics"
"""What an event must be allowed for, or nothing of it is stored."""

RECORDS_OF_CONSENT = frozenset({"consent_changed"})
"""Events that document consent itself: they are kept whatever they say, so that a withdrawal is honoured."""


def may_store(event_type: str, purposes: Collection[str]) -> bool:
    """Say whether an event may be stored.

    Args:
        event_type: The name of the event's body, such as `message_sent`.
        purposes: What the customer allowed, in lower case; empty means nothing.

    >>> may_store("message_sent", ["service", "analytics"])
    True
    >>> may_store("message_sent", ["service"])
    False
    >>> may_store("consent_changed", [])
    True
    """
    return event_type in RECORDS_OF_CONSENT or REQUIRED_PURPOSE in purposes
