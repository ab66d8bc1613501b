"""Looks at consecutive messages as one text, and says what belongs to each of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from privacy.masking.conversations import Conversations, Said, Window
from privacy.masking.failures import MaskingFailed
from privacy.masking.masker import Found, Masker
from privacy.masking.run import Failure
from privacy.masking.texts import SPLIT_FIELD, TextFields

# A window is looked at closely, however short it is.
_WORK_AT_ONCE, _COST_OF_ONE = 256 * 1024, 256


class Across:
    """What was found across the messages of some events.

    Args:
        masker: Looks at the texts.
        conversations: Remembers what was said before.

    Attributes:
        found: What belongs to each event's text, by the event's place.
        lost: Which texts could not be searched together with their neighbours.
        timeouts: See `Masker.find_each`.
    """

    def __init__(self, masker: Masker, conversations: Conversations) -> None:
        self.found: dict[int, list[Found]] = {}
        self.lost: list[Failure] = []
        self.timeouts: list[MaskingFailed] = []
        self._masker = masker
        self._conversations = conversations

    def look(self, said: Iterable[Said], now_s: float) -> Iterator[None]:
        """Look at messages, with a bounded amount of work between two steps.

        Args:
            said: The messages, in their order.
            now_s: The collector's clock, seconds.
        """
        group: list[Window] = []
        size = 0
        for window in self._conversations.windows(said, now_s):
            group.append(window)
            size += _COST_OF_ONE + len(window.text)
            if size >= _WORK_AT_ONCE:
                self._search(group)
                yield
                group, size = [], 0
        if group:
            self._search(group)
            yield

    def _search(self, windows: Sequence[Window]) -> None:
        each = self._masker.find_each([window.text for window in windows], self.timeouts)
        for window, found in zip(windows, each, strict=True):
            if isinstance(found, MaskingFailed):
                self.lost.append(Failure(window.last, SPLIT_FIELD, found))
                continue
            for place, one in window.across(found):
                self.found.setdefault(place, []).append(one)


def said_in(place: int, event: Any, source: str, fields: TextFields) -> list[Said]:
    """Return what an event says in a conversation, if it does and its text is stored.

    Args:
        place: The event's place in its batch.
        event: The event.
        source: Who sent it.
        fields: The source's fields.
    """
    if not event.conversation_id or event.WhichOneof("body") != "message_sent" or fields[SPLIT_FIELD] is None:
        return []
    message = event.message_sent
    return [Said(place, (source, event.conversation_id, message.party), event.event_id, message.text)]
