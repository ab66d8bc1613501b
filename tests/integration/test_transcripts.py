"""Real dialogues through the collector: each turn arrives in silver."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from privacy.pseudonyms import Pseudonymiser
from services.adapters.transcripts import TranscriptMalformed, read_transcripts
from services.collector.bootstrap import lander_at
from services.keys import key_provider
from services.settings import Home
from spark_jobs.lake import tables
from spark_jobs.lake.io import Lake
from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.pipeline import run
from tests.servers import collecting, new_home

REAL = Path(__file__).parents[3] / "shared/data/satisfaction_jddc.jsonl"
START = datetime(2026, 1, 5, tzinfo=UTC)


ALLOWED = ("--purpose", "service", "--purpose", "analytics", "--purpose", "learning")


def import_file(home: Home, file: Path, *allowed: str) -> str:
    arguments = ["import", "transcripts", str(file), "--home", str(home.folder), "--source", "web", *allowed]
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], capture_output=True, check=True, text=True, timeout=300
    ).stdout


def expected_turns(file: Path) -> dict[str, list[tuple[int, str]]]:
    """For each dialogue (turn, party) of every text that is not empty, in order."""
    dialogues = [json.loads(line) for line in file.read_text().splitlines() if line]
    return {
        d["dialogue_id"]: [
            (number, party)
            for number, turn in enumerate(d["turns"], 1)
            for party, text in (("customer", turn["user"]), ("agent", turn["agent"]))
            if text
        ]
        for d in dialogues
    }


def check_arrival(file: Path, home: Home, spark: SparkSession) -> None:
    with collecting(home):
        assert "ACCEPTED" not in import_file(home, file)  # nobody said that the customers allowed it
        import_file(home, file, *ALLOWED)
        again = import_file(home, file, *ALLOWED)
    assert "ACCEPTED" not in again
    lander_at(home).drain()
    run(["refine"], Lake(spark, home.lake_root))
    columns = ["conversation_id", "event_type", "turn", "party", "event_at"]
    silver = read_snapshot(home.lake_root, tables.SILVER_EVENTS, columns).rows.to_pandas()
    messages = silver[silver["event_type"] == "message_sent"].sort_values("event_at")
    token = Pseudonymiser(key_provider(home)).token
    arrived = {
        conversation: list(zip(rows["turn"].astype(int), rows["party"], strict=True))
        for conversation, rows in messages.groupby("conversation_id")
    }
    assert arrived == {token("conversation", d): turns for d, turns in expected_turns(file).items()}


@pytest.mark.slow
@pytest.mark.spark
def test_all_real_dialogues_arrive_turn_for_turn(tmp_path: Path, spark: SparkSession) -> None:
    if not REAL.exists():
        pytest.skip("the real dialogues are not here; the generated ones are tested in any case")
    assert len(expected_turns(REAL)) == 1693
    check_arrival(REAL, new_home(tmp_path), spark)


@pytest.mark.spark
def test_generated_dialogues_arrive_turn_for_turn(tmp_path: Path, spark: SparkSession) -> None:
    file = tmp_path / "dialogues.jsonl"
    lines = [
        {
            "dialogue_id": f"d-{n}",
            "turns": [
                {"user": f"问题 {t}", "agent": "" if t % 3 else "好的", "satisfaction": t % 3} for t in range(n + 1)
            ],
        }
        for n in range(20)
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    check_arrival(file, new_home(tmp_path / "home"), spark)


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "{}",
        '{"dialogue_id": 1, "turns": []}',
        '{"dialogue_id": "d", "turns": [{"user": 1, "agent": ""}]}',
        '{"dialogue_id": "d", "turns": [{"user": "a", "agent": "", "satisfaction": 7}]}',
    ],
)
def test_a_line_that_is_no_dialogue_is_told_by_its_number(line: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"dialogue_id": "d", "turns": []}\n' + line)
    with pytest.raises(TranscriptMalformed, match="Line 2"):
        list(read_transcripts(file, START, []))
