"""Made-up conversations, as requests and as moments, and models that learned from them."""

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd

from mangrove.event.v1 import event_pb2
from mangrove.prediction.v1 import prediction_pb2
from ml.next_action.task import NextAction, NextActionModel
from ml.satisfaction.model import SatisfactionModel, fit_model
from ml.satisfaction.moments import learning_moments
from ml.task import Split
from ml.tasks import NEXT_ACTIONS
from privacy.masking import Masker
from services.access import Caller
from services.prediction import wire
from services.prediction.handlers import predict
from services.prediction.moment import events_frame, in_order
from services.prediction.ports import Event, Predicting, Told
from spark_jobs.gold.moments import build_moments
from tests.fakes.prediction import FakeModels
from tests.unit.ml.satisfaction.made_up import dialogues

BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
TALK = "talk-7"
ANYBODY = Caller("web", "source")
LATE_US = 2**61
_ASKED = ("where is my parcel?", "我的快递怎么还没到?", "this is useless", "thanks", "I want a human", "退款多少钱")
_ANSWERED = ("let me look", "请稍等", "it is on its way", "还有什么可以帮您?")


def nanos(seconds: float) -> int:
    return int(BEGAN.timestamp() * 1e9) + int(seconds * 1e9)


def happened(at_s: float, *, talk: str = TALK, **body: Any) -> prediction_pb2.CustomerEvent:
    """Something that happened so many seconds after the beginning; on chat unless `channel` says otherwise."""
    return prediction_pb2.CustomerEvent(
        conversation_id=talk,
        channel=body.pop("channel", event_pb2.CHANNEL_CHAT),
        occurred_at_unix_nano=nanos(at_s),
        locale=body.pop("locale", ""),
        **body,
    )


def said(at_s: float, text: str, party: str = "customer", **more: Any) -> prediction_pb2.CustomerEvent:
    spoke = event_pb2.Party.Value(f"PARTY_{party.upper()}")
    message = prediction_pb2.Message(party=spoke, text=text, turn=more.pop("turn", 0))
    return happened(at_s, message=message, **more)


def a_talk(events: int = 12, *, talk: str = TALK) -> list[prediction_pb2.CustomerEvent]:
    """A conversation so far in which customer and bot take turns; the customer has the last word."""
    rng = random.Random(events)
    party = ["customer", "bot"]
    found = []
    for place in range(events):
        who = party[(events - 1 - place) % 2]
        text = rng.choice(_ASKED if who == "customer" else _ANSWERED)
        found.append(said(20.0 * place, text, who, turn=place + 1, talk=talk))
    return found


def a_request(*events: prediction_pb2.CustomerEvent, talk: str = TALK) -> prediction_pb2.PredictRequest:
    return prediction_pb2.PredictRequest(conversation_id=talk, events=events or a_talk())


@cache
def moments(talks: int, seed: int = 1) -> pd.DataFrame:
    """Moments of conversations that are over, in which what customers say has to do with how they end."""
    rng = random.Random(seed)
    events = [event for place in range(talks) for event in _lived(place, rng)]
    timed = in_order(events, now_us=2**62)
    rows = build_moments(events_frame(timed, [event.text for _, event in timed])).to_pandas()
    return rows.assign(may_learn=True, person_id=rows["conversation_id"])


def _lived(place: int, rng: random.Random) -> list[Event]:
    at = int((BEGAN + timedelta(minutes=10 * place)).timestamp() * 1e6)
    talk, angry, events = f"lived-{place:05d}", rng.random() < 0.4, []
    for _ in range(rng.randint(2, 6)):
        text = _ASKED[2] if angry and rng.random() < 0.6 else rng.choice(_ASKED)
        events.append(Event("message_sent", talk, "chat", at, party="customer", text=text))
        at += int(rng.expovariate(0.05) * 1e6) + 1
        events.append(Event("message_sent", talk, "chat", at, party="bot", text=rng.choice(_ANSWERED)))
        at += int(rng.expovariate(0.05) * 1e6) + 1
    if rng.random() < (0.7 if angry else 0.2):
        events.append(Event("conversation_transferred", talk, "chat", at, to_party="agent"))
        at += 60_000_000
    endings = ["abandoned", "escalated"] if angry else ["resolved", "resolved", "abandoned", "escalated"]
    return [*events, Event("conversation_ended", talk, "chat", at, end_reason=rng.choice(endings))]


def a_model(task: NextAction, talks: int = 300, seed: int = 1) -> NextActionModel:
    """Fit a task's model on made-up conversations."""
    rows = task.learnable(moments(talks, seed).copy())
    third = len(rows) // 3
    return task.fit(Split(rows[:third], rows[third : 2 * third], rows[2 * third :]))


@cache
def models(talks: int = 300, seed: int = 1) -> dict[str, NextActionModel]:
    """A model for each next action."""
    return {task.name: a_model(task, talks, seed) for task in NEXT_ACTIONS}


@cache
def satisfaction_model(talks: int = 30) -> SatisfactionModel:
    """A model of satisfaction that learned from made-up dialogues."""
    return fit_model(learning_moments(dialogues(talks)), 3)


def tell(*events: prediction_pb2.CustomerEvent, caller: Caller = ANYBODY, **changes: Any) -> Told:
    """Ask the handlers about a conversation, long after it began; `changes` are parts of `Predicting`."""
    by = {"models": FakeModels(models()), "masker": Masker.default()} | changes
    request = a_request(*events)
    return predict(wire.asked_from_proto(request), caller=caller, by=Predicting(**by), now_us=LATE_US)
