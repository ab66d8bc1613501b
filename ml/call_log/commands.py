"""The command that evaluates a foreign call log: `events` is mounted as `mangrove ml evaluate events`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ml.commands import console, metrics_table, told_in_one_sentence


def events(
    events: Annotated[Path, typer.Option(help="a CSV file with one call a row")],
    target: Annotated[str, typer.Option(help="the column to predict, such as abandoned")],
    time: Annotated[str | None, typer.Option(help="the column of times or days; looked for if not given")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="a column not to look at; may be repeated")] = None,
    positive: Annotated[str | None, typer.Option(help="the target's value that is predicted")] = None,
    country: Annotated[str, typer.Option(help="whose public holidays to know: CN, US …; none if not given")] = "",
) -> None:
    """Predict a column of a foreign call log and forecast its contacts per half hour, beside baselines."""
    from ml.call_log.evaluation import Question, evaluate_events

    question = Question(target, time, tuple(ignore or ()), positive, country)
    with told_in_one_sentence(), console.status("reading, learning and forecasting …"):
        found = evaluate_events(events, question)
    console.print(
        f"{found.calls:,} calls used, {found.dropped:,} without a time or a target left out; the target came in "
        f"{found.share:.1%}. They arrived at {escape(' and '.join(found.arrival))}."
    )
    console.print(_columns(found.used, found.late, found.left_out))
    console.print(metrics_table(f"{escape(target)}, last fifth of the calls", found.prediction.metrics))
    console.print(f"The model is a {found.prediction.chosen}; the rule goes by {escape(found.prediction.rule)}.")
    if found.volume is None:
        console.print("No forecast: it needs four weeks of calls with the time of day.")
        return
    table = Table(
        "", "WAPE", "WAPE of busy half hours", title=f"contacts per half hour, {found.volume.weeks} weeks held out"
    )
    for name, error_of in found.volume.wapes.items():
        table.add_row(name, f"{error_of:.4f}", f"{found.volume.busy[name]:.4f}")
    console.print(table)
    console.print(f"{found.volume.coverage:.1%} of the half hours fell into their 80 % interval.")


def _columns(used: tuple[str, ...], late: tuple[str, ...], left_out: Mapping[str, str]) -> Table:
    table = Table("column", "what became of it", title="columns")
    for name in dict.fromkeys(used):
        table.add_row(
            escape(name), "used, though known only later: --ignore it to predict on arrival" if name in late else "used"
        )
    for name, reason in left_out.items():
        table.add_row(escape(name), f"left out: {escape(reason)}")
    return table
