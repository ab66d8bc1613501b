"""What champions say of the lake is rows of the declared tables, each key once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from ml.demand.task import Demand
from ml.segments.names import NAMES
from ml.segments.task import Segments
from services.simulator.behaviour_types import PlantedTypes
from spark_jobs.lake import tables

START = datetime(2026, 1, 5, tzinfo=UTC)


def write(root, table, frame):
    columns = {name: frame[name] if name in frame else pd.Series([None] * len(frame)) for name in table.schema.names}
    rows = pa.Table.from_pandas(pd.DataFrame(columns), table.schema, preserve_index=False, safe=False)
    write_deltalake(str(root / table.path), rows, mode="overwrite")


def scored(task, root, version=3):
    rows = task.rows(str(root)).frame
    told = task.scored(str(root), task.fit(task.split(rows)), version)
    assert told.schema == task.output.schema
    frame = told.to_pandas()
    assert not frame.duplicated(list(task.output.key)).any()
    assert set(frame["model_version"]) == {version}
    return frame


def test_demand_is_told_for_the_day_after_the_newest_contact(tmp_path):
    chance = np.random.default_rng(1)
    at = pd.Series(START + pd.to_timedelta(np.sort(chance.uniform(0, 60 * 86_400, 6_000)), unit="s"))
    talks = pd.DataFrame({"conversation_id": [f"c{n}" for n in range(len(at))], "started_at": at})
    talks["channel"] = chance.choice(["chat", "voice"], len(at))
    write(tmp_path, tables.SILVER_CONVERSATIONS, talks)
    write(tmp_path, tables.GOLD_FEATURES, talks.assign(turn=1, may_learn=True))
    told = scored(Demand(), tmp_path)
    assert told.groupby("channel").size().to_dict() == {"chat": 48, "voice": 48}
    assert told["starts_at"].min() > at.max()
    assert told["starts_at"].max() < at.max() + timedelta(days=1, minutes=30)
    assert (told["low"] <= told["expected"]).all()
    assert (told["expected"] <= told["high"]).all()


def test_everybody_who_may_be_learned_from_gets_a_named_segment(tmp_path):
    sessions = PlantedTypes.generate(800, seed=3).rows
    people = sorted(sessions["person_id"].unique())
    barred = people[:40]
    write(tmp_path, tables.GOLD_BEHAVIOUR, sessions)
    write(tmp_path, tables.GOLD_SESSIONS, sessions[["session_id", "person_id"]].assign(started_at=START))
    tokens = pd.DataFrame({"seen_as": [f"t{n}" for n in range(len(people))], "person_id": people})
    write(tmp_path, tables.IDENTITY_PEOPLE, tokens.assign(token=tokens["seen_as"]))
    events = tokens.assign(
        event_id=tokens["seen_as"],
        identifiers=[[{"type": "customer", "token": token}] for token in tokens["seen_as"]],
        purposes=[["service"] if person in barred else ["service", "learning"] for person in people],
    )
    write(tmp_path, tables.SILVER_EVENTS, events)
    told = scored(Segments(), tmp_path)
    assert set(told["person_id"]) == set(people[40:])
    assert set(told["segment"]) <= {name.english for name in NAMES}
    assert told.groupby("segment")["segment_zh"].nunique().eq(1).all()
