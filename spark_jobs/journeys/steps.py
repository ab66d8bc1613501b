"""The steps of journeys and their changes of channel."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from spark_jobs.journeys import rules
from spark_jobs.journeys.runs import Events, Marks, Numbers, Runs, Truths, changed
from spark_jobs.journeys.sessionisation import micros, named


@dataclass(frozen=True, slots=True)
class Walk:
    """Steps in order: their runs of events, the journeys as runs of steps, and what is known of each step.

    `number` counts from 1 in a journey. Of the change of channel that leads to a step: `enters` says that there is
    one, `returns` that the journey was there before, `back` that it came from there within the window.
    """

    steps: Runs
    journeys: Runs
    number: Numbers
    channel: Marks
    stage: Marks
    enters: Truths
    returns: Truths
    back: Truths


def walk(events: Events, journeys: Runs) -> Walk:
    """Take events of one channel and stage that follow each other in a journey as one step."""
    opens = changed(events.channel) | changed(events.stage)
    opens[journeys.first] = True
    steps = Runs.opened(opens)
    begins = np.zeros(len(steps.first), dtype=np.bool_)
    begins[steps.of_row[journeys.first]] = True
    of_journeys = Runs.opened(begins)
    channel = events.channel[steps.first]
    enters = changed(channel) & ~begins
    return Walk(
        steps,
        of_journeys,
        np.arange(len(channel)) - of_journeys.first[of_journeys.of_row] + 1,
        channel,
        events.stage[steps.first],
        enters,
        enters & _been_before(channel, of_journeys),
        _back(events, steps, of_journeys, enters),
    )


def _been_before(channel: Marks, journeys: Runs) -> Truths:
    here = np.arange(len(channel))
    been = np.zeros(len(channel), dtype=np.bool_)
    for place in range(len(rules.CHANNELS)):
        at_place = channel == place
        been |= at_place & (journeys.first_where(at_place)[journeys.of_row] < here)
    return been


def _back(events: Events, steps: Runs, journeys: Runs, enters: Truths) -> Truths:
    """Which changes lead back to the channel that was left by the change before, within the window."""
    entered = np.flatnonzero(enters)
    back = np.zeros(len(enters), dtype=np.bool_)
    before, after = entered[:-1], entered[1:]
    channel = events.channel[steps.first]
    away = events.at[steps.first[after]] - events.at[steps.last[before - 1]]
    back[after] = (
        (journeys.of_row[before] == journeys.of_row[after])
        & (channel[before - 1] == channel[after])
        & (away <= micros(rules.BACK_AND_FORTH))
    )
    return back


def step_rows(events: Events, walked: Walk, journey_ids: pl.Series) -> pl.DataFrame:
    """The rows of gold.journey_steps."""
    first, last = walked.steps.first, walked.steps.last
    ends = walked.journeys.last
    dwell = np.append(np.diff(events.at[first]), 0) / 1e6
    return pl.DataFrame(
        {
            "journey_id": journey_ids.gather(pl.Series(walked.journeys.of_row)),
            "step": walked.number,
            "person_id": events.whose(first),
            "channel": named(rules.CHANNELS, walked.channel),
            "stage": named(rules.STAGES, walked.stage),
            "started_at": events.moments(first),
            "ended_at": events.moments(last),
            "dwell_s": pl.Series(dwell).scatter(ends, None),
            "events": last - first + 1,
        }
    )


def transition_rows(events: Events, walked: Walk, journey_ids: pl.Series, abandoned: Truths) -> pl.DataFrame:
    """The rows of gold.transitions; `abandoned` says which journeys were."""
    to = np.flatnonzero(walked.enters)
    left = to - 1
    journey = walked.journeys.of_row[to]
    return pl.DataFrame(
        {
            "journey_id": journey_ids.gather(pl.Series(journey)),
            "step": walked.number[left],
            "person_id": events.whose(walked.steps.first[to]),
            "from_channel": named(rules.CHANNELS, walked.channel[left]),
            "to_channel": named(rules.CHANNELS, walked.channel[to]),
            "changed_at": events.moments(walked.steps.first[to]),
            "ended_at": events.moments(walked.steps.last[to]),
            "gap_s": (events.at[walked.steps.first[to]] - events.at[walked.steps.last[left]]) / 1e6,
            "returns": walked.returns[to],
            "back_and_forth": walked.back[to],
            "same_stage": walked.stage[left] == walked.stage[to],
            "abandoned": abandoned[journey] & (walked.journeys.last[journey] == to),
        }
    )
