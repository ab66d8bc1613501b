from datetime import UTC, datetime, timedelta
from pathlib import Path as FilePath

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from services.commands import app
from services.installation import install
from services.journeys.queries import Cleaning, JourneyUnknown, Path, Reached, attribution, funnel, paths, steps_of
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import TableMissing

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WALKS = {
    "a1": ("bought", "web/browse web/cart chat/bot chat/agent web/browse web/pay"),
    "a2": ("abandoned", "web/browse chat/bot"),
    "b1": ("resolved", "chat/bot chat/agent"),
}


def written(root: FilePath, table: Table, rows: list[dict]) -> None:
    blank = dict.fromkeys(table.schema.names)
    write_deltalake(f"{root}/{table.path}", pa.Table.from_pylist([{**blank, **r} for r in rows], table.schema))


@pytest.fixture
def home(tmp_path: FilePath) -> FilePath:
    """An installation with three journeys of two people."""
    lake = FilePath(install(tmp_path).home.lake_root)
    steps = [
        {"journey_id": name, "step": step, "person_id": f"person.{name[0]}", "channel": channel, "stage": stage,
         "started_at": START + timedelta(minutes=step), "dwell_s": 60.0, "events": 1}
        for name, (_, walk) in WALKS.items()
        for step, (channel, stage) in enumerate((part.split("/") for part in walk.split()), start=1)
    ]  # fmt: skip
    written(lake, tables.GOLD_JOURNEY_STEPS, steps)
    journeys = [
        {"journey_id": name, "person_id": f"person.{name[0]}", "started_at": START, "outcome": outcome}
        for name, (outcome, _) in WALKS.items()
    ]
    written(lake, tables.GOLD_JOURNEYS, journeys)
    stages = [(1, "browse", 2, 1, 0, None, None), (2, "cart", 1, 1, 1, 90.0, 90.0)]
    written(lake, tables.GOLD_FUNNEL, [dict(zip(tables.GOLD_FUNNEL.schema.names, row, strict=True)) for row in stages])
    pair = {"from_channel": "web", "to_channel": "chat", "changes": 3, "journeys": 2, "median_gap_s": 90.0}
    written(lake, tables.GOLD_FRICTION, [{**pair, "back_and_forths": 1, "same_stage": 0, "abandoned": 1}])
    owed = {"model": "markov", "channel": "chat", "credit": 0.4, "share": 0.4}
    written(lake, tables.GOLD_ATTRIBUTION, [owed, {**owed, "channel": "web", "credit": 0.6, "share": 0.6}])
    return tmp_path


@pytest.fixture
def root(home: FilePath) -> str:
    return str(home / "lake")


def test_steps_of_a_person_come_journey_by_journey_in_order(root: str) -> None:
    assert [(s.journey_id, s.step) for s in steps_of(root, "person.a")] == [
        *(("a1", step) for step in range(1, 7)),
        ("a2", 1),
        ("a2", 2),
    ]
    assert [s.outcome for s in steps_of(root, "b1")] == ["resolved", "resolved"]
    with pytest.raises(JourneyUnknown):
        steps_of(root, "' OR 1=1 --")


def test_whole_ways_are_counted_with_repeats_as_one(root: str) -> None:
    assert paths(root) == [
        Path("chat", 1, 1, 1, 0),
        Path("web › chat", 1, 1, 1, 0),
        Path("web › chat › web", 1, 1, 1, 1),
    ]
    assert paths(root, most=1) == paths(root)[:1]


def test_ways_between_anchors_begin_at_each_entry_and_end_at_the_next(root: str) -> None:
    assert paths(root, "stage", start="browse", end="pay") == [
        Path("browse › cart › bot › agent › browse › pay", 1, 1, 1, 1),
        Path("browse › pay", 1, 1, 1, 1),
    ]
    assert paths(root, "stage", start="bot") == [
        Path("bot", 1, 1, 1, 0),
        Path("bot › agent", 1, 1, 1, 0),
        Path("bot › agent › browse › pay", 1, 1, 1, 1),
    ]
    assert paths(root, "channel", end="chat") == [Path("web › chat", 1, 2, 2, 1)]
    assert paths(root, start="nowhere") == []


def test_places_are_passed_over_and_only_the_last_are_kept(root: str) -> None:
    assert paths(root, cleaning=Cleaning(without=("chat",))) == [Path("web", 1, 2, 2, 1)]
    assert paths(root, "stage", end="pay", cleaning=Cleaning(("bot", "agent"), last=2)) == [
        Path("browse › pay", 1, 1, 1, 1)
    ]


def test_funnel_and_attribution_are_as_the_tables_say(root: str) -> None:
    assert funnel(root) == [Reached("browse", 2, 1, 0, None, None), Reached("cart", 1, 1, 1, 90.0, 90.0)]
    assert attribution(root) == {"markov": {"chat": 0.4, "web": 0.6}}


def test_a_lake_without_journeys_is_told(tmp_path: FilePath) -> None:
    for ask in (paths, funnel, attribution):
        with pytest.raises(TableMissing, match="lake run all"):
            ask(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["show", "person.a"], "bought"),
        (["paths", "--by", "stage", "--from", "browse", "--to", "pay"], "browse › pay"),
        (["funnel"], "1.5 min"),
        (["attribution"], "0.6"),
        (["friction"], "1.5 min"),
    ],
)
def test_commands_show_it(home: FilePath, command: list[str], shown: str) -> None:
    result = CliRunner().invoke(app, ["journeys", *command, "--home", str(home)])
    assert result.exit_code == 0, result.output
    assert shown in result.output
