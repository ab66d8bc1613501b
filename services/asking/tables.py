"""Shows what the service says as tables; `told.py` has the same functions for programs."""

import math
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.clients.answers import Answer, Budget, Column, Description, Preview
from services.clients.audits import PublishedAudit

_BAR = 28
_WIDE = 3
"""From so many numbers a group on, each has a line of its own."""


def datasets(found: dict[str, str]) -> None:
    """Show the datasets there are."""
    table = Table("dataset", "what a row is")
    for name, meaning in found.items():
        table.add_row(_plain(name), _plain(meaning))
    Console().print(table)


def description(described: Description, budget: Budget, audit: PublishedAudit | None) -> None:
    """Show what can be asked about a dataset, what is left to ask with, and what was measured of the noise."""
    table = Table("column", "type", "values", "what it is", title=_plain(described.meaning))
    for column in described.columns:
        table.add_row(_plain(column.name), column.type, _plain(_values(column)), _plain(column.meaning))
    Console().print(table)
    k, rows = described.max_groups_per_person, described.max_rows_per_group
    typer.echo(f"one person counts in at most {k} groups, with at most {rows} rows in each; delta {described.delta:g}")
    typer.echo(_left(budget))
    typer.echo(audit.sentence() if audit else "measured: nothing is published")


def _values(column: Column) -> str:
    if column.type == "int":
        return f"{column.low} to {column.high}" + (f", {len(column.bins)} bins" if column.bins else "")
    return "unknown: found in the data" if column.unknown else ", ".join(column.public_values) or "of the window"


def preview(found: Preview, budget: Budget) -> None:
    """Show what a question would cost and how exact it would be."""
    table = Table("measure", "noise (sd)", "error at 95 %", title="What it would cost")
    for noise in found.noise:
        error = f"± {_rounded(noise.half_width, noise.half_width)}" if noise.half_width else "depends on the data"
        table.add_row(_plain(noise.measure), f"{noise.scale:,.1f}", error)
    Console().print(table)
    groups = f"{found.groups} groups" if found.groups else f"groups of about {found.threshold} people and more"
    typer.echo(f"{groups}, for {_cost(found.rho, found.epsilon, found.delta)}; nothing was asked")
    typer.echo(f"with it, epsilon of all that was asked is {found.epsilon_after:.3f}")
    often = int(budget.left / found.rho)
    typer.echo(f"{_left(budget)}: enough for {often:,} of it" if found.affordable else f"{_left(budget)}: not enough")


def answer(given: Answer, budget: Budget) -> None:
    """Show an answer with its error bars, what it cost and what is left."""
    guarantee = given.guarantee
    title = f"{guarantee.dataset}, version {guarantee.table_version}"
    Console().print(_long(given, title) if len(given.measures) > _WIDE else _short(given, title))
    if given.dropped_share is not None:
        share = given.dropped_share
        typer.echo(f"rows dropped by the bounds: {share.value:.1%}, from {share.low:.1%} to {share.high:.1%}")
    k, rows = guarantee.max_groups_per_person, guarantee.max_rows_per_group
    typer.echo(f"intervals hold the noise 95 times in 100; one person counts in {k} groups with {rows} rows at most")
    cost = _cost(guarantee.rho, guarantee.epsilon, guarantee.delta)
    typer.echo(f"paid for before with {cost}: it cost nothing now" if given.reused else f"cost {cost}")
    typer.echo(_left(budget))


def _short(given: Answer, title: str) -> Table:
    """One line a group: each number with its interval, and the first drawn with its error bar."""
    first = given.measures[0]
    shown = [part for measure in given.measures for part in (measure, "95 % interval")]
    table = Table(*given.keys, *shown, f"{first}, drawn", title=_plain(title))
    for column in table.columns[len(given.keys) : -1]:
        column.justify = "right"
    rows = given.frame.to_dict("records")
    ends = (
        min((row[f"{first}_low"] for row in rows), default=0),
        max((row[f"{first}_high"] for row in rows), default=0),
    )
    for row in rows:
        cells = [cell for measure in given.measures for cell in _number(row, measure)]
        bar = _drawn(row[f"{first}_low"], row[first], row[f"{first}_high"], ends)
        table.add_row(*(_plain(str(row[key])) for key in given.keys), *cells, bar)
    return table


def _long(given: Answer, title: str) -> Table:
    """One line a number."""
    table = Table(*given.keys, "measure", "estimate", "95 % interval", title=_plain(title))
    for row in given.frame.to_dict("records"):
        for measure in given.measures:
            keys = (_plain(str(row[key])) for key in given.keys)
            table.add_row(*keys, measure, *_number(row, measure))
    return table


def _number(row: dict[Any, Any], measure: str) -> tuple[str, str]:
    value, low, high = row[measure], row[f"{measure}_low"], row[f"{measure}_high"]
    width = (high - low) / 2
    return _rounded(value, width), f"{_rounded(low, width)} to {_rounded(high, width)}"


def _rounded(number: float, error: float) -> str:
    """Write a number with two digits of its error and no more."""
    decimals = 0 if error <= 0 else min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{number:,.{decimals}f}"


def _drawn(low: float, value: float, high: float, ends: tuple[float, float]) -> str:
    start, end = min(0.0, ends[0]), ends[1]
    if end <= start:
        return ""
    at = [round((place - start) / (end - start) * (_BAR - 1)) for place in (low, value, high)]
    cells = [" "] * _BAR
    cells[at[0] : at[2] + 1] = "├" + "─" * (at[2] - at[0] - 1) + "┤" if at[2] > at[0] else "│"
    cells[at[1]] = "●"
    return "".join(cells).rstrip()


def _cost(rho: float, epsilon: float, delta: float) -> str:
    return f"rho {_rho(rho)} (epsilon {epsilon:.3f} at delta {delta:g})"


def _left(budget: Budget) -> str:
    until = f" until {budget.renewed_on}" if budget.renewed_on else ""
    return f"rho {_rho(budget.left)} of {_rho(budget.limit)} is left{until}"


def _rho(rho: float) -> str:
    return f"{rho:.9f}".rstrip("0").rstrip(".")


def _plain(text: str) -> Text:
    """What may come from data is printed as it is, and never steers the terminal."""
    return Text("".join(letter if letter.isprintable() else "�" for letter in text))
