"""Keeps the time and the rows of the demo's stages, and shows which one runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from services.demo.report import StageRow


class Stages:
    """The stages of a run, in their order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.rows: list[StageRow] = []

    @contextmanager
    def stage(self, name: str) -> Iterator["Stage"]:
        """Run a stage: show that it runs, then its rows and seconds."""
        started = time.perf_counter()
        with self._console.status(f"{name} …") as status:
            stage = Stage(lambda text: status.update(f"{name} … {text}"))
            yield stage
        self.add(name, stage.rows, time.perf_counter() - started)

    def add(self, name: str, rows: int | None, seconds: float) -> None:
        """Note a stage that ran."""
        self.rows.append(StageRow(name, rows, seconds))
        told = "" if rows is None else f"{rows:>9,} rows"
        self._console.print(f"  [green]✓[/green] {name:<22}{seconds:7.1f} s  {told}")


@dataclass(slots=True)
class Stage:
    """A stage that runs: `tell` shows how far it is, `rows` is what it wrote."""

    tell: Callable[[str], None]
    rows: int | None = None
