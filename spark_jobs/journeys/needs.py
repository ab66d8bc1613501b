"""What journeys are for and how they end: the rows of gold.journeys."""

import numpy as np
import polars as pl

from spark_jobs.journeys import rules
from spark_jobs.journeys.marks import ESCALATED, PAID, RESOLVED, TALKS, TRANSFERRED
from spark_jobs.journeys.runs import NEVER, Events, Marks, Numbers, Runs, Truths
from spark_jobs.journeys.sessionisation import channel_bits, micros, named
from spark_jobs.journeys.steps import Walk

_NEED_NAMES = tuple(need.name for need in rules.NEEDS)
_WINDOWS = np.array([micros(need.window) for need in rules.NEEDS])
_MARK_OF_GOAL = {"paid": PAID, "resolved": RESOLVED}
_SHOPPING, _HELPED, _COMPLAINED = (
    sum(1 << rules.STAGES.index(stage) for stage in stages)
    for stages in (("cart", "order", "pay"), ("bot", "agent"), ("complain",))
)


def outcomes(events: Events, journeys: Runs) -> Marks:
    """How each journey ends, a place in `rules.OUTCOMES`: the first that holds.

    Bought (a payment succeeded), escalated (a complaint, or a conversation ended so), transferred (a human had the
    last conversation and it was not resolved), resolved (a conversation was), abandoned.
    """
    marks = journeys.any_of(events.marks)
    last_talk = journeys.last_where(events.marks & TALKS > 0)
    transferred = (last_talk >= 0) & (events.marks[last_talk] & TRANSFERRED > 0)
    holds = (marks & PAID > 0, marks & ESCALATED > 0, transferred, marks & RESOLVED > 0)
    return np.select(holds, np.arange(4), 4).astype(np.uint16)


def journey_rows(events: Events, journeys: Runs, sessions: Runs, walked: Walk, outcome: Marks) -> pl.DataFrame:
    """The rows of gold.journeys; `outcome` is that of `outcomes`."""
    first, last = journeys.first, journeys.last
    need = _needs(events, journeys)
    goal = _goals(events, journeys, need)
    paid = pl.Series(journeys.any_of(events.marks) & PAID > 0)
    reached = pl.Series((events.at[np.where(goal < NEVER, goal, 0)] - events.at[first]) / 1e6)
    return pl.DataFrame(
        {
            "journey_id": events.named("journey", first),
            "person_id": events.whose(first),
            "started_at": events.moments(first),
            "ended_at": events.moments(last),
            "outcome": named(rules.OUTCOMES, outcome),
            "need": named(_NEED_NAMES, need),
            "goal_reached_at": events.moments(goal),
            "goal_s": reached.set(pl.Series(goal == NEVER), None),
            "paid_at": events.moments(journeys.last_where(events.marks & PAID > 0)),
            "sessions": sessions.of_row[last] - sessions.of_row[first] + 1,
            "steps": walked.journeys.last - walked.journeys.first + 1,
            "channels": np.bitwise_count(journeys.any_of(channel_bits(events.channel))).astype(np.int64),
            "loops": walked.journeys.total(walked.returns),
            "back_and_forths": walked.journeys.total(walked.back),
            "first_channel": named(rules.CHANNELS, events.channel[first]),
            "last_channel": named(rules.CHANNELS, events.channel[last]),
            "amount_minor": pl.Series(journeys.total(events.amount)).set(~paid, None),
        }
    )


def _needs(events: Events, journeys: Runs) -> Marks:
    """Places in `rules.NEEDS`."""
    stages = journeys.any_of(np.left_shift(np.uint16(1), events.stage))
    helped = stages & _HELPED > 0
    holds = (stages & _COMPLAINED > 0, stages & _SHOPPING > 0, helped & _bought_before(events, journeys), helped)
    return np.select(holds, np.arange(4), 4).astype(np.uint16)


def _bought_before(events: Events, journeys: Runs) -> Truths:
    """Whether the person paid, in a journey before, not long before this one began."""
    paid = np.where(events.marks & PAID > 0, np.arange(len(events.at)), -1)
    before = np.r_[-1, np.maximum.accumulate(paid)[journeys.first[1:] - 1]]
    theirs = (before >= 0) & (events.person[before] == events.person[journeys.first])
    paid_at = np.where(theirs, events.at[before], events.paid_before[events.people.of_row[journeys.first]])
    return np.asarray(events.at[journeys.first] - paid_at <= micros(rules.SINCE_PURCHASE))


def _goals(events: Events, journeys: Runs, need: Marks) -> Numbers:
    """The event that reaches each journey's goal in time, NEVER without one."""
    goal = np.full(len(need), NEVER)
    for place, wanted in enumerate(rules.NEEDS):
        if wanted.goal:
            reached = journeys.first_where(events.marks & _MARK_OF_GOAL[wanted.goal] > 0)
            goal = np.where(need == place, reached, goal)
    late = events.at[np.where(goal < NEVER, goal, 0)] - events.at[journeys.first] > _WINDOWS[need]
    return np.where(late, NEVER, goal)
