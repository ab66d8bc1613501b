"""Masks what was said in a request, as the collector does it."""

from collections.abc import Sequence

from privacy.masking import Masker
from privacy.masking.across import Across
from privacy.masking.actions import Action
from privacy.masking.conversations import Conversations, Said, joined
from privacy.masking.texts import SPLIT_FIELD
from services.prediction.ports import Event

_PARTIES = (None, "customer", "bot", "agent")


def masked_texts(events: Sequence[Event], masker: Masker, source: str) -> list[str | None]:
    """Return the masked text of each event, None where there is none, or where the policy drops it.

    A number that is spread over consecutive messages is found as well.

    Args:
        events: In the order of time.
        masker: Masks texts.
        source: Who asks: a policy may say something of its texts.

    Raises:
        MaskingFailed: if a detector fails on any text.
    """
    policy = masker.policy.for_field(source, SPLIT_FIELD)
    if policy.dropped:
        return [None] * len(events)
    said = [(place, event.text) for place, event in enumerate(events) if event.text]
    found = masker.find([text for _, text in said])
    across = Across(masker, Conversations())
    for _ in across.look([_said(place, events[place], text) for place, text in said], now_s=0.0):
        pass
    if across.lost:
        raise across.lost[0].cause
    texts: list[str | None] = [None] * len(events)
    for (place, text), own in zip(said, found, strict=True):
        crossing = [one for one in across.found.get(place, ()) if policy.action(one.entity) is not Action.KEEP]
        texts[place] = masker.apply(text, joined(own, crossing) if crossing else own, policy).text
    return texts


def _said(place: int, event: Event, text: str) -> Said:
    # What is in no conversation goes on nowhere.
    thread = ("", event.conversation_id or f"\0{place}", _PARTIES.index(event.party))
    return Said(place, thread, str(place), text)
