"""`mangrove ml` as its users call it: what is told, and what bad input is answered."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.installation import install
from services.ml_commands import app
from tests.unit.ml.moments import moments, write_features
from tests.unit.ml.satisfaction.made_up import dialogues

SECRET = "plaintext-nobody-may-see"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "home"
    installed = install(folder, source="web").home
    write_features(Path(installed.lake_root), moments(6000, people=5000))
    return folder


@pytest.fixture(scope="module")
def trained(home) -> Result:
    return ask("train", "handover", "--home", home)


def ask(*words: object) -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    assert SECRET not in done.output
    return done


def told(folder: Path, lines: list[dict[str, object]] | bytes) -> Path:
    file = folder / "given.jsonl"
    file.write_bytes(lines if isinstance(lines, bytes) else b"\n".join(json.dumps(line).encode() for line in lines))
    return file


def written(folder: Path, seed: int) -> Path:
    """A file of dialogues, of other customers for each seed."""
    file = folder / f"{seed}.jsonl"
    lines = [
        {
            "dialogue_id": one.dialogue_id,
            "turns": [{"user": t.user, "agent": t.agent, "satisfaction": t.satisfaction} for t in one.turns],
        }
        for one in dialogues(12, seed=seed)
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return file


def test_a_training_shows_the_model_beside_its_rivals_and_is_not_repeated(home, trained):
    assert trained.exit_code == 0
    for word in ("version 1", "majority", "rule", "linear", "auc"):
        assert word in trained.output
    again = ask("train", "handover", "--home", home)
    assert again.exit_code == 0
    assert "Nothing to do: version 1" in again.output


def test_report_and_evaluation_show_the_champion(home, trained):
    report = ask("report", "handover", "--card", "--home", home)
    assert report.exit_code == 0
    assert "Hand-over" in report.output
    assert "version 1, the champion" in ask("evaluate", "task", "handover", "--home", home).output
    assert ask("retrain", "handover", "--home", home).exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "fortune"), "no such task"),
        (("train", "journey_outcome"), "mangrove lake run"),
        (("promote", "handover", "77"), "no version 77"),
        (("promote", "handover", "--roll-back"), "no champion of handover before"),
        (("evaluate", "task", "resolution"), "no champion"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(home, trained, words, sentence):
    done = ask(*words, "--home", home)
    assert done.exit_code == 1
    assert sentence in done.output.lower().replace("\n", " ")


def test_without_a_version_nothing_is_promoted(home, trained):
    done = ask("promote", "handover", "--home", home)
    assert done.exit_code == 2
    assert "--roll-back" in done.output


def test_satisfaction_is_measured_by_folds_and_on_a_file(tmp_path):
    first, second, third = (written(tmp_path, seed) for seed in (1, 2, 3))
    folds = ask("evaluate", "satisfaction", "--train", first)
    assert folds.exit_code == 0
    for word in ("five folds by dialogue", "five folds by conversation", "majority", "kappa", "dissatisfied within"):
        assert word in folds.output
    on_file = ask("evaluate", "satisfaction", "--train", first, "--test", second, "--also", third)
    assert on_file.exit_code == 0
    assert "the test file" in on_file.output


def test_a_test_file_that_was_learned_from_is_told(tmp_path):
    first = written(tmp_path, 1)
    done = ask("evaluate", "satisfaction", "--train", first, "--test", first)
    assert "12 of 12 dialogues" in " ".join(done.output.split())


def test_a_private_training_tells_its_guarantee(home, trained):
    done = ask("train", "handover", "--epsilon", 2, "--home", home)
    assert "epsilon 2 at delta 1e-06" in " ".join(done.output.split())


def test_where_nothing_was_trained_no_guarantee_is_told(tmp_path):
    install(tmp_path / "home", source="web")
    done = ask("train", "handover", "--epsilon", 2, "--home", tmp_path / "home")
    assert done.exit_code == 1
    assert "gold.features is not there yet" in done.output
    assert "guarantee" not in done.output.lower()


def test_a_call_log_without_names_of_columns_is_not_repeated(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text(f"2026-01-05 08:01:21,{SECRET},5,no\n2026-01-05 08:02:21,other,7,yes\n")
    done = ask("evaluate", "events", "--events", file, "--target", "abandoned")
    assert done.exit_code == 1
    assert "first line" in done.output


def test_pages_on_a_port_that_is_taken_are_refused(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ask("ui", "--home", home, "--port", taken.getsockname()[1])
    assert done.exit_code == 1
    assert "in use" in done.output


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\xff\xfe not text " + SECRET.encode(),
        b"{" + SECRET.encode(),
        b"[1, 2]",
        json.dumps({"dialogue_id": SECRET, "turns": SECRET}).encode(),
        json.dumps({"dialogue_id": "d", "turns": [{"user": SECRET, "agent": "", "satisfaction": 9}]}).encode(),
        json.dumps({"dialogue_id": "d", "turns": [{"user": SECRET, "agent": "", "satisfaction": None}]}).encode(),
        json.dumps({"dialogue_id": "d", "turns": [{"user": SECRET, "agent": "", "satisfaction": 1}]}).encode(),
    ],
)
def test_files_that_hold_no_judged_dialogues_are_refused(given, tmp_path):
    done = ask("evaluate", "satisfaction", "--train", told(tmp_path, given))
    assert done.exit_code == 1
    assert done.output.strip()


def test_a_file_that_is_not_there_is_told(tmp_path):
    done = ask("evaluate", "satisfaction", "--train", tmp_path / SECRET)
    assert done.exit_code == 1
    assert "cannot be read" in done.output
