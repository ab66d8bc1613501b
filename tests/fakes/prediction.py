"""Models without a registry, and a registry without models: both do as they are told."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml.online import Lineup, Loaded, Release, Releases
from services.prediction.ports import Models

LOADED_AT = datetime(2026, 1, 5, tzinfo=UTC)


class FakeModels(Models):
    """Answers with the models that it was given."""

    def __init__(self, models: Mapping[str, Any], failed: Mapping[str, int] | None = None, version: int = 1) -> None:
        loaded = {name: Loaded(model, version, LOADED_AT) for name, model in models.items()}
        self.lineup = Lineup(loaded, failed or {})

    def now(self) -> Lineup:
        return self.lineup


@dataclass(frozen=True, slots=True)
class FakeRelease:
    """A model with its version."""

    model: Any
    version: int


class FakeRegistry(Releases):
    """The registry of one task; a version whose model is an error raises it when it is loaded.

    `gate` holds loading up while it is not set; `unreadable` makes every look fail while it is true.
    """

    def __init__(self, *models: Any) -> None:
        self.models = list(models)
        self.alias: int | None = None
        self.loads: list[int] = []
        self.unreadable = False
        self.gate = threading.Event()
        self.gate.set()

    def promote(self, version: int | None) -> None:
        self.alias = version

    def champion_version(self) -> int | None:
        if self.unreadable:
            raise OSError("the database is locked")
        return self.alias

    def champion(self) -> Release:
        self.gate.wait(30)
        version = self.champion_version()
        assert version is not None
        self.loads.append(version)
        model = self.models[version - 1]
        if isinstance(model, Exception):
            raise model
        return FakeRelease(model, version)
