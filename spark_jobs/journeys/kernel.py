"""From people's events to sessions, journeys, steps and changes of channel: no Spark, no reading or writing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from spark_jobs.journeys import rules
from spark_jobs.journeys.needs import journey_rows, outcomes
from spark_jobs.journeys.runs import NEVER, Events, Numbers, Runs, changed
from spark_jobs.journeys.sessionisation import journeys_of, session_rows, sessions_of
from spark_jobs.journeys.steps import step_rows, transition_rows, walk
from spark_jobs.lake import tables

OUTPUTS = (tables.GOLD_SESSIONS, tables.GOLD_JOURNEYS, tables.GOLD_JOURNEY_STEPS, tables.GOLD_TRANSITIONS)
"""What is built, in the order of the fields of `Built`."""
BEGINS = ("started_at", "started_at", "started_at", "changed_at")
"""The column of each that says when the row begins."""
ENDS = "ended_at"
"""The column of all that says when it ends."""
_ABANDONED = rules.OUTCOMES.index("abandoned")


@dataclass(frozen=True, slots=True)
class Built:
    """Rows of gold.sessions, gold.journeys, gold.journey_steps and gold.transitions."""

    sessions: pl.DataFrame
    journeys: pl.DataFrame
    steps: pl.DataFrame
    transitions: pl.DataFrame


def build(
    touches: pl.DataFrame, name_of: Callable[[Numbers], pl.Series], paid_before: Mapping[str, int] | None = None
) -> Built:
    """Build everything of people, from all their events or those since one of their journeys began.

    Args:
        touches: The events: `touches.touches` in the order of `touches.in_order`.
        name_of: Gives the person ids of rows of `touches`.
        paid_before: When people paid last before these events, by person id; microseconds since 1970.
    """
    if touches.is_empty():
        return Built(*(pl.DataFrame(table.schema.empty_table()) for table in OUTPUTS))
    events = _events(touches, name_of, paid_before or {})
    sessions = sessions_of(events)
    journeys = journeys_of(events, sessions)
    walked = walk(events, journeys)
    outcome = outcomes(events, journeys)
    built = journey_rows(events, journeys, sessions, walked, outcome)
    return Built(
        session_rows(events, sessions),
        built,
        step_rows(events, walked, built["journey_id"]),
        transition_rows(events, walked, built["journey_id"], outcome == _ABANDONED),
    )


def _events(touches: pl.DataFrame, name_of: Callable[[Numbers], pl.Series], paid_before: Mapping[str, int]) -> Events:
    person = touches["person"].to_numpy()
    people = Runs.opened(changed(person))
    person_ids = name_of(people.first)
    paid = person_ids.replace_strict(paid_before, default=-NEVER, return_dtype=pl.Int64) if paid_before else None
    channel, stage, marks = (touches[name].to_numpy().astype(np.uint16) for name in ("channel", "stage", "marks"))
    return Events(
        person=person,
        at=touches["at"].to_numpy(),
        channel=channel,
        stage=stage,
        marks=marks,
        amount=touches["amount"].to_numpy(),
        event_ids=touches["event_id"],
        people=people,
        person_ids=person_ids,
        paid_before=np.full(len(person_ids), -NEVER) if paid is None else paid.to_numpy(),
    )
