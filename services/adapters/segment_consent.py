"""What a Segment or RudderStack message says about consent, in our purposes.

Segment: `context.consent.categoryPreferences`, an object of category name to true or false. RudderStack:
`context.consentManagement` with `allowedConsentIds` and `deniedConsentIds`, lists of category names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from mangrove.event.v1 import event_pb2

DEFAULT_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "Analytics": ("analytics",),
    "Functional": ("service",),
    "C0001": ("service",),
    "C0002": ("analytics",),
    "C0003": ("service",),
}
"""What categories allow when nothing is configured: Segment's examples, and OneTrust's ids for strictly necessary,
performance and functional. No category allows learning by itself."""

Purposes = frozenset["event_pb2.Purpose.ValueType"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a message says: the purposes that are allowed, and those that are not."""

    granted: Purposes
    withdrawn: Purposes


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """How categories become purposes, and what holds when a message says nothing.

    `categories` has names in lower case; `default` is empty for no consent, so that such events are refused.
    """

    default: Purposes
    categories: Mapping[str, Purposes]

    @classmethod
    def of(cls, default_purposes: Iterable[str] = (), categories: Mapping[str, Iterable[str]] | None = None) -> Self:
        """Build the rules from names of purposes such as "analytics".

        Args:
            default_purposes: What customers allowed when a message does not say.
            categories: Category to purposes, in the place of `DEFAULT_CATEGORIES`; none or empty for those.
        """
        table = {name.lower(): _purposes(purposes) for name, purposes in (categories or DEFAULT_CATEGORIES).items()}
        return cls(_purposes(default_purposes), table)

    def choices(self, context: Mapping[str, Any]) -> Choices | None:
        """Return what a message's context says, None if it says nothing.

        What says something that cannot be read allows nothing. A purpose that one category allows and another
        denies is denied.
        """
        if context.get("consent") is None and context.get("consentManagement") is None:
            return None
        allowed, denied = _preferences(context)
        withdrawn = self._named(denied)
        return Choices(self._named(allowed) - withdrawn, withdrawn)

    def allowed(self, choices: Choices | None) -> Purposes:
        """Return the purposes that a message's customer allowed, by what `choices` found in it."""
        return self.default if choices is None else choices.granted

    def _named(self, names: Iterable[str]) -> Purposes:
        none: Purposes = frozenset()
        return none.union(*(self.categories.get(name.lower(), none) for name in names))


def _preferences(context: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Return the names of the categories that are allowed and denied; only a plain true allows."""
    segment, rudder = context.get("consent"), context.get("consentManagement")
    preferences = segment.get("categoryPreferences") if isinstance(segment, dict) else None
    preferences = preferences if isinstance(preferences, dict) else {}
    lists = rudder if isinstance(rudder, dict) else {}
    allowed = {name for name, choice in preferences.items() if choice is True}
    denied = set(preferences) - allowed
    return allowed | _texts(lists.get("allowedConsentIds")), denied | _texts(lists.get("deniedConsentIds"))


def _texts(names: object) -> set[str]:
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def _purposes(names: Iterable[str]) -> Purposes:
    return frozenset(event_pb2.Purpose.Value(f"PURPOSE_{name.upper()}") for name in names)
