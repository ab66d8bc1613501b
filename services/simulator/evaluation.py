"""What is predicted of simulated conversations beside the best that could be, and worlds as events to predict from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import polars as pl
from google.protobuf.descriptor import EnumDescriptor
from sklearn.metrics import roc_auc_score

from mangrove.event.v1 import event_pb2 as pb
from ml.evaluate import expected_calibration_error
from services.prediction.language import language
from services.simulator.best import TARGETS
from services.simulator.world import World, simulate
from spark_jobs.gold.moments import EVENT_COLUMNS

_LABELS = {
    "handover": pl.col("handed_over") & ~pl.col("with_agent"),
    "abandonment": pl.col("outcome") == "abandoned",
    "escalation": pl.col("outcome") == "escalated",
    "resolution": pl.col("outcome") == "resolved",
}


def _names(enum: EnumDescriptor, prefix: str) -> dict[int, str]:
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values}


_CHANNELS = _names(pb.Channel.DESCRIPTOR, "CHANNEL_")
_PARTIES = _names(pb.Party.DESCRIPTOR, "PARTY_")
_END_REASONS = _names(pb.EndReason.DESCRIPTOR, "END_REASON_")
_STATUSES = _names(pb.PaymentStatus.DESCRIPTOR, "PAYMENT_STATUS_")
_TEXT_FIELDS = {
    "message_sent": "text",
    "social_posted": "text",
    "complaint_filed": "text",
    "feedback_given": "comment",
}
_ROW = {"locale" if name == "language" else name: kind for name, kind in EVENT_COLUMNS.items()}
_MOMENT = ("conversation_id", "turn")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Predictions of one target at `moments` messages of customers, beside the best possible ones at the same.

    `share` is how often the target comes true. `gap` is in points of AUC: a hundredth each, positive where the best
    is better. `ece` is the predictions' expected calibration error in ten bins, 0 to 1.
    """

    target: str
    moments: int
    share: float
    auc: float
    best_auc: float
    gap: float
    ece: float


def best_and_labels(truth: Mapping[str, Any]) -> pl.DataFrame:
    """A world's truth as rows by conversation_id and turn: for each target, the best prediction and what came true.

    The columns are `best_TARGET` and `best_alone_TARGET` (0 to 1) and `is_TARGET`, beside outcome, handed_over (in the
    whole conversation) and with_agent (whether an agent had it by then).
    Ids are those of the simulator: the lake knows conversations under pseudonyms.
    """
    rows = [
        {
            "conversation_id": conversation_id,
            "turn": turn["customer_turn"],
            "with_agent": with_agent,
            "outcome": talk["outcome"],
            "handed_over": talk["handed_over"],
            **{f"{sight}_{target}": turn[sight][target] for sight in ("best", "best_alone") for target in TARGETS},
        }
        for conversation_id, talk in truth["conversations"].items()
        for turns, with_agent in ((talk["turns"], False), (talk["turns_with_agent"], True))
        for turn in turns
    ]
    return pl.DataFrame(rows).with_columns(label.alias(f"is_{name}") for name, label in _LABELS.items())


def compare(best: pl.DataFrame, said: pl.DataFrame, target: str, sight: str = "best") -> Comparison:
    """Compare what a model said with the best possible, at the moments of which both know.

    Args:
        best: From `best_and_labels`.
        said: One row a moment: conversation_id, turn and probability. Both outcomes must be among them.
        target: One of `best.TARGETS`.
        sight: `best` with the person's earlier conversations in view, `best_alone` without.
    """
    both = best.join(said.select(*_MOMENT, "probability"), on=_MOMENT, how="inner", validate="1:1").sort(_MOMENT)
    label, probability = both[f"is_{target}"].to_numpy(), both["probability"].to_numpy()
    auc = float(roc_auc_score(label, probability))
    best_auc = float(roc_auc_score(label, both[f"{sight}_{target}"].to_numpy()))
    return Comparison(
        target=target,
        moments=len(both),
        share=float(label.mean()),
        auc=auc,
        best_auc=best_auc,
        gap=100 * (best_auc - auc),
        ece=expected_calibration_error(label, probability),
    )


def events_of(world: World) -> pl.DataFrame:
    """A world's events as the pipeline would have them, in memory: each once, only what may be stored, people known.

    Rows are what `moments.build_moments` takes; ids are the simulator's, so that moments are the turns of
    `best_and_labels`. Texts are as they were spoken: this is for tests and benchmarks on made-up people, and nothing
    of it is to be written down.
    """
    refused = world.marks.invalid.keys() | set(world.marks.without_consent)
    events = {event.event_id: event for event in simulate(world) if event.event_id not in refused}
    rows = [_row(event, world.marks.person_of[event_id]) for event_id, event in events.items()]
    return pl.DataFrame(rows, schema=_ROW, orient="row").with_columns(language=language()).select(*EVENT_COLUMNS)


def _row(event: pb.Event, person: str) -> tuple[object, ...]:
    kind = event.WhichOneof("body") or ""
    body = getattr(event, kind)
    field = _TEXT_FIELDS.get(kind)
    return (
        person,
        event.conversation_id or None,
        event.event_id,
        kind,
        event.occurred_at_unix_nano // 1000,
        _CHANNELS[event.channel],
        event.context.locale[:2],
        _PARTIES[body.party] if kind == "message_sent" else None,
        body.turn if kind == "message_sent" else None,
        getattr(body, field) if field else None,
        _page(kind, body),
        _PARTIES[body.to_party] if kind == "conversation_transferred" else None,
        _END_REASONS[body.reason] if kind == "conversation_ended" else None,
        _STATUSES[body.status] if kind == "payment_made" else None,
    )


def _page(kind: str, body: Any) -> str | None:
    if kind == "page_viewed":
        return str(urlsplit(body.url).path)
    return str(body.screen) if kind == "screen_viewed" else None
