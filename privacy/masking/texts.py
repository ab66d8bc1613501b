"""The fields of texts as one source sends them: by which policy each is masked, and what its texts became before."""

from collections.abc import Collection
from dataclasses import dataclass, field

from privacy.masking.memory import Memory
from privacy.masking.policy import FieldPolicy, Policy

SPLIT_FIELD = "message_sent.text"
"""The field whose texts are parts of a conversation: what one becomes depends on those before it."""

# Titles, screens and pages come again and again. What is longer hardly ever does.
_REMEMBERED, _LONGEST_TEXT, _LONGEST_URL = 4_096, 64, 512

_Kind = tuple[bool, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class TextField:
    """A field of texts.

    Attributes:
        path: The field's path from the event.
        policy: What is done with what is found in it.
        memory: What its texts became; None if each is to be looked at.
        longest: What is longer is not remembered.
        recent: Of the memory, for those in a hurry.
    """

    path: str
    policy: FieldPolicy
    memory: Memory[str, str] | None = None
    longest: int = 0
    recent: dict[str, str] = field(default_factory=dict, repr=False)

    def remember(self, text: str, masked: str) -> None:
        """Keep what a text became, if it is to be kept."""
        if self.memory is not None and len(text) <= self.longest:
            self.memory.put(text, masked)


class TextFields(dict[str, TextField | None]):
    """The fields of one source by their paths, None for one that the policy drops.

    Args:
        policy: The policy of masking.
        source: Who sends the texts.
        memories: What texts became before; None if each is to be looked at.
    """

    def __init__(self, policy: Policy, source: str, memories: "Memories | None") -> None:
        super().__init__()
        self._policy = policy
        self._source = source
        self._memories = memories

    def __missing__(self, path: str) -> TextField | None:
        policy = self._policy.for_field(self._source, path)
        made = None
        if not policy.dropped:
            made = self._memories.field(path, policy) if self._memories is not None else TextField(path, policy)
        self[path] = made
        return made


class Memories:
    """What texts became, shared by all fields and sources that are treated alike.

    Args:
        urls: The paths of fields that hold URLs.
    """

    def __init__(self, urls: Collection[str]) -> None:
        self._urls = frozenset(urls)
        self._memories: dict[_Kind, Memory[str, str]] = {}

    def field(self, path: str, policy: FieldPolicy) -> TextField:
        """Return a field with the memory of its kind."""
        if path == SPLIT_FIELD:
            return TextField(path, policy)
        is_url = path in self._urls
        kind = (is_url, tuple(sorted((entity, action.value) for entity, action in policy.actions.items())))
        memory = self._memories.setdefault(kind, Memory(_REMEMBERED))
        return TextField(path, policy, memory, _LONGEST_URL if is_url else _LONGEST_TEXT, memory.recent)
