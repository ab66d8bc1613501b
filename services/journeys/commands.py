"""`mangrove journeys`: a person's way, the ways of all, how far they come, and what purchases are owed to."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(no_args_is_help=True, help="Journeys: one person's, the ways of all, funnel and attribution.")

_MODELS = ("first", "last", "linear", "time_decay", "markov", "shapley")


class By(Enum):
    """What a place on a way is."""

    CHANNEL = "channel"
    STAGE = "stage"


@app.callback()
def _journeys() -> None:
    """Journeys: one person's, the ways of all, funnel and attribution."""


@app.command(epilog="Example: mangrove journeys show person.0123 --home .mangrove")
def show(
    name: Annotated[str, typer.Argument(help="A person id or a journey id.")], home: HomeOption = DEFAULT_HOME
) -> None:
    """Show the steps of a journey, or of all journeys of a person."""
    from rich.console import Console
    from rich.table import Table

    from services.journeys.queries import steps_of

    table = Table("journey", "ends", "step", "channel", "stage", "since (UTC)", "dwell", "events")
    before = ""
    for step in steps_of(_root(home), name):
        is_new, before = step.journey_id != before, step.journey_id
        table.add_row(
            step.journey_id if is_new else "",
            step.outcome if is_new else "",
            str(step.step),
            step.channel,
            step.stage,
            f"{step.started_at:%Y-%m-%d %H:%M:%S}",
            _time(step.dwell_s),
            str(step.events),
        )
    Console().print(table)


@app.command(epilog="Example: mangrove journeys paths --by stage --from browse --to agent")
def paths(
    home: HomeOption = DEFAULT_HOME,
    by: Annotated[By, typer.Option(help="What a place on the way is.")] = By.CHANNEL,
    start: Annotated[str, typer.Option("--from", help="Where ways begin; where journeys do.")] = "",
    end: Annotated[str, typer.Option("--to", help="Where ways end; where journeys do.")] = "",
    without: Annotated[list[str] | None, typer.Option(help="A place to pass over; may be given again.")] = None,
    last: Annotated[int, typer.Option(min=0, help="How many of the last places to keep; 0 for all.")] = 0,
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many ways to show.")] = 20,
) -> None:
    """Show the commonest ways, repeats being one: all of a journey, or from one place to another."""
    from rich.console import Console
    from rich.table import Table

    from services.journeys import queries

    table = Table("way", "people", "journeys", "times", "bought")
    cleaning = queries.Cleaning(tuple(without or ()), last)
    for way in queries.paths(_root(home), by.value, start=start, end=end, most=most, cleaning=cleaning):
        table.add_row(way.path, f"{way.people:,}", f"{way.journeys:,}", f"{way.times:,}", f"{way.bought:,}")
    Console().print(table)


@app.command(epilog="Example: mangrove journeys funnel --home .mangrove")
def funnel(home: HomeOption = DEFAULT_HOME) -> None:
    """Show how far journeys come on the way to a purchase, and how long each stage takes."""
    from rich.console import Console
    from rich.table import Table

    from services.journeys import queries

    table = Table(
        "stage", "journeys", "people", "dropped before it", "median time from the stage before", "from the first"
    )
    for stage in queries.funnel(_root(home)):
        table.add_row(
            stage.stage,
            f"{stage.journeys:,}",
            f"{stage.people:,}",
            f"{stage.dropped:,}",
            _time(stage.median_s),
            _time(stage.since_first_s),
        )
    Console().print(table)


@app.command(epilog="Example: mangrove journeys friction --home .mangrove")
def friction(home: HomeOption = DEFAULT_HOME) -> None:
    """Show how journeys fare where they change channel: loops, stages gone through again, journeys abandoned."""
    from rich.console import Console
    from rich.table import Table

    from services.journeys import queries

    table = Table("from", "to", "changes", "journeys", "back and forth", "same stage", "abandoned", "median gap")
    for pair in queries.friction(_root(home)):
        counts = (pair["changes"], pair["journeys"], pair["back_and_forths"], pair["same_stage"], pair["abandoned"])
        table.add_row(
            pair["from_channel"], pair["to_channel"], *(f"{count:,}" for count in counts), _time(pair["median_gap_s"])
        )
    Console().print(table)


@app.command(epilog="Example: mangrove journeys attribution --home .mangrove")
def attribution(home: HomeOption = DEFAULT_HOME) -> None:
    """Show which channels purchases are owed to, by six models."""
    from rich.console import Console
    from rich.table import Table

    from services.journeys import queries

    owed = queries.attribution(_root(home))
    table = Table("channel", *_MODELS, title="Purchases owed to each channel")
    for channel in sorted({channel for of_model in owed.values() for channel in of_model}):
        table.add_row(channel, *(f"{owed.get(model, {}).get(channel, 0.0):,.1f}" for model in _MODELS))
    Console().print(table)


def _root(home: "Path") -> str:
    from services.settings import Home

    return Home(home).lake_root


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.1f} days"
