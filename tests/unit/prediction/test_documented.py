"""The conversation that docs/predictions.md shows is one that is answered, and its settings are settings."""

import re
import tomllib
from pathlib import Path
from typing import Any

from mangrove.prediction.v1 import prediction_pb2
from services.prediction import wire
from services.settings import Settings

DOCS = (Path(__file__).parents[3] / "docs/predictions.md").read_text()


def shown(language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, flags=re.DOTALL)[0]


def test_the_documented_events_break_no_rule() -> None:
    told: dict[str, Any] = {}
    lines = [line for line in shown("python").partition("with PredictionClient")[0].splitlines() if "key" not in line]
    exec("\n".join(lines), told)
    asked = wire.asked_from_proto(prediction_pb2.PredictRequest(conversation_id="talk-7", events=told["events"]))
    assert [event.party for event in asked.events] == ["customer", "bot", "customer"]


def test_the_documented_settings_are_the_defaults() -> None:
    assert Settings.model_validate(tomllib.loads(shown("toml"))) == Settings()
