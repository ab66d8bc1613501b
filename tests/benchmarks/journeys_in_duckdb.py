"""Sessions, journeys, steps and changes of channel in hand-written DuckDB SQL: the peer of the journeys job.

It reads the Parquet files of the same Delta versions and writes each of the four tables as one Parquet file. People
are numbers on the way, and windows share their order where they can; each statement makes a temporary table that
several others need, or a result.
"""

from pathlib import Path

import duckdb
from deltalake import DeltaTable

from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table

RESULTS = {
    "sessions": tables.GOLD_SESSIONS,
    "journeys": tables.GOLD_JOURNEYS,
    "steps": tables.GOLD_JOURNEY_STEPS,
    "transitions": tables.GOLD_TRANSITIONS,
}

_HOLDERS = """
CREATE TEMP TABLE holders AS
SELECT seen_as, person_id, dense_rank() OVER (ORDER BY person_id) AS person, held_from, held_until,
  row_number() OVER (ORDER BY shared, list_position(
    ['customer', 'loyalty_card', 'email', 'phone', 'social', 'device', 'cookie'], type), seen_as, person_id) AS place
FROM people
"""

_READ = """
CREATE TEMP TABLE read AS
SELECT row_number() OVER () AS n, event_id, event_at, channel, event_type, conversation_id, party, end_reason,
  payment_status, amount_minor, list_transform(identifiers, lambda i: i.token) AS tokens
FROM events
"""

_WHOSE = """
CREATE TEMP TABLE whose AS
WITH shown AS (SELECT n, event_at, unnest(tokens) AS named FROM read),
strongest AS (
  SELECT n, min(place) AS place FROM shown JOIN holders ON seen_as = named
  WHERE (held_from IS NULL OR event_at >= held_from) AND (held_until IS NULL OR event_at < held_until)
  GROUP BY n)
SELECT n, person FROM strongest JOIN holders USING (place)
"""

_TOUCHES = """
CREATE TEMP TABLE touches AS
SELECT coalesce(w.person, -n) AS person, e.event_id, epoch_us(e.event_at) AS us, e.channel,
  CASE WHEN event_type IN ('conversation_started', 'message_sent', 'conversation_transferred', 'conversation_ended')
    THEN CASE WHEN party IN ('bot', 'agent') THEN party
      WHEN coalesce(event_at >= t.handed_over_at, false) OR coalesce(t.bot_turns = 0 AND t.agent_turns > 0, false)
      THEN 'agent' ELSE 'bot' END
    WHEN event_type IN ('page_viewed', 'screen_viewed', 'clicked', 'searched') THEN 'browse'
    WHEN event_type = 'cart_changed' THEN 'cart' WHEN event_type = 'order_placed' THEN 'order'
    WHEN event_type = 'payment_made' THEN 'pay' WHEN event_type = 'feedback_given' THEN 'feedback'
    WHEN event_type = 'social_posted' THEN 'social' WHEN event_type = 'store_visited' THEN 'store'
    WHEN event_type = 'complaint_filed' THEN 'complain' ELSE 'other' END AS stage,
  coalesce(payment_status = 'succeeded', false) AS paid, amount_minor,
  event_type = 'complaint_filed' OR coalesce(end_reason = 'escalated', false) AS escalated,
  coalesce(end_reason = 'resolved', false) AS resolved,
  e.conversation_id IS NOT NULL AS talks,
  coalesce(t.handed_over_at <= event_at AND t.outcome <> 'resolved', false) AS transferred,
  CASE e.channel WHEN 'email' THEN 86400 WHEN 'social' THEN 7200 WHEN 'store' THEN 7200 ELSE 1800 END * 1000000::BIGINT
    AS pause
FROM read e LEFT JOIN whose w USING (n) LEFT JOIN conversations t USING (conversation_id)
"""

_IN_SESSIONS = """
CREATE TEMP TABLE in_sessions AS
WITH gaps AS (
  SELECT *, row_number() OVER w AS place,
    coalesce(us - lag(us) OVER w >= least(pause, lag(pause) OVER w), true) AS opens
  FROM touches WINDOW w AS (PARTITION BY person ORDER BY us, event_id))
SELECT * EXCLUDE (pause, event_id), CASE WHEN opens THEN right(event_id, 26) END AS first_id,
  sum(opens::INT) OVER (PARTITION BY person ORDER BY place ROWS UNBOUNDED PRECEDING) AS session
FROM gaps
"""

_SESSION_ROWS = """
CREATE TEMP TABLE session_rows AS
WITH grouped AS (
  SELECT person, session, max(first_id) AS first_id, min(us) AS started_us, max(us) AS ended_us,
    list_sort(list_distinct(list(channel))) AS channels, count(*) AS events,
    max(channel) FILTER (opens) AS first_channel, arg_max(channel, place) AS last_channel, bool_or(paid) AS paid
  FROM in_sessions GROUP BY ALL),
parted AS (
  SELECT *, coalesce(lag(paid) OVER w OR started_us - lag(ended_us) OVER w >= 72 * 3600000000, true) AS opens_journey
  FROM grouped WINDOW w AS (PARTITION BY person ORDER BY session))
SELECT *, sum(opens_journey::INT) OVER (PARTITION BY person ORDER BY session ROWS UNBOUNDED PRECEDING) AS journey
FROM parted
"""

_NAMES = """
CREATE TEMP TABLE names AS
SELECT person, any_value(person_id) AS person_id FROM holders GROUP BY person
UNION ALL SELECT person, 'person.' || left(sha256(event_id), 32) FROM touches WHERE person < 0
"""

_SESSIONS = """
SELECT 'session.' || first_id AS session_id, person_id, make_timestamptz(started_us) AS started_at,
  make_timestamptz(ended_us) AS ended_at, channels, events, first_channel, last_channel
FROM session_rows JOIN names USING (person)
"""

_NUMBERED = """
CREATE TEMP TABLE numbered AS
WITH placed AS (
  SELECT e.*, s.journey, s.opens_journey AND e.opens AS begins
  FROM in_sessions e JOIN session_rows s USING (person, session)),
turns AS (
  SELECT *, begins OR channel <> lag(channel) OVER w OR stage <> lag(stage) OVER w AS turns
  FROM placed WINDOW w AS (PARTITION BY person ORDER BY place))
SELECT *, sum(turns::INT) OVER (PARTITION BY person, journey ORDER BY place ROWS UNBOUNDED PRECEDING) AS step
FROM turns
"""

_STEP_ROWS = """
CREATE TEMP TABLE step_rows AS
WITH grouped AS (
  SELECT person, journey, step, any_value(channel) AS channel, any_value(stage) AS stage,
    min(us) AS started_us, max(us) AS ended_us, count(*) AS events
  FROM numbered GROUP BY person, journey, step)
SELECT *, lead(started_us) OVER w AS next_us, lag(channel) OVER w AS channel_before, lag(stage) OVER w AS stage_before,
  lag(ended_us) OVER w AS left_us, min(step) OVER (PARTITION BY person, journey, channel) AS first_here
FROM grouped WINDOW w AS (PARTITION BY person, journey ORDER BY step)
"""

_MOVES = """
CREATE TEMP TABLE moves AS
SELECT *, coalesce(lag(channel_before) OVER w = channel AND started_us - lag(left_us) OVER w <= 24 * 3600000000, false)
    AS back_and_forth
FROM step_rows WHERE channel <> channel_before WINDOW w AS (PARTITION BY person, journey ORDER BY step)
"""

_JOURNEY_ROWS = """
CREATE TEMP TABLE journey_rows AS
WITH facts AS (
  SELECT person, journey, max(first_id) FILTER (begins) AS first_id, min(us) AS started_us, max(us) AS ended_us,
    max(session) - min(session) + 1 AS sessions, count(DISTINCT channel) AS channels, max(step) AS steps,
    bool_or(paid) AS bought, bool_or(escalated) AS escalated, bool_or(resolved) AS resolved,
    sum(coalesce(amount_minor, 0)) FILTER (paid) AS amount_minor,
    coalesce(arg_max(transferred, place) FILTER (talks), false) AS transferred,
    max(channel) FILTER (begins) AS first_channel, arg_max(channel, place) AS last_channel,
    bool_or(stage = 'complain') AS complains, bool_or(stage IN ('cart', 'order', 'pay')) AS shops,
    bool_or(stage IN ('bot', 'agent')) AS helped,
    min(us) FILTER (paid) AS paid_us, max(us) FILTER (paid) AS last_paid_us, min(us) FILTER (resolved) AS resolved_us
  FROM numbered GROUP BY person, journey),
since AS (
  SELECT *, max(last_paid_us) OVER
    (PARTITION BY person ORDER BY journey ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS paid_before
  FROM facts),
needs AS (
  SELECT *, CASE WHEN complains THEN 'complain' WHEN shops THEN 'buy'
      WHEN helped AND started_us - paid_before <= 30 * 86400000000 THEN 'after_sales'
      WHEN helped THEN 'get_help' ELSE 'look_around' END AS need,
    CASE WHEN bought THEN 'bought' WHEN escalated THEN 'escalated' WHEN transferred THEN 'transferred'
      WHEN resolved THEN 'resolved' ELSE 'abandoned' END AS outcome
  FROM since),
goals AS (
  SELECT *, CASE need WHEN 'buy' THEN paid_us WHEN 'look_around' THEN NULL ELSE resolved_us END AS goal_us,
    CASE need WHEN 'buy' THEN 30 WHEN 'get_help' THEN 7 ELSE 14 END * 86400000000 AS span
  FROM needs),
turned AS (
  SELECT person, journey, count(*) FILTER (first_here < step) AS loops,
    count(*) FILTER (back_and_forth) AS back_and_forths
  FROM moves GROUP BY person, journey)
SELECT * EXCLUDE (loops, back_and_forths), 'journey.' || first_id AS journey_id,
  CASE WHEN goal_us - started_us <= span THEN goal_us END AS reached_us,
  coalesce(loops, 0) AS loops, coalesce(back_and_forths, 0) AS back_and_forths
FROM goals JOIN names USING (person) LEFT JOIN turned USING (person, journey)
"""

_JOURNEYS = """
SELECT journey_id, person_id, make_timestamptz(started_us) AS started_at, make_timestamptz(ended_us) AS ended_at,
  outcome, need, make_timestamptz(reached_us) AS goal_reached_at, (reached_us - started_us) / 1e6 AS goal_s,
  make_timestamptz(last_paid_us) AS paid_at, sessions::BIGINT AS sessions, steps::BIGINT AS steps, channels, loops,
  back_and_forths, first_channel, last_channel, amount_minor::BIGINT AS amount_minor
FROM journey_rows
"""

_STEPS = """
SELECT journey_id, step::BIGINT AS step, person_id, channel, stage, make_timestamptz(s.started_us) AS started_at,
  make_timestamptz(s.ended_us) AS ended_at, (next_us - s.started_us) / 1e6 AS dwell_s, events
FROM step_rows s JOIN journey_rows j USING (person, journey)
"""

_TRANSITIONS = """
SELECT journey_id, (step - 1)::BIGINT AS step, person_id, channel_before AS from_channel, channel AS to_channel,
  make_timestamptz(m.started_us) AS changed_at, make_timestamptz(m.ended_us) AS ended_at,
  (m.started_us - left_us) / 1e6 AS gap_s, first_here < step AS returns,
  back_and_forth, stage = stage_before AS same_stage, outcome = 'abandoned' AND step = steps AS abandoned
FROM moves m JOIN journey_rows j USING (person, journey)
"""

_MADE = (
    _HOLDERS,
    _READ,
    _WHOSE,
    _TOUCHES,
    _IN_SESSIONS,
    _SESSION_ROWS,
    _NAMES,
    _NUMBERED,
    _STEP_ROWS,
    _MOVES,
    _JOURNEY_ROWS,
)
_WRITTEN = {"sessions": _SESSIONS, "journeys": _JOURNEYS, "steps": _STEPS, "transitions": _TRANSITIONS}


def run(root: Path, results: Path, threads: int) -> None:
    """Build all four tables of a lake from scratch and write each as NAME.parquet into a folder."""
    with duckdb.connect(config={"threads": threads}) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET preserve_insertion_order = false")
        for name, table in {
            "events": tables.SILVER_EVENTS,
            "people": tables.IDENTITY_PEOPLE,
            "conversations": tables.SILVER_CONVERSATIONS,
        }.items():
            db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({_files(root, table)})")  # noqa: S608
        for statement in _MADE:
            db.execute(statement)
        for name, query in _WRITTEN.items():
            db.execute(f"COPY ({query}) TO '{results}/{name}.parquet' (FORMAT parquet)")


def _files(root: Path, table: Table) -> list[str]:
    return DeltaTable(f"{root}/{table.path}").file_uris()
