"""`mangrove ml evaluate satisfaction`: how well satisfaction is told, on dialogues from a file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.commands import console, metrics_table, told_in_one_sentence

if TYPE_CHECKING:
    from ml.satisfaction.evaluation import Result

Train = Annotated[Path, typer.Option(help="dialogues to learn from: JSON lines with a satisfaction at some turns")]
Test = Annotated[Path | None, typer.Option(help="dialogues to measure on; without it, five folds of the others")]


def evaluate_satisfaction(train: Train, test: Test = None) -> None:
    """Learn the satisfaction of every turn from dialogues, and measure it beside majority, rule and linear baselines.

    Without --test, five folds are measured: by dialogue, and by conversation, which is stricter where dialogues are
    overlapping windows of one; and dissatisfaction ahead, too.
    """
    from ml.satisfaction.ahead import cross_validate_ahead
    from ml.satisfaction.dialogues import read_dialogues
    from ml.satisfaction.evaluation import cross_validate, evaluate
    from ml.satisfaction.moments import CONVERSATION, DIALOGUE

    with told_in_one_sentence():
        dialogues = read_dialogues(train)
        if test is not None:
            with console.status("learning …"):
                _show(evaluate(dialogues, read_dialogues(test)), "the test file")
            return
        for by in (DIALOGUE, CONVERSATION):
            how = f"five folds by {by.removesuffix('_id')}"
            with console.status("learning …"):
                result = cross_validate(dialogues, by)
            _show(result, how)
            with console.status("looking ahead …"):
                ahead = cross_validate_ahead(dialogues, by)
            title = f"dissatisfied within three turns: {ahead.share:.1%} of {ahead.moments} moments, {how}"
            console.print(metrics_table(title, ahead.by_model))


def _show(result: "Result", how: str) -> None:
    title = f"satisfaction: {result.turns} turns of {result.conversations} conversations, {how}"
    console.print(metrics_table(title, {name: asdict(one) for name, one in result.by_model.items()}))
