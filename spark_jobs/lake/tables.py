"""Every table of the lake, declared once. `docs/data-model.md` is generated from here."""

from spark_jobs.lake.schemas import BOOL, DATE, FLOAT, INT, STRING, STRINGS, TIMESTAMP, TOKENS, Column, Table

_PERSON = Column("person_id", STRING, "the person, resolved across channels", pseudonym=True)

BRONZE_EVENTS = Table(
    name="bronze.events",
    meaning="Masked events as the collector acknowledged them, in the order of their journals.",
    key=("journal_id", "sequence", "position"),
    writer="lander",
    partition_by=("received_date",),
    columns=(
        Column("event_id", STRING, "pseudonym of the sender's event id; the idempotency key", pseudonym=True),
        Column("source", STRING, "the source whose API key sent it"),
        Column("channel", STRING, "web, app, chat, voice, email, social or store"),
        Column("event_type", STRING, "the name of the body, such as message_sent"),
        Column("occurred_at", TIMESTAMP, "when it happened, by the sender's clock"),
        Column("received_at", TIMESTAMP, "when the collector took it"),
        Column("received_date", DATE, "the day of received_at, UTC"),
        Column("identifiers", TOKENS, "pseudonyms of the customer, with their types", pseudonym=True),
        Column("conversation_id", STRING, "pseudonym of the conversation, null if none", pseudonym=True),
        Column("purposes", STRINGS, "what the customer allowed: service, analytics, learning"),
        Column("context", STRING, "JSON: truncated ip, locale, rounded location"),
        Column("body", STRING, "JSON of the masked body, fields named as in the proto"),
        Column("emotion", STRING, "JSON of emotion fields, kept apart for a short retention; null if none"),
        Column("journal_id", STRING, "the journal it came through"),
        Column("sequence", INT, "the place in that journal of the batch that it came in, from 1"),
        Column("position", INT, "its place in that batch, from 0"),
    ),
)

QUARANTINE_EVENTS = Table(
    name="quarantine.events",
    meaning="Events that broke a rule or could not be searched: which rules, and, where it could be masked, the event.",
    key=("journal_id", "sequence", "position"),
    writer="lander",
    columns=(
        Column("source", STRING, "the source whose API key sent it"),
        Column("channel", STRING, "the channel, null if unknown"),
        Column("event_type", STRING, "the name of the body, null if unset"),
        Column("received_at", TIMESTAMP, "when the collector refused it"),
        Column("violations", STRINGS, "field:RULE for each broken rule"),
        Column("event_id", STRING, "pseudonym of the sender's event id, null if it had none", pseudonym=True),
        Column("occurred_at", TIMESTAMP, "when it happened, by the sender's clock, null if unknown"),
        Column("content", STRING, "JSON of the masked event as it can be replayed, null if it could not be masked"),
        Column("journal_id", STRING, "the journal it came through"),
        Column("sequence", INT, "the place in that journal of the batch that it came in, from 1"),
        Column("position", INT, "its place in that batch, from 0"),
    ),
)

SILVER_EVENTS = Table(
    name="silver.events",
    meaning="Each event once, typed, with the columns that later stages use. A repeat changes nothing.",
    key=("event_id",),
    writer="refine",
    columns=(
        Column("event_id", STRING, "pseudonym of the sender's event id", pseudonym=True),
        Column("source", STRING, "the source whose API key sent it"),
        Column("channel", STRING, "web, app, chat, voice, email, social or store"),
        Column("event_type", STRING, "the name of the body"),
        Column("event_at", TIMESTAMP, "when it happened; never later than it was received"),
        Column("received_at", TIMESTAMP, "when the collector took it"),
        Column("identifiers", TOKENS, "pseudonyms of the customer, with their types, sorted", pseudonym=True),
        Column("conversation_id", STRING, "pseudonym of the conversation, null if none", pseudonym=True),
        Column("purposes", STRINGS, "what the customer allowed"),
        Column("language", STRING, "zh or en: by the text, else by the locale, else null"),
        Column("party", STRING, "who spoke: customer, bot or agent; null if nobody"),
        Column("turn", INT, "the place in the conversation as the sender counted; null if unknown"),
        Column("text", STRING, "the masked text of a message, post, complaint or comment"),
        Column("page", STRING, "the masked URL's path or the screen's name"),
        Column("to_party", STRING, "who takes a transferred conversation"),
        Column("end_reason", STRING, "resolved, abandoned or escalated"),
        Column("feedback_kind", STRING, "csat, nps or turn"),
        Column("score", INT, "the score given"),
        Column("payment_status", STRING, "succeeded, failed or cancelled"),
        Column("amount_minor", INT, "hundredths of the currency paid, ordered or put into the cart"),
        Column("granted", STRINGS, "purposes that a consent change granted"),
        Column("withdrawn", STRINGS, "purposes that a consent change withdrew"),
    ),
)

IDENTITY_LINKS = Table(
    name="identity.links",
    meaning="Two tokens seen together in an event, once a pair.",
    key=("token_a", "token_b"),
    writer="resolve",
    columns=(
        Column("token_a", STRING, "the smaller token of the pair", pseudonym=True),
        Column("token_b", STRING, "the larger token of the pair", pseudonym=True),
        Column("type_a", STRING, "the type of token_a"),
        Column("type_b", STRING, "the type of token_b"),
        Column("first_seen_at", TIMESTAMP, "the first event that shows both"),
        Column("events", INT, "how many events show both"),
        Column("used", BOOL, "whether the guards let it join people"),
    ),
)

IDENTITY_QUARANTINE = Table(
    name="identity.quarantine",
    meaning="Tokens over their limit (a shared device, a call-centre phone): they join nobody.",
    key=("token",),
    writer="resolve",
    columns=(
        Column("token", STRING, "the token", pseudonym=True),
        Column("type", STRING, "its type"),
        Column("reason", STRING, "the guard it broke"),
        Column("neighbours", INT, "how many distinct tokens it was seen with"),
    ),
)

IDENTITY_PEOPLE = Table(
    name="identity.people",
    meaning="The identity graph as it stands: which token belongs to whom.",
    key=("token",),
    writer="resolve",
    columns=(
        Column("token", STRING, "the token", pseudonym=True),
        Column("type", STRING, "its type"),
        _PERSON,
        Column("shared", BOOL, "whether the token is quarantined and so a unit of its own"),
    ),
)

IDENTITY_HISTORY = Table(
    name="identity.history",
    meaning="Every change of the identity graph: which token moved to whom in which version.",
    key=("version", "token"),
    writer="resolve",
    columns=(
        Column("version", INT, "the graph's version, from 1; only a change makes a new one"),
        Column("token", STRING, "the token", pseudonym=True),
        Column("previous_person_id", STRING, "whom it belonged to before, null if new", pseudonym=True),
        Column("person_id", STRING, "whom it belongs to since, null if gone", pseudonym=True),
    ),
)

SILVER_CONVERSATIONS = Table(
    name="silver.conversations",
    meaning="One row a conversation: turns, waits, hand-over and how it ended.",
    key=("conversation_id",),
    writer="conversations",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        _PERSON,
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
    meaning="A person's events without a pause of 30 minutes, across channels.",
    key=("session_id",),
    writer="sessions",
    columns=(
        Column("session_id", STRING, "hash of the person and the session's first event", pseudonym=True),
        _PERSON,
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
        Column("journey_id", STRING, "hash of the person and the journey's first event", pseudonym=True),
        _PERSON,
        Column("started_at", TIMESTAMP, "its first event"),
        Column("ended_at", TIMESTAMP, "its last event"),
        Column("outcome", STRING, "bought, resolved, transferred, escalated or abandoned"),
        Column("sessions", INT, "sessions"),
        Column("steps", INT, "steps"),
        Column("channels", INT, "distinct channels"),
        Column("loops", INT, "returns to a channel left before"),
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
        _PERSON,
        Column("channel", STRING, "the channel"),
        Column(
            "stage",
            STRING,
            "browse, cart, order, pay, bot, agent, feedback, social, store, complain or other",
        ),
        Column("started_at", TIMESTAMP, "its first event"),
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
        _PERSON,
        Column("from_channel", STRING, "the channel that was left"),
        Column("to_channel", STRING, "the channel that was entered"),
        Column("gap_s", FLOAT, "seconds between the two"),
        Column("returns", BOOL, "whether the journey was on to_channel before: a loop"),
    ),
)

GOLD_FEATURES = Table(
    name="gold.features",
    meaning="What was known of a conversation when a customer's message had come in: nothing from after it.",
    key=("conversation_id", "turn"),
    writer="features",
    columns=(
        Column("conversation_id", STRING, "pseudonym of the conversation", pseudonym=True),
        Column("turn", INT, "how many customer messages had come, from 1"),
        _PERSON,
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

PRIVATE_CONVERSATIONS = Table(
    name="private.conversations",
    meaning="One row a conversation of a known privacy unit, at most 32 a person: what partners ask about.",
    key=("row_token",),
    writer="marts",
    columns=(
        _PERSON,
        Column(
            "row_token",
            STRING,
            "the conversation's pseudonym: no sender can choose its order",
            pseudonym=True,
        ),
        Column("day", DATE, "the day it began, UTC"),
        Column("channel", STRING, "the channel it began on"),
        Column("language", STRING, "zh or en"),
        Column("outcome", STRING, "resolved, abandoned, escalated, or open"),
        Column("handed_over", BOOL, "whether a human took over from a bot"),
        Column("turns", INT, "messages, 0 to 200"),
        Column("wait_s", INT, "seconds until the first answer, 0 to 3600; null if none came"),
        Column("satisfaction", INT, "CSAT, 1 to 5; null if not given"),
    ),
)

PRIVATE_JOURNEYS = Table(
    name="private.journeys",
    meaning="One row a journey of a known privacy unit, at most 32 a person: what partners ask about.",
    key=("row_token",),
    writer="marts",
    columns=(
        _PERSON,
        Column("row_token", STRING, "the journey's id: no sender can choose its order", pseudonym=True),
        Column("day", DATE, "the day it began, UTC"),
        Column("first_channel", STRING, "the channel it began on"),
        Column("last_channel", STRING, "the channel it ended on"),
        Column("outcome", STRING, "bought, resolved, transferred, escalated or abandoned"),
        Column("channels", INT, "distinct channels, 1 to 7"),
        Column("steps", INT, "steps, 1 to 200"),
        Column("duration_min", INT, "minutes from first to last event, 0 to 43200"),
        Column("amount", INT, "what was paid, whole units of the currency, 0 to 100000; null if nothing"),
    ),
)

ALL: tuple[Table, ...] = (
    BRONZE_EVENTS,
    QUARANTINE_EVENTS,
    SILVER_EVENTS,
    IDENTITY_LINKS,
    IDENTITY_QUARANTINE,
    IDENTITY_PEOPLE,
    IDENTITY_HISTORY,
    SILVER_CONVERSATIONS,
    GOLD_SESSIONS,
    GOLD_JOURNEYS,
    GOLD_JOURNEY_STEPS,
    GOLD_TRANSITIONS,
    GOLD_FEATURES,
    GOLD_PREDICTIONS,
    PRIVATE_CONVERSATIONS,
    PRIVATE_JOURNEYS,
)

BY_NAME = {table.name: table for table in ALL}
