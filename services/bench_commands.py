"""`mangrove bench`: how much personal data is found, and how well people are told apart, on your labelled files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.identity.bench import identity

if TYPE_CHECKING:
    from privacy.masking.evaluation.run import Evaluation

app = typer.Typer(no_args_is_help=True, help="Measure masking and identity on labelled files.")


@app.callback()
def _bench() -> None:
    """Measure masking and identity on labelled files."""


app.command(epilog="Example: mangrove bench identity --records people.csv --truth person --against splink")(identity)


@app.command(epilog="Example: mangrove bench masking --labelled chats.jsonl > figures.jsonl")
def masking(
    labelled: Annotated[
        Path | None,
        typer.Option(help='JSON lines {"text", "spans": [{"start", "end", "entity"}]}; generated texts by default.'),
    ] = None,
    stock: Annotated[bool, typer.Option(help="Run stock Presidio beside it, which is slow.")] = True,
    seed: Annotated[int, typer.Option(help="The same seed generates the same texts.")] = 11,
    size: Annotated[int, typer.Option(min=1, max=200_000, help="How many texts are generated.")] = 4000,
    disguised: Annotated[bool, typer.Option(help="Write each generated value in a disguise.")] = False,
    write: Annotated[Path | None, typer.Option(help="Also write the generated texts to this file.")] = None,
) -> None:
    """Print scores of each kind as JSON lines, and a table to standard error. Spans and kinds must match exactly."""
    from privacy.masking.evaluation import run
    from privacy.masking.evaluation.generated import generate
    from privacy.masking.evaluation.labelled import read_labelled, write_labelled

    if labelled is not None:
        name, texts = labelled.name, read_labelled(labelled)
    else:
        name, texts = "generated, disguised" if disguised else "generated", generate(seed, size, disguised=disguised)
        if write is not None:
            write_labelled(texts, write)
    evaluations = [run.evaluate(name, run.MANGROVE, run.mangrove_finder(), texts)]
    if stock:
        evaluations.append(run.evaluate(name, run.STOCK_PRESIDIO, run.stock_finder(), texts))
    for evaluation in evaluations:
        for line in evaluation.lines():
            typer.echo(json.dumps(line, ensure_ascii=False))
    if labelled is None and not disguised:
        typer.echo(json.dumps(evaluations[0].goals(), ensure_ascii=False))
    _show(evaluations)


@app.command(epilog="Example: mangrove bench convert synth_dataset_v2.json labelled.jsonl")
def convert(
    source: Annotated[Path, typer.Argument(help="A list in presidio-research's format, or of one span each.")],
    target: Annotated[Path, typer.Argument(help="The JSON lines to write; kinds get our names where known.")],
) -> None:
    """Turn a labelled set of another format into JSON lines for `bench masking --labelled`."""
    from privacy.masking.evaluation.labelled import read_labelled, write_labelled

    texts = read_labelled(source)
    write_labelled(texts, target)
    typer.echo(f"{len(texts)} texts with {sum(len(text.spans) for text in texts)} spans: {target}")


def _show(evaluations: "Sequence[Evaluation]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True)
    for evaluation in evaluations:
        seconds = f"{evaluation.texts} texts in {evaluation.seconds:.2f} s"
        table = Table(title=f"{evaluation.engine} on {evaluation.set_name}: {seconds}", title_justify="left")
        table.add_column("entity", no_wrap=True, min_width=16)
        for heading in ("support", "found", "precision", "recall", "F2", "readable"):
            table.add_column(heading, justify="right")
        for score in evaluation.entities:
            readable = evaluation.leak.by_entity[score.entity]
            shares = (f"{share:.3f}" for share in (score.precision, score.recall, score.f2, readable))
            table.add_row(score.entity, str(score.support), str(score.predicted), *shares)
        table.add_section()
        table.add_row("all characters", str(evaluation.leak.characters), *("",) * 4, f"{evaluation.leak.share:.3f}")
        console.print(table)
