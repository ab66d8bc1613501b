"""What an event means in a journey: its stage."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

_STAGE_OF_TYPE = {
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
_CONVERSATION_TYPES = (
    "conversation_started",
    "message_sent",
    "conversation_transferred",
    "conversation_ended",
)


def with_stage(events: DataFrame) -> DataFrame:
    """Add `stage`: browse, cart, order, pay, bot, agent, feedback, social, store, complain or other.

    In a conversation the stage says who has it: an agent from the hand-over on, or from the start where no
    bot ever spoke. Needs the conversation's handed_over_at, bot_turns and agent_turns (null without one).
    """
    with_agent = F.expr(
        "coalesce(event_at >= handed_over_at, false) OR coalesce(bot_turns = 0 AND agent_turns > 0, false)"
    )
    who = F.when(F.col("party").isin("bot", "agent"), F.col("party")).when(with_agent, "agent").otherwise("bot")
    by_type = F.coalesce(*(F.when(F.col("event_type") == t, stage) for t, stage in _STAGE_OF_TYPE.items()))
    in_conversation = F.col("event_type").isin(*_CONVERSATION_TYPES)
    return events.withColumn("stage", F.coalesce(F.when(in_conversation, who), by_type, F.lit("other")))
