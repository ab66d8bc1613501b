"""Which people are likely one, from what their profiles say: the matches, and what they were found among."""

from spark_jobs.lake.schemas import BOOL, FLOAT, INT, STRING, Column, Table

IDENTITY_MATCHES = Table(
    name="identity.matches",
    meaning="Two tokens whose profiles are likely one person's; of each group, every token with the smallest one.",
    key=("token_a", "token_b"),
    writer="match",
    followed=True,
    columns=(
        Column("token_a", STRING, "the smallest token of the group", pseudonym=True),
        Column("token_b", STRING, "another token of the group", pseudonym=True),
        Column("type_a", STRING, "the type of token_a"),
        Column("type_b", STRING, "the type of token_b"),
        Column(
            "weight",
            FLOAT,
            "how surely token_b belongs there: the mean log odds with the others of the group, -6 to 6",
        ),
    ),
)

IDENTITY_MATCH_RUNS = Table(
    name="identity.match_runs",
    meaning="What the profiles were that matches were looked for among, for each version of the linkage key.",
    key=("key_version",),
    writer="match",
    columns=(
        Column("key_version", INT, "the version of the key; profiles under two versions are never compared"),
        Column("profiles", INT, "profiles: the latest of each customer's strongest identifier"),
        Column("unnamed", INT, "events with traits that name nobody: nothing can be linked to them"),
        Column("enough", BOOL, "whether there were enough profiles to learn from; else there are no matches"),
        Column("fingerprint", INT, "a hash of all these profiles: while it is the same, nothing is done again"),
    ),
)
