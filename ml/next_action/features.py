"""What the next-action models see of a moment in a conversation."""

from ml.columns import Columns
from spark_jobs.gold.lexicon import TOPICS
from spark_jobs.gold.moments import CHANNELS

COLUMNS = Columns(
    categories={"channel": CHANNELS, "language": ("zh", "en"), "topic": tuple(TOPICS)},
    numbers=(
        "turn",
        "bot_turns",
        "agent_turns",
        "with_agent",
        "elapsed_s",
        "mean_wait_s",
        "last_wait_s",
        "longest_wait_s",
        "slow_waits",
        "mean_reply_s",
        "last_reply_s",
        "text_length",
        "mean_text_length",
        "repeats",
        "repeats_now",
        "bot_repeats",
        "questions",
        "exclamations",
        "asks_for_human",
        "asks_now",
        "negative_words",
        "negative_turns",
        "negative_now",
        "thanks_now",
        "topic_switches",
        "hour",
        "weekday",
        "prior_contacts",
        "prior_handovers",
        "prior_abandonments",
        "prior_complaints",
        "channels_before",
        "pages_before",
        "payments_failed_before",
    ),
)
