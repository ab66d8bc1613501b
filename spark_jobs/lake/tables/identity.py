"""The identity graph: links, people, history."""

from spark_jobs.lake.schemas import BOOL, FLOAT, INT, STRING, TIMESTAMP, Column, Table
from spark_jobs.lake.tables.person import PERSON

IDENTITY_LINKS = Table(
    name="identity.links",
    meaning="Two tokens seen together in an event, or matched by their traits, once a pair.",
    key=("token_a", "token_b"),
    writer="resolve",
    columns=(
        Column("token_a", STRING, "the smaller token of the pair", pseudonym=True),
        Column("token_b", STRING, "the larger token of the pair", pseudonym=True),
        Column("type_a", STRING, "the type of token_a"),
        Column("type_b", STRING, "the type of token_b"),
        Column("first_seen_at", TIMESTAMP, "the first event that shows both, null if none does"),
        Column("last_seen_at", TIMESTAMP, "the last event that shows both, null if none does"),
        Column("events", INT, "how many events show both; 0 if they were matched only"),
        Column("weight", FLOAT, "how well their traits match, null if they do not"),
        Column("used", BOOL, "whether the guards let it join people"),
    ),
)

IDENTITY_QUARANTINE = Table(
    name="identity.quarantine",
    meaning="Tokens over limits (a shared device, a call-centre phone) and events with too many: they join nobody.",
    key=("token",),
    writer="resolve",
    columns=(
        Column("token", STRING, "the token; of an event its event_id", pseudonym=True),
        Column("type", STRING, "its type; event for an event"),
        Column("reason", STRING, "the guard it broke"),
        Column("neighbours", INT, "how many distinct tokens it was seen with; of an event how many it names"),
    ),
)

IDENTITY_PEOPLE = Table(
    name="identity.people",
    meaning="The identity graph as it stands: which token belongs to whom.",
    key=("token",),
    writer="resolve",
    columns=(
        Column("token", STRING, "the token; of one that changed hands, with # and the holder's number", pseudonym=True),
        Column("type", STRING, "its type"),
        PERSON,
        Column("shared", BOOL, "whether the token is quarantined and so a unit of its own"),
        Column("seen_as", STRING, "the token as it stands in events", pseudonym=True),
        Column("held_from", TIMESTAMP, "since when it is this person's, null if always"),
        Column("held_until", TIMESTAMP, "until when, exclusive, null if still"),
        Column("first_seen_at", TIMESTAMP, "the first event that shows it"),
        Column(
            "same_as", STRING, "the smallest token of its value under all keys, null if there is one", pseudonym=True
        ),
        Column("group_id", INT, "what hangs together before any link is given up; null if apart", pseudonym=True),
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

IDENTITY_VERSIONS = Table(
    name="identity.versions",
    meaning="The versions of the identity graph: since when each is known.",
    key=("version",),
    writer="resolve",
    columns=(
        Column("version", INT, "the graph's version, from 1"),
        Column("known_at", TIMESTAMP, "when the newest event that it rests on was received"),
        Column("moved", INT, "how many tokens belong to somebody else since"),
    ),
)

IDENTITY_DECISIONS = Table(
    name="identity.decisions",
    meaning="What operators decided about identities, and what of it was taken back.",
    key=("decision_id", "token"),
    writer="operator",
    columns=(
        Column("decision_id", STRING, "a random name of the decision"),
        Column("kind", STRING, "exclude, include, merge or split"),
        Column("token", STRING, "a token that it is about", pseudonym=True),
        Column("decided_at", TIMESTAMP, "when it was decided"),
        Column("undone_at", TIMESTAMP, "when it was taken back, null if it stands"),
    ),
)
