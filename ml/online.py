"""Champions in memory, for whoever scores while conversations run; they are followed while the registry changes."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

log = structlog.get_logger()

RETRY_S = 60.0
"""After so many seconds a version that could not be loaded is tried again."""


class Release(Protocol):
    """A model with its version, as the registry gives it."""

    @property
    def model(self) -> Any:
        """The fitted model."""
        ...

    @property
    def version(self) -> int:
        """Its version, from 1."""
        ...


class Releases(Protocol):
    """What is asked of a task's registry; `ml.registry.Registry` answers it."""

    def champion_version(self) -> int | None:
        """Return the champion's version, None if there is none; a cheap look."""
        ...

    def champion(self) -> Release:
        """Load the champion."""
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """A champion in memory: the model, its version, and since when it answers, UTC."""

    model: Any
    version: int
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class Lineup:
    """Which models answer at one moment; it never changes, so that one request is answered by one.

    Attributes:
        loaded: The models by the names of their tasks; a task without a champion is not among them.
        failed: Champions' versions that could not be loaded, by task; what is loaded goes on answering.
    """

    loaded: Mapping[str, Loaded] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)


class Champions:
    """The champions of some tasks.

    A new champion is loaded and tried out beside the old one, then takes its place at once. One that cannot be loaded,
    or that fails when it is tried out, leaves the old one where it is.

    Args:
        releases: The registry of each task, by name. Models are unpickled, so let it be the installation's own.
        prepare: Makes a model ready to answer, and tries it out; what it raises means that the model is of no use.
    """

    def __init__(self, releases: Mapping[str, Releases], prepare: Callable[[Any], Any]) -> None:
        self._releases = dict(releases)
        self._prepare = prepare
        self._lineup = Lineup()
        self._tried_at: dict[str, float] = {}
        self._looking = threading.Lock()

    def now(self) -> Lineup:
        """Return which models answer now."""
        return self._lineup

    def refresh(self) -> None:
        """Look which versions are champions, and load those that are new; one registry's failure stops no other."""
        with self._looking:
            for name, releases in self._releases.items():
                try:
                    self._follow(name, releases)
                except Exception as error:  # noqa: BLE001 - whatever it is, what answers must go on answering
                    log.warning("registry_not_read", model=name, error_type=type(error).__name__)

    @contextmanager
    def followed(self, every_s: float) -> Iterator[None]:
        """Refresh every so many seconds, from a thread of its own, while the block runs."""
        stop = threading.Event()

        def follow() -> None:
            while not stop.wait(every_s):
                self.refresh()

        thread = threading.Thread(target=follow, name="champions", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _follow(self, name: str, releases: Releases) -> None:
        version = releases.champion_version()
        old = self._lineup.loaded.get(name)
        if version is None or (old is not None and old.version == version):
            self._put(name, old if version is not None else None)
        elif self._lineup.failed.get(name) != version or time.monotonic() - self._tried_at[name] >= RETRY_S:
            self._load(name, version, releases)

    def _load(self, name: str, version: int, releases: Releases) -> None:
        self._tried_at[name] = time.monotonic()
        try:
            champion = releases.champion()
            model = self._prepare(champion.model)
        except Exception as error:  # noqa: BLE001 - unpickling runs anybody's code, and all it raises means the same
            log.error("champion_not_loaded", model=name, version=version, error_type=type(error).__name__)
            self._put(name, self._lineup.loaded.get(name), failed=version)
            return
        self._put(name, Loaded(model, champion.version, datetime.now(UTC)))
        log.info("champion_loaded", model=name, version=champion.version)

    def _put(self, name: str, model: Loaded | None, failed: int | None = None) -> None:
        before = self._lineup
        if before.loaded.get(name) is model and before.failed.get(name) == failed:
            return
        loaded = {**before.loaded, name: model}
        broken = {**before.failed, name: failed}
        self._lineup = Lineup(
            {task: one for task, one in loaded.items() if one is not None},
            {task: one for task, one in broken.items() if one is not None},
        )


def champions_at(mlflow_folder: Path, names: Iterable[str], prepare: Callable[[Any], Any]) -> Champions:
    """Return the champions of the registry below a folder; none is loaded before `refresh`.

    Args:
        mlflow_folder: The installation's own, because what lies there is unpickled.
        names: The tasks.
        prepare: See `Champions`.
    """
    from ml.registry import Registry  # MLflow takes seconds to import

    return Champions({name: Registry(mlflow_folder, name) for name in names}, prepare)
