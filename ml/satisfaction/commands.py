"""The command that shows how well satisfaction is told; the lead command mounts it under `mangrove ml evaluate`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ml.commands import console, metrics_table, told_in_one_sentence

Train = Annotated[Path, typer.Option(help="dialogues to learn from: JSON lines with a satisfaction at some turns")]
Test = Annotated[Path | None, typer.Option(help="dialogues to measure on; without it, five folds of the others")]


def evaluate_satisfaction(train: Train, test: Test = None) -> None:
    """Learn the satisfaction of every turn from dialogues, and measure it beside majority, rule and linear baselines.

    Without --test, five folds that share no conversation are measured, and dissatisfaction ahead, too.
    """
    from ml.satisfaction.ahead import cross_validate_ahead
    from ml.satisfaction.dialogues import read_dialogues
    from ml.satisfaction.evaluation import cross_validate, evaluate

    with told_in_one_sentence():
        dialogues = read_dialogues(train)
        held_out = None if test is None else read_dialogues(test)
        with console.status("learning …"):
            result = cross_validate(dialogues) if held_out is None else evaluate(dialogues, held_out)
    how = "five folds by conversation" if held_out is None else "the test file"
    title = f"satisfaction: {result.turns} turns of {result.conversations} conversations, {how}"
    console.print(metrics_table(title, {name: asdict(one) for name, one in result.by_model.items()}))
    if held_out is None:
        with told_in_one_sentence(), console.status("looking ahead …"):
            ahead = cross_validate_ahead(dialogues)
        title = f"dissatisfied within three turns: {ahead.moments} moments, {ahead.share:.1%} are"
        console.print(metrics_table(title, ahead.by_model))
