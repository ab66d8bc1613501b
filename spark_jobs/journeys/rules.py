"""What is declared about sessions and journeys: pauses, stages, needs, goals and their windows."""

from dataclasses import dataclass
from datetime import timedelta

CHANNELS = ("app", "chat", "email", "social", "store", "voice", "web")
"""All channels, sorted."""

PAUSE_OF_CHANNEL = {
    "app": timedelta(minutes=30),
    "chat": timedelta(minutes=30),
    "email": timedelta(hours=24),
    "social": timedelta(hours=2),
    "store": timedelta(hours=2),
    "voice": timedelta(minutes=30),
    "web": timedelta(minutes=30),
}
"""How long a pause parts sessions: from one channel to another the shorter of both counts.

Half an hour is what web analytics takes. Mail is answered within a working day; a post, or a way through a shop,
within two hours.
"""

PAUSE = timedelta(hours=72)
"""How long a pause between two sessions parts journeys."""

BACK_AND_FORTH = timedelta(hours=24)
"""Who leaves a channel and is back on it within this time, from the channel gone to, goes back and forth."""

CONVERSATION_TYPES = ("conversation_started", "message_sent", "conversation_transferred", "conversation_ended")
STAGE_OF_TYPE = {
    "page_viewed": "browse",
    "screen_viewed": "browse",
    "clicked": "browse",
    "searched": "browse",
    "cart_changed": "cart",
    "order_placed": "order",
    "payment_made": "pay",
    "feedback_given": "feedback",
    "social_posted": "social",
    "store_visited": "store",
    "complaint_filed": "complain",
}
STAGES = ("agent", "bot", "browse", "cart", "complain", "feedback", "order", "other", "pay", "social", "store")
"""All stages, sorted. In a conversation the stage says who has it; an event of another type is `other`."""

OUTCOMES = ("bought", "escalated", "transferred", "resolved", "abandoned")
"""How a journey ends: the first that holds."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a person wants of a journey: the goal that would end it well, and how long after its start that counts.

    `goal` is "paid" or "resolved" (a conversation ended so), or empty where there is none.
    """

    name: str
    goal: str
    window: timedelta


COMPLAIN = Need("complain", "resolved", timedelta(days=14))
BUY = Need("buy", "paid", timedelta(days=30))
AFTER_SALES = Need("after_sales", "resolved", timedelta(days=14))
GET_HELP = Need("get_help", "resolved", timedelta(days=7))
LOOK_AROUND = Need("look_around", "", timedelta(0))
NEEDS = (COMPLAIN, BUY, AFTER_SALES, GET_HELP, LOOK_AROUND)
"""The first that holds is a journey's: it has a complaint; a cart, order or payment; a conversation of somebody who
paid in the `SINCE_PURCHASE` before; a conversation; or nothing of these."""

SINCE_PURCHASE = timedelta(days=30)
"""How long after a purchase a conversation is about it."""
