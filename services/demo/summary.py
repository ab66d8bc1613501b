"""The demo's figures as tables in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ml.train import Training
from services.demo.report import PrivateAnswer, ReportSummary


def print_summary(
    console: Console, summary: ReportSummary, trainings: Sequence[Training], answers: Sequence[PrivateAnswer]
) -> None:
    """Show what became of the events, how good identity and model are, and what the partner was told."""
    console.print(_figures(summary, trainings))
    for answer in answers:
        console.print(_answer(answer))


def _figures(summary: ReportSummary, trainings: Sequence[Training]) -> Table:
    shown = Table("what", "figure", title="Mangrove, from raw events to private answers")
    seconds = sum(stage.seconds for stage in summary.stages)
    shown.add_row("events sent", f"{summary.sent:,} in {seconds:.0f} s for all stages")
    shown.add_row(
        "verdicts",
        f"{summary.accepted:,} accepted, {summary.duplicates:,} duplicate, {summary.refused_invalid:,} invalid, "
        f"{summary.refused_consent:,} without consent",
    )
    if summary.identity is not None:
        scores = summary.identity
        shown.add_row(
            "identity against the truth",
            f"F1 {scores.f1:.4f}, precision {scores.precision:.4f}, recall {scores.recall:.4f} over pairs of events",
        )
    for model in summary.models:
        shown.add_row(f"hand-over: {model.name}", f"AUC {model.auc:.3f}, log loss {model.log_loss:.3f}")
    for training in trainings:
        shown.add_row(f"gate: {training.task}", training.sentence)
    shown.add_row(
        "planted personal data found on disk", f"{summary.planted_found:,} of {summary.planted:,} written forms"
    )
    return shown


def _answer(answer: PrivateAnswer) -> Table:
    shown = Table("group", "answer", "95 % interval", title=answer.title)
    for key, value, low, high in zip(answer.keys, answer.values, answer.lows, answer.highs, strict=True):
        shown.add_row(key, f"{value:,.0f}", f"{low:,.0f} … {high:,.0f}")
    shown.caption = (
        f"rho {answer.rho:.4f}, epsilon {answer.epsilon:.2f} at delta {answer.delta:g}, K {answer.k}, L {answer.l}; "
        f"left: {answer.budget_left}"
    )
    return shown
