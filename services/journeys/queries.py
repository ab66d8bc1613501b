"""Questions about journeys, answered from the lake's tables by DuckDB."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb
import pyarrow as pa

from privacy.errors import MangroveError
from spark_jobs.lake import tables
from spark_jobs.lake.snapshot import read_snapshot

By = Literal["channel", "stage"]

_LONGEST = 12


class JourneyUnknown(MangroveError):
    """No journey of that name, and no person with one, is there."""

    reason = "JOURNEY_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(
            "No journey of this id, and no journey of this person, is in the lake. "
            "`mangrove identity explain TOKEN` says whose a token is."
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a journey: when it began, for how many seconds the journey dwelt there (None: to its end)."""

    journey_id: str
    step: int
    channel: str
    stage: str
    started_at: datetime
    dwell_s: float | None
    events: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Path:
    """A way: how many people went it, in how many journeys, how often in all, and how many of these journeys bought."""

    path: str
    people: int
    journeys: int
    times: int
    bought: int


@dataclass(frozen=True, slots=True)
class Reached:
    """A stage of a funnel: how many journeys came there, of how many people, how many dropped off before it."""

    stage: str
    journeys: int
    people: int
    dropped: int
    median_s: float | None
    since_first_s: float | None


def steps_of(root: str, name: str) -> list[Step]:
    """Return the steps of a journey, or of all journeys of a person, in order.

    Raises:
        JourneyUnknown: if there are none.
        TableMissing: if the journeys were not built yet.
    """
    rows = _asked(
        root,
        """SELECT s.journey_id, s.step, s.channel, s.stage, s.started_at, s.dwell_s, s.events, j.outcome
           FROM steps s JOIN journeys j USING (journey_id)
           WHERE s.journey_id = $name OR s.person_id = $name ORDER BY j.started_at, s.journey_id, s.step""",
        name=name,
    )
    if not rows:
        raise JourneyUnknown
    return [Step(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How ways are cleaned before they are counted.

    Args:
        without: Channels or stages that are passed over, as if the journey had not been there.
        last: How many of the last places are kept; all if 0.
    """

    without: tuple[str, ...] = ()
    last: int = 0


_WAYS = """
WITH visits AS (
  SELECT journey_id, step, CASE $by WHEN 'channel' THEN channel ELSE stage END AS place FROM steps
  WHERE NOT list_contains($without, CASE $by WHEN 'channel' THEN channel ELSE stage END)
  QUALIFY place IS DISTINCT FROM lag(place) OVER (PARTITION BY journey_id ORDER BY step)),
ends AS (
  SELECT journey_id, step, place,
    min(step) FILTER (place = $end) OVER
      (PARTITION BY journey_id ORDER BY step ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_end,
    max(step) OVER (PARTITION BY journey_id) AS last, min(step) OVER (PARTITION BY journey_id) AS first
  FROM visits),
ways AS (
  SELECT journey_id, step AS from_step, CASE WHEN $end = '' THEN last ELSE next_end END AS to_step
  FROM ends WHERE CASE WHEN $start = '' THEN step = first ELSE place = $start END),
walked AS (
  SELECT w.journey_id, w.from_step, list(v.place ORDER BY v.step) AS whole,
    CASE WHEN $last > 0 THEN whole[-$last:] ELSE whole END AS way
  FROM ways w JOIN visits v ON v.journey_id = w.journey_id AND v.step BETWEEN w.from_step AND w.to_step
  WHERE w.to_step IS NOT NULL GROUP BY ALL)
SELECT array_to_string(CASE WHEN len(way) > $longest THEN list_append(way[:$longest], '…') ELSE way END,
       ' › ') AS path,
  count(DISTINCT j.person_id) AS people, count(DISTINCT journey_id) AS journeys, count(*) AS times,
  count(DISTINCT journey_id) FILTER (j.outcome = 'bought') AS bought
FROM walked JOIN journeys j USING (journey_id)
GROUP BY path ORDER BY journeys DESC, times DESC, path LIMIT $most
"""


def paths(
    root: str,
    by: By = "channel",
    *,
    start: str = "",
    end: str = "",
    most: int = 20,
    cleaning: Cleaning = Cleaning(),
) -> list[Path]:
    """Return the commonest ways between two anchors, repeats being one.

    A way begins at each entry into `start`, or at the journey's first step, and ends at the next entry into `end`, or
    at its last step; one that never comes to `end` is left out. Of ways of more than twelve places the rest is cut.

    Args:
        root: The lake's root.
        by: What a place on the way is: a channel or a stage.
        start: Where ways begin; a journey's beginning if empty.
        end: Where they end; a journey's end if empty.
        most: How many ways to return.
        cleaning: What is passed over, and how many of the last places are kept.

    Raises:
        TableMissing: if the journeys were not built yet.
    """
    rows = _asked(
        root,
        _WAYS,
        by=by,
        start=start,
        end=end,
        most=most,
        longest=_LONGEST,
        without=list(cleaning.without),
        last=cleaning.last,
    )
    return [Path(**row) for row in rows]


def funnel(root: str) -> list[Reached]:
    """Return the funnel to a purchase, stage by stage.

    Raises:
        TableMissing: if it was not built yet.
    """
    rows = read_snapshot(root, tables.GOLD_FUNNEL).rows.sort_by("position").drop_columns(["position"])
    return [Reached(**row) for row in rows.to_pylist()]


def friction(root: str) -> list[dict[str, Any]]:
    """Return the rows of gold.friction, the commonest change of channel first.

    Raises:
        TableMissing: if it was not built yet.
    """
    rows = read_snapshot(root, tables.GOLD_FRICTION).rows
    order = [("changes", "descending"), ("from_channel", "ascending"), ("to_channel", "ascending")]
    return list(rows.sort_by(order).to_pylist())


def attribution(root: str) -> dict[str, dict[str, float]]:
    """Return each model's credits, by channel.

    Raises:
        TableMissing: if it was not built yet.
    """
    credits_: dict[str, dict[str, float]] = {}
    for row in read_snapshot(root, tables.GOLD_ATTRIBUTION).rows.to_pylist():
        credits_.setdefault(row["model"], {})[row["channel"]] = row["credit"]
    return credits_


def _asked(root: str, question: str, **values: Any) -> list[dict[str, Any]]:
    steps: pa.Table = read_snapshot(root, tables.GOLD_JOURNEY_STEPS).rows
    journeys: pa.Table = read_snapshot(root, tables.GOLD_JOURNEYS).rows
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.register("steps", steps)
        db.register("journeys", journeys)
        answer = db.execute(question, values)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
