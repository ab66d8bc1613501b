"""What models learn from, and what they say."""

from spark_jobs.lake.schemas import BOOL, FLOAT, INT, STRING, TIMESTAMP, Column, Table
from spark_jobs.lake.tables.person import PERSON

GOLD_FEATURES = Table(
    name="gold.features",
    meaning="What was known of a conversation when a customer's message had come in: nothing from after it.",
    key=("conversation_id", "turn"),
    writer="features",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        Column("turn", INT, "how many customer messages had come, from 1"),
        PERSON,
        Column("as_of", TIMESTAMP, "the moment the features are of: the customer's message"),
        Column("channel", STRING, "the message's channel"),
        Column("language", STRING, "zh or en, by the messages so far"),
        Column("topic", STRING, "what the customer last wrote about, by declared words; null if none came up"),
        Column("bot_turns", INT, "bot messages so far"),
        Column("agent_turns", INT, "messages of human agents so far"),
        Column("with_agent", INT, "1 if a human has taken the conversation over, else 0"),
        Column("elapsed_s", FLOAT, "seconds since the conversation began"),
        Column("mean_wait_s", FLOAT, "mean seconds the customer waited for answers so far, 0 if none"),
        Column("last_wait_s", FLOAT, "seconds the customer waited for the last answer, 0 if none"),
        Column("longest_wait_s", FLOAT, "most seconds the customer waited for an answer so far, 0 if none"),
        Column("slow_waits", INT, "answers so far that took long for the channel"),
        Column("mean_reply_s", FLOAT, "mean seconds the customer took to reply so far, 0 if none"),
        Column("last_reply_s", FLOAT, "seconds the customer took for the last reply, 0 if none"),
        Column("text_length", INT, "characters of the message"),
        Column("mean_text_length", FLOAT, "mean characters of the customer's messages so far"),
        Column("repeats", INT, "customer messages so far that said again what was said before"),
        Column("repeats_now", INT, "1 if this message does, else 0"),
        Column("bot_repeats", INT, "bot messages so far that said again what the bot had said"),
        Column("questions", INT, "customer messages so far with a question mark"),
        Column("exclamations", INT, "exclamation marks of the customer so far"),
        Column("asks_for_human", INT, "customer messages so far that ask for a person"),
        Column("asks_now", INT, "1 if this message does, else 0"),
        Column("negative_words", INT, "words of complaint in the customer's messages so far"),
        Column("negative_turns", INT, "customer messages so far with such a word"),
        Column("negative_now", INT, "1 if this message has one, else 0"),
        Column("thanks_now", INT, "1 if this message has words of thanks, else 0"),
        Column("topic_switches", INT, "how often the customer came to another topic so far"),
        Column("hour", INT, "hour of the day, UTC"),
        Column("weekday", INT, "day of the week, 1 is Monday, UTC"),
        Column("prior_contacts", INT, "other conversations of the person begun in the 30 days before"),
        Column("prior_handovers", INT, "other conversations of the person a human took over in the 30 days before"),
        Column("prior_abandonments", INT, "conversations the person abandoned in the 30 days before"),
        Column("prior_complaints", INT, "complaints of the person in the 30 days before"),
        Column("channels_before", INT, "distinct channels of the person's earlier events in the 7 days before"),
        Column("pages_before", INT, "pages and screens the person saw in the 24 hours before"),
        Column("payments_failed_before", INT, "payments of the person that failed in the 24 hours before"),
        Column("had_by_bot", BOOL, "whether a bot has the conversation: it is known when it is routed"),
        Column("may_learn", BOOL, "whether consent covers learning"),
        Column("settled", BOOL, "whether the conversation is over, so that the labels are known"),
        Column("handed_over_later", BOOL, "a label: a human takes over after this moment"),
        Column("abandoned_later", BOOL, "a label: it ends as abandoned after this moment"),
        Column("escalated_later", BOOL, "a label: it ends as escalated after this moment"),
        Column("resolved_later", BOOL, "a label: it ends as resolved after this moment"),
        Column("handed_over_at", TIMESTAMP, "when a human took over, null if none did"),
        Column("ended_at", TIMESTAMP, "when it ended, null if nobody said so"),
    ),
)

GOLD_PREDICTIONS = Table(
    name="gold.predictions",
    meaning="What the champion models say of the moments in gold.features.",
    key=("conversation_id", "turn", "model_name"),
    writer="score",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        Column("turn", INT, "how many customer messages had come"),
        Column("model_name", STRING, "the registered model"),
        Column("model_version", INT, "its version"),
        Column("probability", FLOAT, "that what the model is named after comes later, 0 to 1"),
        Column("soon_s", FLOAT, "seconds until then, if it comes: one in ten is quicker"),
        Column("median_s", FLOAT, "seconds until then, if it comes: the median"),
        Column("late_s", FLOAT, "seconds until then, if it comes: one in ten takes longer"),
    ),
)

GOLD_JOURNEY_PREDICTIONS = Table(
    name="gold.journey_predictions",
    meaning="What the champion model says at each step of journeys that are not over yet, or were.",
    key=("journey_id", "step"),
    writer="score",
    columns=(
        Column("journey_id", STRING, "the journey", pseudonym=True),
        Column("step", INT, "its place, from 1"),
        Column("model_version", INT, "the version of the model journey_outcome"),
        Column("probability", FLOAT, "that the journey ends with a purchase, 0 to 1"),
    ),
)

GOLD_SATISFACTION = Table(
    name="gold.satisfaction",
    meaning="How satisfied a customer seems at each message, by the masked text so far.",
    key=("conversation_id", "turn"),
    writer="score",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        Column("turn", INT, "how many customer messages had come, from 1"),
        Column("model_version", INT, "the version of the model satisfaction"),
        Column("score", FLOAT, "0 is very dissatisfied, 1 very satisfied"),
        Column("level", STRING, "one of five levels, by the score"),
        Column("slope", FLOAT, "how the score changes a message, over the customer's last three; 0 at the first"),
    ),
)

GOLD_SEGMENTS = Table(
    name="gold.segments",
    meaning="The segment that a person's behaviour in sessions belongs to.",
    key=("person_id",),
    writer="score",
    columns=(
        PERSON,
        Column("model_version", INT, "the version of the model segments"),
        Column("segment", STRING, "the segment's name"),
        Column("segment_zh", STRING, "its name in Chinese"),
    ),
)

GOLD_DEMAND = Table(
    name="gold.demand",
    meaning="How many contacts are expected in each half hour of the day after the newest one.",
    key=("channel", "starts_at"),
    writer="score",
    columns=(
        Column("channel", STRING, "the channel"),
        Column("starts_at", TIMESTAMP, "when the half hour begins"),
        Column("model_version", INT, "the version of the model demand"),
        Column("expected", FLOAT, "contacts expected"),
        Column("low", FLOAT, "in one of ten such half hours there are fewer"),
        Column("high", FLOAT, "in one of ten such half hours there are more"),
    ),
)
