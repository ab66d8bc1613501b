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
        Column("channel", STRING, "the conversation's channel"),
        Column("language", STRING, "zh or en, by the messages so far"),
        Column("bot_turns", INT, "bot messages so far"),
        Column("elapsed_s", FLOAT, "seconds since the conversation began"),
        Column("mean_wait_s", FLOAT, "mean seconds the customer waited for answers so far, 0 if none"),
        Column("last_wait_s", FLOAT, "seconds the customer waited for the last answer, 0 if none"),
        Column("text_length", INT, "characters of the message"),
        Column("mean_text_length", FLOAT, "mean characters of the customer's messages so far"),
        Column("repeats", INT, "customer messages so far that said again what was said before"),
        Column("questions", INT, "customer messages so far with a question mark"),
        Column("asks_for_human", INT, "customer messages so far that ask for a person"),
        Column("negative_words", INT, "words of complaint in the customer's messages so far"),
        Column("prior_contacts", INT, "conversations of the person begun in the 30 days before"),
        Column("prior_handovers", INT, "of these, those a human took over before this moment"),
        Column("channels_before", INT, "distinct channels of the person's earlier events in the 7 days before"),
        Column("may_learn", BOOL, "whether consent covers learning"),
        Column("handed_over_later", BOOL, "the label: a human takes over after this moment"),
    ),
)

GOLD_PREDICTIONS = Table(
    name="gold.predictions",
    meaning="What the champion model says of each moment in gold.features.",
    key=("conversation_id", "turn", "model_name"),
    writer="score",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        Column("turn", INT, "how many customer messages had come"),
        Column("model_name", STRING, "the registered model"),
        Column("model_version", INT, "its version"),
        Column("probability", FLOAT, "that a human takes over later, 0 to 1"),
    ),
)
