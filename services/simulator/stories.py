"""Needs and the ways people take to meet them: the plots from which all events come."""

from collections.abc import Callable

from mangrove.event.v1 import event_pb2 as pb
from services.simulator.talks import TalkTruth, converse
from services.simulator.walk import HOUR, MINUTE, Walk

Talks = list[TalkTruth]

NEEDS = {
    "buy": 0.40,
    "look": 0.20,
    "delivery": 0.13,
    "refund": 0.08,
    "invoice": 0.06,
    "technical": 0.07,
    "complaint": 0.06,
}
SHOWROOM_SHARE = 0.12
"""Of those who look for something to buy, how many go to see it in a store and come back online."""


def play_story(walk: Walk, prior: int) -> Talks:
    """Walk the way of the walk's need to its end.

    Args:
        walk: Where the person stands; it is moved on.
        prior: The person's conversations before.
    """
    talks: Talks = []

    def talk(channel: str, topic: str) -> TalkTruth:
        talks.append(converse(walk, channel, topic, prior + len(talks)))
        return talks[-1]

    if walk.need == "buy":
        _buy(walk, talk)
    elif walk.need == "look":
        _look(walk)
    elif walk.need == "complaint":
        _complain(walk, talk)
    else:
        _get_help(walk, talk)
    return talks


def _other(walk: Walk, channel: str) -> str:
    if walk.person.device is None:
        return "web"
    return "app" if channel == "web" else "web"


def _first_channel(walk: Walk) -> str:
    return "app" if walk.person.device is not None and walk.chance(0.5) else "web"


def _look(walk: Walk) -> None:
    channel = _first_channel(walk)
    walk.browse(channel, walk.stage.rng.randint(1, 3))
    if walk.chance(0.25):
        walk.pause(20 * MINUTE, 8 * HOUR)
        walk.browse(_other(walk, channel), walk.stage.rng.randint(1, 3))
    if walk.chance(0.1):
        walk.pause(HOUR, 20 * HOUR)
        walk.visit_store("look around")


def _buy(walk: Walk, talk: Callable[[str, str], TalkTruth]) -> None:
    rng = walk.stage.rng
    if walk.chance(0.08):
        walk.visit_store("try on")
        walk.pause(HOUR, 20 * HOUR)
    channel = _first_channel(walk)
    walk.browse(channel, rng.randint(1, 3))
    if walk.chance(0.2):
        return
    if walk.chance(SHOWROOM_SHARE):
        walk.pause(HOUR, 20 * HOUR)
        walk.visit_store("try on")
        walk.pause(HOUR, 20 * HOUR)
        walk.browse(channel, 1)
    if walk.chance(0.35):
        walk.pause(10 * MINUTE, 14 * HOUR)
        channel = _other(walk, channel)
        walk.browse(channel, rng.randint(1, 2))
    walk.fill_cart(channel)
    if walk.chance(0.32):
        walk.pause(30, 10 * MINUTE)
        outcome = talk("chat", "purchase").outcome
        if outcome in ("abandoned", "open") and walk.chance(0.6):
            return
        walk.pause(MINUTE, 20 * MINUTE)
        walk.browse(channel, 1)
    if walk.chance(0.25):
        walk.pause(HOUR, 24 * HOUR)
        channel = _other(walk, channel)
        walk.browse(channel, 1)
    if walk.chance(0.22):
        return
    _order_and_pay(walk, channel, talk)


def _order_and_pay(walk: Walk, channel: str, talk: Callable[[str, str], TalkTruth]) -> None:
    if channel == "web" and walk.chance(0.75):
        walk.log_in()
    order_id = walk.order(channel)
    if walk.chance(0.08):
        return
    if walk.chance(0.14):
        walk.pay(channel, order_id, succeeds=False)
        if walk.chance(0.5):
            talk("chat" if walk.chance(0.8) else "voice", "purchase")
            walk.pause(MINUTE, 30 * MINUTE)
        if walk.chance(0.25):
            return
    walk.pay(channel, order_id, succeeds=True)
    if walk.chance(0.12):
        score = walk.stage.rng.choices(range(11), weights=(1, 1, 1, 1, 1, 2, 2, 4, 6, 6, 5))[0]
        walk.act(channel, feedback_given=pb.FeedbackGiven(kind=pb.FEEDBACK_KIND_NPS, score=score))
    if walk.person.handle is not None and walk.chance(0.08):
        walk.pause(HOUR, 20 * HOUR)
        walk.post("purchase")
    if walk.chance(0.12):
        walk.pause(4 * HOUR, 30 * HOUR)
        walk.visit_store("pick up")


def _get_help(walk: Walk, talk: Callable[[str, str], TalkTruth]) -> None:
    rng = walk.stage.rng
    first = _first_channel(walk)
    walk.browse(first, 1)
    if first == "web" and walk.chance(0.45):
        walk.log_in()
    if walk.chance(0.06):
        walk.write_form(first)
    channel = rng.choices(("chat", "voice", "email"), weights=(70, 15, 15))[0]
    for attempt in range(3):
        walk.pause(MINUTE, 15 * MINUTE)
        outcome = talk(channel, walk.need).outcome
        if outcome == "resolved":
            if walk.chance(0.3):
                walk.pause(MINUTE, 20 * MINUTE)
                walk.browse(first, 1)
            return
        if outcome == "escalated":
            if walk.chance(0.4):
                walk.file_complaint("email")
            return
        if walk.chance(0.4 + 0.15 * attempt):
            return
        walk.pause(20 * MINUTE, 12 * HOUR)
        walk.browse(first, rng.randint(1, 2))
        channel = rng.choices(("chat", "voice", "email"), weights=(40, 35, 25))[0]


def _complain(walk: Walk, talk: Callable[[str, str], TalkTruth]) -> None:
    rng = walk.stage.rng
    if walk.person.handle is not None and walk.chance(0.8):
        walk.post("complaint")
        channel = rng.choices(("social", "email", "chat"), weights=(60, 25, 15))[0]
    else:
        walk.browse("web", 1)
        channel = rng.choices(("chat", "email", "voice"), weights=(40, 35, 25))[0]
    for _ in range(2):
        outcome = talk(channel, "complaint").outcome
        if outcome == "resolved":
            return
        walk.pause(2 * HOUR, 20 * HOUR)
        if outcome == "escalated" or walk.chance(0.35):
            walk.file_complaint("email" if walk.chance(0.6) else "web")
            return
        channel = rng.choice(("email", "voice"))
    if walk.person.handle is not None and walk.chance(0.5):
        walk.post("complaint")
