"""Exact counts that the report draws, read from the lake. No row and no text leaves here."""

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import TableMissing, read_snapshot

SHOPPING = ("browse", "cart", "order", "pay")

# Columns that hold text are not even read.
_READ = {
    tables.GOLD_TRANSITIONS: ("from_channel", "to_channel", "returns"),
    tables.GOLD_JOURNEYS: ("person_id", "outcome", "channels", "loops", "first_channel"),
    tables.GOLD_JOURNEY_STEPS: ("journey_id", "step", "stage"),
    tables.SILVER_CONVERSATIONS: ("conversation_id", "handed_over_at", "outcome", "csat"),
    tables.GOLD_PREDICTIONS: ("conversation_id", "turn", "model_name", "probability"),
}

_TRANSITIONS = """
    SELECT from_channel, to_channel, returns, count(*) AS changes FROM transitions
    GROUP BY ALL ORDER BY changes DESC, from_channel, to_channel, returns
"""
_JOURNEYS = """
    SELECT count(*), count(DISTINCT person_id), count(*) FILTER (channels >= 2), count(*) FILTER (loops > 0),
           count(*) FILTER (outcome = 'bought')
    FROM journeys
"""
_OUTCOMES = "SELECT first_channel, outcome, count(*) FROM journeys GROUP BY ALL ORDER BY ALL"
# A journey got as far as its furthest shopping stage.
_REACHED = """
    SELECT furthest, count(*) FROM (
        SELECT max(list_position(['browse', 'cart', 'order', 'pay'], stage)) AS furthest
        FROM journey_steps GROUP BY journey_id
    ) WHERE furthest > 0 GROUP BY ALL
"""
_DETOURS = """
    WITH ordered AS (
        SELECT journey_id, step, stage,
               lead(stage) OVER journey AS next_stage,
               max(CASE WHEN stage IN ('browse', 'cart', 'order', 'pay') THEN step END)
                   OVER (PARTITION BY journey_id) AS last_shopping
        FROM journey_steps WINDOW journey AS (PARTITION BY journey_id ORDER BY step)
    )
    SELECT stage,
           count(DISTINCT journey_id) FILTER (next_stage IN ('bot', 'agent') AND last_shopping > step),
           count(DISTINCT journey_id) FILTER (next_stage IN ('bot', 'agent') AND last_shopping = step)
    FROM ordered WHERE stage IN ('browse', 'cart', 'order', 'pay') GROUP BY ALL
"""
_BACK = """
    WITH shopping AS (
        SELECT journey_id, stage, lead(stage) OVER (PARTITION BY journey_id ORDER BY step) AS next_stage
        FROM journey_steps WHERE stage IN ('browse', 'cart', 'order', 'pay')
    )
    SELECT stage, next_stage, count(DISTINCT journey_id) AS journeys FROM shopping
    WHERE list_position(['browse', 'cart', 'order', 'pay'], next_stage)
        < list_position(['browse', 'cart', 'order', 'pay'], stage)
    GROUP BY ALL ORDER BY journeys DESC, stage, next_stage
"""
_CONVERSATIONS = "SELECT count(*), count(handed_over_at), avg(csat), count(csat) FROM conversations"
_SCORES = """
    SELECT handed_over_at IS NOT NULL, least(floor(probability * 20), 19)::INTEGER, count(*), avg(probability)
    FROM (SELECT conversation_id, probability FROM predictions WHERE model_name = 'handover'
          QUALIFY row_number() OVER (PARTITION BY conversation_id ORDER BY turn) = 1)
    JOIN conversations USING (conversation_id) GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far journeys get. All numbers count journeys.

    `reached` has those that got to a stage or further; `detours` those that went from a stage to the bot or
    an agent and came back to shopping; `lost` those that did not come back; `back` those that fell back from
    one stage to an earlier one.
    """

    reached: dict[str, int]
    detours: dict[str, int]
    lost: dict[str, int]
    back: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Facts:
    """Exact counts of one lake; a table that is missing counts as empty.

    `transitions` has (from, to, whether it leads back, changes); `outcomes` maps (first channel, outcome) to
    journeys; `first_scores` maps (handed over, twentieth of the probability) to conversations, by the model's
    score at the first customer message.
    """

    journeys: int
    people: int
    multichannel: int
    looping: int
    bought: int
    conversations: int
    handed_over: int
    mean_csat: float | None
    csat_given: int
    funnel: Funnel
    transitions: tuple[tuple[str, str, bool, int], ...] = ()
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    first_scores: dict[tuple[bool, int], int] = field(default_factory=dict)


def read_facts(lake_root: str) -> Facts:
    """Count what the report draws.

    Args:
        lake_root: The lake's root: a local folder or an s3a:// URL.
    """
    with duckdb.connect(":memory:") as database:
        for table, columns in _READ.items():
            database.register(table.path.partition("/")[2], read_rows(lake_root, table, columns))

        def rows(query: str) -> list[tuple[Any, ...]]:
            return list(database.execute(query).fetchall())

        journeys, people, multichannel, looping, bought = rows(_JOURNEYS)[0]
        conversations, handed_over, mean_csat, csat_given = rows(_CONVERSATIONS)[0]
        return Facts(
            journeys=journeys,
            people=people,
            multichannel=multichannel,
            looping=looping,
            bought=bought,
            conversations=conversations,
            handed_over=handed_over,
            mean_csat=mean_csat,
            csat_given=csat_given,
            funnel=_funnel(rows(_REACHED), rows(_DETOURS), rows(_BACK)),
            transitions=tuple((a, b, bool(back), n) for a, b, back, n in rows(_TRANSITIONS)),
            outcomes={(channel, outcome): n for channel, outcome, n in rows(_OUTCOMES)},
            first_scores={(handed, bin_): n for handed, bin_, n, _ in rows(_SCORES)},
        )


def read_rows(lake_root: str, table: Table, columns: tuple[str, ...]) -> pa.Table:
    """Some columns of a table; without a row if it is not there."""
    try:
        return read_snapshot(lake_root, table, columns).rows
    except TableMissing:
        return pa.schema([table.schema.field(name) for name in columns]).empty_table()


def _funnel(furthest: list[tuple[Any, ...]], detours: list[tuple[Any, ...]], back: list[tuple[Any, ...]]) -> Funnel:
    ends_at = {SHOPPING[place - 1]: n for place, n in furthest}
    reached = {stage: sum(ends_at.get(s, 0) for s in SHOPPING[i:]) for i, stage in enumerate(SHOPPING)}
    return Funnel(
        reached=reached,
        detours={stage: n for stage, n, _ in detours},
        lost={stage: n for stage, _, n in detours},
        back={(later, earlier): n for later, earlier, n in back},
    )
