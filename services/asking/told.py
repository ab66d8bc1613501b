"""Tells what the service says as JSON, for programs; `tables.py` has the same functions for people."""

import json
from dataclasses import asdict
from typing import Any

import typer

from services.clients.answers import Answer, Budget, Description, Preview
from services.clients.audits import PublishedAudit


def datasets(found: dict[str, str]) -> None:
    """Tell the datasets there are: name → what a row is."""
    _print(found)


def description(described: Description, budget: Budget, audit: PublishedAudit | None) -> None:
    """Tell what can be asked about a dataset, what is left to ask with, and what was measured of the noise."""
    measured = None if audit is None else {**asdict(audit.measured), "running_code": audit.running_code}
    _print({**asdict(described), "budget": asdict(budget), "measured": measured})


def preview(found: Preview, budget: Budget) -> None:
    """Tell what a question would cost and how exact it would be."""
    _print({**asdict(found), "budget": asdict(budget)})


def answer(given: Answer, budget: Budget) -> None:
    """Tell an answer, one object a group, with its guarantee and what is left."""
    dropped = None if given.dropped_share is None else asdict(given.dropped_share)
    told = {"rows": given.frame.to_dict("records"), "guarantee": asdict(given.guarantee)}
    _print({**told, "reused": given.reused, "dropped_share": dropped, "budget": asdict(budget)})


def _print(told: Any) -> None:
    typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
