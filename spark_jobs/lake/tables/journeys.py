"""Conversations, sessions and journeys."""

from spark_jobs.lake.schemas import BOOL, FLOAT, INT, STRING, STRINGS, TIMESTAMP, Column, Table
from spark_jobs.lake.tables.person import PERSON

SILVER_CONVERSATIONS = Table(
    name="silver.conversations",
    meaning="One row a conversation: turns, waits, hand-over and how it ended.",
    key=("conversation_id",),
    writer="conversations",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        PERSON,
        Column("channel", STRING, "the channel it began on"),
        Column("language", STRING, "zh or en, by its messages"),
        Column("started_at", TIMESTAMP, "its first event"),
        Column("ended_at", TIMESTAMP, "its last event"),
        Column("turns", INT, "messages"),
        Column("customer_turns", INT, "messages of the customer"),
        Column("bot_turns", INT, "messages of bots"),
        Column("agent_turns", INT, "messages of human agents"),
        Column(
            "first_wait_s",
            FLOAT,
            "seconds from the customer's first message to the first answer, null if none",
        ),
        Column("handed_over_at", TIMESTAMP, "when a human took over, null if never"),
        Column("outcome", STRING, "resolved, abandoned, escalated, or open"),
        Column("csat", INT, "customer satisfaction, 1 to 5, null if not given"),
    ),
)

GOLD_SESSIONS = Table(
    name="gold.sessions",
    meaning="A person's events without a pause of 30 minutes, or longer on slow channels, across channels.",
    key=("session_id",),
    writer="journeys",
    columns=(
        Column("session_id", STRING, "named after its first event", pseudonym=True),
        PERSON,
        Column("started_at", TIMESTAMP, "its first event"),
        Column("ended_at", TIMESTAMP, "its last event"),
        Column("channels", STRINGS, "distinct channels, sorted"),
        Column("events", INT, "events"),
        Column("first_channel", STRING, "the channel of its first event"),
        Column("last_channel", STRING, "the channel of its last event"),
    ),
)

GOLD_JOURNEYS = Table(
    name="gold.journeys",
    meaning="A person's sessions towards one need: a purchase ends it, and so does a pause of 72 hours.",
    key=("journey_id",),
    writer="journeys",
    columns=(
        Column("journey_id", STRING, "named after its first event", pseudonym=True),
        PERSON,
        Column("started_at", TIMESTAMP, "its first event"),
        Column("ended_at", TIMESTAMP, "its last event"),
        Column("outcome", STRING, "bought, resolved, transferred, escalated or abandoned"),
        Column("need", STRING, "complain, buy, after_sales, get_help or look_around"),
        Column("goal_reached_at", TIMESTAMP, "when the need's goal was reached, null if not within its window"),
        Column("goal_s", FLOAT, "seconds from its start to that"),
        Column("paid_at", TIMESTAMP, "its last payment that succeeded, null if none"),
        Column("sessions", INT, "sessions"),
        Column("steps", INT, "steps"),
        Column("channels", INT, "distinct channels"),
        Column("loops", INT, "returns to a channel left before"),
        Column("back_and_forths", INT, "of these, returns within 24 hours from the channel gone to"),
        Column("first_channel", STRING, "the channel of its first step"),
        Column("last_channel", STRING, "the channel of its last step"),
        Column("amount_minor", INT, "hundredths of the currency paid, null if nothing"),
    ),
)

GOLD_JOURNEY_STEPS = Table(
    name="gold.journey_steps",
    meaning="The steps of a journey: repeats of the same stage on the same channel are one step.",
    key=("journey_id", "step"),
    writer="journeys",
    columns=(
        Column("journey_id", STRING, "the journey", pseudonym=True),
        Column("step", INT, "its place, from 1"),
        PERSON,
        Column("channel", STRING, "the channel"),
        Column(
            "stage",
            STRING,
            "browse, cart, order, pay, bot, agent, feedback, social, store, complain or other",
        ),
        Column("started_at", TIMESTAMP, "its first event"),
        Column("ended_at", TIMESTAMP, "its last event"),
        Column("dwell_s", FLOAT, "seconds until the next step; null for the last"),
        Column("events", INT, "events"),
    ),
)

GOLD_TRANSITIONS = Table(
    name="gold.transitions",
    meaning="Changes of channel inside a journey.",
    key=("journey_id", "step"),
    writer="journeys",
    columns=(
        Column("journey_id", STRING, "the journey", pseudonym=True),
        Column("step", INT, "the step that was left"),
        PERSON,
        Column("from_channel", STRING, "the channel that was left"),
        Column("to_channel", STRING, "the channel that was entered"),
        Column("changed_at", TIMESTAMP, "when to_channel was entered"),
        Column("ended_at", TIMESTAMP, "the last event of the step that was entered"),
        Column("gap_s", FLOAT, "seconds between the two"),
        Column("returns", BOOL, "whether the journey was on to_channel before: a loop"),
        Column("back_and_forth", BOOL, "whether it leads back to the channel that was left less than 24 hours ago"),
        Column("same_stage", BOOL, "whether the stage that was left is gone through again on the other channel"),
        Column("abandoned", BOOL, "whether the journey was abandoned in the step that was entered"),
    ),
)

GOLD_PATHS = Table(
    name="gold.paths",
    meaning="The ways that journeys take through the channels, repeats being one.",
    key=("path",),
    writer="paths",
    columns=(
        Column("path", STRING, "the channels in order, such as web › chat › app; … after twelve"),
        Column("length", INT, "channels on the path, as often as they were entered"),
        Column("journeys", INT, "journeys that went it"),
        Column("people", INT, "people who did"),
        Column("bought", INT, "journeys of these that bought"),
        Column("share", FLOAT, "its share of all journeys, 0 to 1"),
    ),
)

GOLD_FUNNEL = Table(
    name="gold.funnel",
    meaning="How far journeys come on the way to a purchase: browse, cart, order, pay.",
    key=("position",),
    writer="paths",
    columns=(
        Column("position", INT, "the stage's place, from 1"),
        Column("stage", STRING, "the stage"),
        Column("journeys", INT, "journeys that reached it after all the stages before"),
        Column("people", INT, "people who did"),
        Column("dropped", INT, "journeys that reached the stage before and not this one"),
        Column("median_s", FLOAT, "seconds from the stage before, the median; null for the first"),
        Column("since_first_s", FLOAT, "seconds from the first stage, the median; null for the first"),
    ),
)

GOLD_FRICTION = Table(
    name="gold.friction",
    meaning="How journeys fare where they change channel, pair by pair.",
    key=("from_channel", "to_channel"),
    writer="paths",
    columns=(
        Column("from_channel", STRING, "the channel that is left"),
        Column("to_channel", STRING, "the channel that is entered"),
        Column("changes", INT, "changes"),
        Column("journeys", INT, "journeys with one"),
        Column("people", INT, "people of these"),
        Column("share", FLOAT, "their share of all journeys, 0 to 1"),
        Column("returns", INT, "changes that lead back to a channel of the journey"),
        Column("back_and_forths", INT, "changes that lead back to the channel left less than 24 hours ago"),
        Column("loop_share", FLOAT, "the share of all journeys with such a change, 0 to 1"),
        Column("same_stage", INT, "changes after which the stage that was left is gone through again"),
        Column("abandoned", INT, "changes after which the journey is abandoned at once"),
        Column("median_gap_s", FLOAT, "seconds between the two channels, the median"),
    ),
)

GOLD_ATTRIBUTION = Table(
    name="gold.attribution",
    meaning="Which channels purchases are owed to, by six models.",
    key=("model", "channel"),
    writer="attribution",
    columns=(
        Column("model", STRING, "first, last, linear, time_decay, markov or shapley"),
        Column("channel", STRING, "the channel"),
        Column("credit", FLOAT, "purchases that the model owes to it; all channels' add up to all purchases"),
        Column("share", FLOAT, "its share of them, 0 to 1"),
    ),
)

GOLD_BEHAVIOUR = Table(
    name="gold.behaviour",
    meaning="How a person behaves in a session: what the service domain looks at.",
    key=("session_id",),
    writer="behaviour",
    columns=(
        Column("session_id", STRING, "the session", pseudonym=True),
        PERSON,
        Column("events", INT, "events"),
        Column("duration_s", FLOAT, "seconds from its first to its last event"),
        Column("longest_pause_s", FLOAT, "the longest pause between two events, seconds; null with one event"),
        Column("long_pauses", INT, "pauses of more than five minutes"),
        Column("channels", INT, "distinct channels"),
        Column("channel_changes", INT, "events on another channel than the one before"),
        Column("customer_messages", INT, "messages of the customer"),
        Column("bot_messages", INT, "messages of bots"),
        Column("agent_messages", INT, "messages of human agents"),
        Column("first_wait_s", FLOAT, "seconds that the customer waited for the first answer; null if none came"),
        Column("mean_wait_s", FLOAT, "seconds waited for an answer, the mean; null if none came"),
        Column("longest_wait_s", FLOAT, "the longest of them"),
        Column("mean_reply_s", FLOAT, "seconds that the customer took to reply, the mean; null without a reply"),
        Column("quickest_reply_s", FLOAT, "the shortest of them"),
        Column("mean_text_length", FLOAT, "characters of the customer's messages, the mean; null without one"),
        Column("longest_text", INT, "characters of the longest of them"),
        Column("short_replies", INT, "messages of the customer of one or two characters: 嗯, ok"),
        Column("questions", INT, "messages of the customer with a question mark"),
        Column("question_switches", INT, "questions that share no word with the question just before"),
        Column("repeats", INT, "messages of the customer that say again what one before said"),
        Column("bot_repeats", INT, "messages of bots that do: the bot goes round in circles"),
        Column("emoji", INT, "emoji of the customer"),
        Column("exclamations", INT, "exclamation marks of the customer"),
        Column("shouts", INT, "messages of the customer all in capitals"),
        Column("asks_for_human", INT, "messages of the customer that ask for a person"),
        Column("negative_words", INT, "words of complaint of the customer"),
        Column("language_switches", INT, "messages of the customer in another language than the one before"),
        Column("menu_depth", INT, "messages of bots before a human took over, or to the end"),
        Column("handovers", INT, "times a conversation was handed over"),
        Column("pages", INT, "pages and screens viewed"),
        Column("page_returns", INT, "views of a page that had been viewed before"),
        Column("searches", INT, "searches"),
        Column("cart_changes", INT, "changes of the cart"),
        Column("payment_attempts", INT, "payments tried"),
        Column("payments_failed", INT, "payments that failed or were cancelled"),
        Column(
            "hesitation_s",
            FLOAT,
            "seconds from the last cart change or order to the first payment; null without both",
        ),
        Column("complaints", INT, "complaints filed"),
    ),
)
