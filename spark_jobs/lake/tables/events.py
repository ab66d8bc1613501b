"""The events: as they landed, as they were refused, and each once."""

import pyarrow as pa

from spark_jobs.lake.schemas import DATE, INT, STRING, STRINGS, TIMESTAMP, TOKENS, Column, Table

ALIASES = pa.list_(pa.struct([("token", STRING), ("previous", STRING)]))
TRAITS = pa.list_(pa.struct([("name", STRING), ("version", INT), ("token", STRING), ("filter", STRING)]))

_ALIASES = Column(
    "aliases",
    ALIASES,
    "after a rotation of keys, until its window ends: tokens, and what they were under the key before; null otherwise",
    pseudonym=True,
)
_TRAITS = Column(
    "traits",
    TRAITS,
    "keyed encodings of a profile's traits: name, the key's version, token and filter in base64; null if none",
    pseudonym=True,
)

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
        _ALIASES,
        _TRAITS,
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
    followed=True,
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
        _ALIASES,
        _TRAITS,
    ),
)
