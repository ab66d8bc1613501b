"""Made-up rows of gold.features, with endings that waits and complaints explain."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from spark_jobs.lake.tables import GOLD_FEATURES

LABELS = ("handed_over_later", "abandoned_later", "escalated_later", "resolved_later")


def moments(rows: int = 600, people: int = 200, seed: int = 1) -> pd.DataFrame:
    """Rows whose labels follow from the features and chance."""
    chance = np.random.default_rng(seed)
    as_of = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=7 * n) for n in range(rows)]
    frame = pd.DataFrame(
        {
            "conversation_id": [f"conversation.1.{n:05d}" for n in range(rows)],
            "turn": chance.integers(1, 6, rows),
            "person_id": [f"person.{n:04d}" for n in chance.integers(0, people, rows)],
            "as_of": as_of,
            "channel": chance.choice(["chat", "app", "voice"], rows),
            "language": chance.choice(["zh", "en", None], rows),
            "topic": chance.choice(["delivery", "refund", None], rows),
            "elapsed_s": chance.exponential(100, rows),
            "mean_wait_s": chance.exponential(20, rows),
            "last_wait_s": chance.exponential(20, rows),
            "longest_wait_s": chance.exponential(40, rows),
            "mean_reply_s": chance.exponential(20, rows),
            "last_reply_s": chance.exponential(20, rows),
            "mean_text_length": chance.exponential(20, rows),
            "with_agent": 0,
            "had_by_bot": True,
            "may_learn": True,
            "settled": True,
        }
    )
    for name in GOLD_FEATURES.schema.names:
        if name not in frame and name not in (*LABELS, "handed_over_at", "ended_at"):
            frame[name] = chance.poisson(0.7, rows)
    # The two factors matter together, which a logistic regression cannot say.
    heat = 2.5 * ((frame["asks_for_human"] > 0) ^ (frame["mean_wait_s"] > 15)) + 0.8 * frame["negative_words"] - 1.8
    for name in LABELS:
        frame[name] = chance.random(rows) < 1 / (1 + np.exp(-heat))
    later = pd.to_timedelta(30 * (1 + frame["slow_waits"]) * chance.exponential(1, rows), unit="s")
    frame["handed_over_at"] = (frame["as_of"] + later).where(frame["handed_over_later"])
    frame["ended_at"] = frame["as_of"] + later
    return frame[GOLD_FEATURES.schema.names]


def write_features(root: Path, frame: pd.DataFrame) -> None:
    """Write gold.features with delta-rs, replacing what was there."""
    rows = pa.Table.from_pandas(frame, GOLD_FEATURES.schema, preserve_index=False, safe=False)
    write_deltalake(str(root / GOLD_FEATURES.path), rows, mode="overwrite")
