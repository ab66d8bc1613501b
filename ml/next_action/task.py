"""The four tasks of the next action, each a yes or no with the time until it comes."""

from typing import Any

import pandas as pd

from ml.binary import BinaryModel, BinaryTask
from ml.columns import Columns
from ml.next_action.features import COLUMNS
from ml.next_action.timing import Timing, fit_timing, measure_timing
from ml.task import Floats, Rows, Split
from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import GOLD_FEATURES

SECONDS = "seconds_to_event"
HANDED_OVER = "handed_over_later"
_KEY = ("conversation_id", "turn")


class NextActionModel(BinaryModel):
    """A calibrated classifier that also tells when it comes, if it comes."""

    def __init__(self, columns: Columns, classifier: Any, learner: str, timing: Timing) -> None:
        super().__init__(columns, classifier, learner)
        self.timing = timing

    def seconds_to_event(self, frame: "pd.DataFrame | Floats") -> Floats:
        """Return (rows, 3): the 10, 50 and 90 % quantiles of the seconds until it comes, if it comes."""
        return self.timing.seconds(frame)


class NextAction(BinaryTask):
    """What comes later in a conversation, told at each message of the customer."""

    tables = (GOLD_FEATURES,)
    columns = COLUMNS
    event_at = "ended_at"
    limits = (
        "It sees counts, lengths, waits and declared words of Chinese and English, never the text itself. What bots "
        "and agents could do in the time of the data decides what it expects; train it again after they have changed."
    )

    def ids(self) -> tuple[str, ...]:
        """Return the key of gold.features."""
        return _KEY

    def rows(self, lake_root: str) -> Rows:
        """Read moments of conversations that are over, whose consent covers learning, and that the task is about."""
        wanted = ("person_id", "as_of", "may_learn", "settled", "had_by_bot", self.label, self.event_at)
        names = dict.fromkeys((*_KEY, *self.columns.names, *wanted, *([self.rival] if self.rival else ())))
        snapshot = read_snapshot(lake_root, GOLD_FEATURES, list(names))
        return Rows(self.learnable(snapshot.rows.to_pandas()), {GOLD_FEATURES.name: snapshot.version})

    def learnable(self, moments: pd.DataFrame) -> pd.DataFrame:
        """Choose what may be learned from, in order, with the seconds until it came."""
        chosen = self.in_order(moments[moments["may_learn"] & moments["settled"] & self.concerns(moments)])
        chosen[SECONDS] = (chosen[self.event_at] - chosen["as_of"]).dt.total_seconds()
        return chosen

    def concerns(self, moments: pd.DataFrame) -> "pd.Series[bool]":
        """Say which moments the task is about."""
        return pd.Series(True, index=moments.index)

    def fit(self, split: Split) -> BinaryModel:
        """Fit the probability and, unless a guarantee is asked for, the time: that has none."""
        model = super().fit(split)
        if self.privacy is not None:
            return model
        train, calibrate = (part[part[self.label]] for part in (split.train, split.calibrate))
        timing = fit_timing(self.columns, train, calibrate, SECONDS)
        return NextActionModel(self.columns, model.classifier, model.learner, timing)

    def extras(self, model: Any, split: Split) -> dict[str, float]:
        """Measure the time until it comes, if the model tells it."""
        if not isinstance(model, NextActionModel):
            return {}
        return measure_timing(model.timing, split.test[split.test[self.label]], SECONDS)


class HandOver(NextAction):
    """Whether a human takes the conversation over from the bot."""

    name = "handover"
    title = "Hand-over"
    purpose = (
        "It says at each message of a customer to a bot how likely a human takes the conversation over later, so that "
        "agents can be kept free and bots mended. It is not made to judge or rank people."
    )
    label = HANDED_OVER
    event_at = "handed_over_at"
    seen = "share handed over"
    rule = "asks_for_human"

    def concerns(self, moments: pd.DataFrame) -> "pd.Series[bool]":
        """Only conversations that a bot has, until a human has them."""
        return moments["had_by_bot"] & (moments["with_agent"] == 0)


class Abandonment(NextAction):
    """Whether the customer gives up."""

    name = "abandonment"
    title = "Abandonment"
    purpose = (
        "It says at each message how likely the customer gives up before an answer that helps, so that somebody can "
        "step in. It is not made to judge or rank people."
    )
    label = "abandoned_later"
    rival = HANDED_OVER
    seen = "share abandoned"
    rule = "bot_turns"


class Escalation(NextAction):
    """Whether it goes to a supervisor."""

    name = "escalation"
    title = "Escalation"
    purpose = (
        "It says at each message how likely the conversation ends with a supervisor, so that hard cases go to those "
        "who may decide. It is not made to judge or rank people."
    )
    label = "escalated_later"
    rival = HANDED_OVER
    seen = "share escalated"
    rule = "with_agent"


class Resolution(NextAction):
    """Whether it is solved."""

    name = "resolution"
    title = "Resolution"
    purpose = (
        "It says at each message how likely the conversation ends with the problem solved, by bot or human. It is not "
        "made to judge or rank people."
    )
    label = "resolved_later"
    rival = HANDED_OVER
    seen = "share resolved"
    rule = "thanks_now"
