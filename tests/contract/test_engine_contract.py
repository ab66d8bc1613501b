"""What every engine does alike: the same aggregates, of the version that was pinned, whatever the files look like."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from privacy.dp.aggregates import ExactAggregates
from privacy.dp.keys import CandidateKeys
from services.private_query.engine import DeltaEngine
from services.private_query.planning import plan
from services.private_query.ports import DatasetUnavailable, ExactEngine
from services.private_query.question import AskedMeasure, Equals, Filter, OneOf
from spark_jobs.lake import tables
from tests.unit.private_query.asking import Asked, a_question
from tests.unit.private_query.homes import conversations, make_home, write_mart

EVERYTHING: tuple[dict[str, Any], ...] = (
    {
        "group_by": ("week", "channel"),
        "measures": (
            AskedMeasure("count"),
            AskedMeasure("persons"),
            AskedMeasure("sum", "turns"),
            AskedMeasure("mean", "wait_s"),
        ),
        "filters": (Filter("handed_over", Equals(True)),),
        "dropped_share": True,
    },
    {
        "group_by": ("language",),
        "measures": (
            AskedMeasure("variance", "turns"),
            AskedMeasure("quantiles", "wait_s", (500,)),
            AskedMeasure("histogram", "satisfaction"),
            AskedMeasure("ratio", share_of=Filter("outcome", OneOf(("resolved",)))),
        ),
        "max_rows_per_group": 1,
        "from_day": "2026-01-08",
    },
    {"group_by": (), "filters": (Filter("outcome", OneOf(("open",))),)},
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """A mart in several files, with a second version that an engine may pin; its languages are unknown."""
    home = make_home(tmp_path_factory.mktemp("home"), people=80, partner_rho_nano=10**12, dataset_rho_nano=10**12)
    catalogue = home.folder / "catalogue.toml"
    catalogue.write_text(catalogue.read_text().replace('values = ["zh", "en"]', "unknown = true"))
    rows = conversations(40, seed=3).to_pylist()
    others = [row | {"row_token": f"second-{row['row_token']}"} for row in rows]
    write_mart(home.folder, tables.PRIVATE_CONVERSATIONS, _table(others))
    return Asked(home.folder)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=tables.PRIVATE_CONVERSATIONS.schema)


@pytest.fixture(params=["embedded", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest, asked: Asked) -> Iterator[ExactEngine]:
    if request.param == "embedded":
        yield DeltaEngine(str(asked.folder / "lake"), cache_bytes=1)
        return
    from services.private_query.spark_engine import SparkEngine

    yield SparkEngine(request.getfixturevalue("spark"), str(asked.folder / "lake"))


def told(exact: ExactAggregates) -> dict[Any, Any]:
    """An engine's aggregates by the labels of their groups."""
    keys = exact.keys
    unknown = isinstance(keys, CandidateKeys)
    groups = [keys.combination(n) for n in range(keys.size)] if unknown else list(keys.combinations())
    vectors = {
        (i, j, group): vector.reshape(len(groups), -1)[n].tolist()
        for i, own in enumerate(exact.vectors)
        for j, vector in enumerate(own)
        for n, group in enumerate(groups)
    }
    persons = None if exact.persons is None else exact.persons.tolist()
    return {"groups": groups, "persons": persons, "dropped": _list(exact.dropped), **vectors}


def _list(vector: Any) -> Any:
    return None if vector is None else np.asarray(vector).tolist()


@pytest.mark.parametrize("question", EVERYTHING)
def test_every_engine_gives_the_same_aggregates(asked: Asked, engine: ExactEngine, question: dict[str, Any]) -> None:
    expected = told(asked.exact(**question))
    other = Asked(asked.folder)
    other.ports = replace(other.ports, engine=engine)
    assert told(other.exact(**question)) == expected


def test_every_engine_refuses_a_dataset_without_a_mart(asked: Asked, engine: ExactEngine) -> None:
    dataset = asked.ports.catalogue.get("journeys", "bob")
    with pytest.raises(DatasetUnavailable):
        engine.pin(dataset)


def test_every_engine_answers_from_the_version_that_was_pinned(tmp_path: Path, engine: ExactEngine) -> None:
    home = make_home(tmp_path, people=20)
    asked = Asked(home.folder)
    own = type(engine)(str(home.folder / "lake")) if isinstance(engine, DeltaEngine) else _moved(engine, home.folder)
    asked_for = plan(a_question(), asked.ports.catalogue.get("conversations", "ada"))
    pinned = own.pin(asked_for.dataset)
    before = asked.exact().vectors[0][0].tolist()
    write_mart(home.folder, tables.PRIVATE_CONVERSATIONS, conversations(20, seed=8))
    assert own.aggregate(pinned, asked_for, asked.ports.truncation_secret).vectors[0][0].tolist() == before


def _moved(engine: Any, folder: Path) -> ExactEngine:
    moved: ExactEngine = type(engine)(engine._spark, str(folder / "lake"))
    return moved
