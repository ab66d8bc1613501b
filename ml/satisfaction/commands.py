"""`mangrove ml evaluate satisfaction`: how well satisfaction is told, on dialogues from a file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.commands import console, metrics_table, told_in_one_sentence

if TYPE_CHECKING:
    from ml.satisfaction.ahead import AheadResult
    from ml.satisfaction.evaluation import Result

Train = Annotated[Path, typer.Option(help="dialogues to learn from: JSON lines with a satisfaction at some turns")]
Also = Annotated[
    list[Path] | None, typer.Option(help="more dialogues to learn from, never measured on; may be given several times")
]
Test = Annotated[Path | None, typer.Option(help="dialogues to measure on; without it, five folds of the others")]


def evaluate_satisfaction(train: Train, test: Test = None, also: Also = None) -> None:
    """Learn the satisfaction of every turn from dialogues, and measure it beside majority, rule and linear baselines.

    Dissatisfaction ahead is measured, too. Without --test, five folds are measured: by dialogue, and by conversation,
    which is stricter where dialogues are overlapping windows of one.
    """
    from ml.satisfaction.ahead import cross_validate_ahead, evaluate_ahead
    from ml.satisfaction.dialogues import NothingLabelled, read_dialogues, strangers
    from ml.satisfaction.evaluation import cross_validate, evaluate
    from ml.satisfaction.moments import CONVERSATION, DIALOGUE

    with told_in_one_sentence():
        dialogues = read_dialogues(train)
        more = [dialogue for file in also or [] for dialogue in read_dialogues(file)]
        if test is not None:
            others = read_dialogues(test)
            known = [*dialogues, *strangers(more, others)]
            if shared := len(dialogues) - len(strangers(dialogues, others)):
                console.print(
                    f"[yellow]{shared} of {len(dialogues)} dialogues to learn from are of conversations in the test "
                    "file, so the figures flatter. Leave them out to know how others are told.[/yellow]"
                )
            with console.status("learning …"):
                _show(evaluate(known, others), "the test file")
            try:
                with console.status("looking ahead …"):
                    _show_ahead(evaluate_ahead(known, others), "the test file")
            except NothingLabelled as error:
                console.print(f"[yellow]Dissatisfaction ahead was not measured. {error.sentence}[/yellow]")
            return
        for by in (DIALOGUE, CONVERSATION):
            how = f"five folds by {by.removesuffix('_id')}"
            with console.status("learning …"):
                _show(cross_validate(dialogues, by, also=more), how)
            with console.status("looking ahead …"):
                _show_ahead(cross_validate_ahead(dialogues, by, also=more), how)


def _show(result: "Result", how: str) -> None:
    title = f"satisfaction: {result.turns} turns of {result.conversations} conversations, {how}"
    console.print(metrics_table(title, {name: asdict(one) for name, one in result.by_model.items()}))


def _show_ahead(result: "AheadResult", how: str) -> None:
    title = f"dissatisfied within three turns: {result.share:.1%} of {result.moments} moments, {how}"
    console.print(metrics_table(title, result.by_model))
