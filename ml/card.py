"""The model card: what a model is for, what it was made from, how good it is and what it may not be used for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml.gate import Verdict
from ml.task import Task


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What was measured on held-out rows.

    `metrics` names the model and its rivals; `slices` maps a slice to its measures; `extras` is what the task measures
    beside predictions; `privacy` is the section about privacy, in Markdown, empty if nothing was measured.
    """

    metrics: Mapping[str, Mapping[str, float]]
    slices: Mapping[str, Mapping[str, float]]
    sizes: Mapping[str, int]
    fingerprint: Mapping[str, str]
    learner: str
    extras: Mapping[str, float] = field(default_factory=dict)
    privacy: str = ""


def model_card(task: Task, facts: CardFacts, verdict: Verdict) -> str:
    """Write the card in Markdown (Mitchell et al.: Model Cards for Model Reporting, FAT* 2019)."""
    names = list(next(iter(facts.metrics.values())))
    sizes = facts.sizes
    inputs = ", ".join(f"`{name}`" for name in task.inputs())
    checks = "\n".join(f"- {'✓' if check.passed else '✗'} {check.sentence}" for check in verdict.checks)
    parts = [
        f"# {task.title} model",
        f"**What for.** {task.purpose}",
        f"**How.** Learner: {facts.learner}. {verdict.sentence}",
        f"**Data.** {sizes['train']} rows to learn, {sizes['calibrate']} to calibrate, {sizes['test']} held out; in "
        f"that order of time, no `{task.unit}` in two of them. Only what consent to learning covers. Inputs: {inputs}.",
        "## On held-out rows",
        _table("", names, facts.metrics),
        "Linear, rule and majority are fitted in the same run on the same rows; a champion may have seen some of the "
        "rows held out, which is to its advantage.",
    ]
    if facts.extras:
        parts.append("\n".join(f"- {name.replace('_', ' ')}: {value:.3f}" for name, value in facts.extras.items()))
    if facts.slices:
        parts += ["## By slice", _table("slice", list(next(iter(facts.slices.values()))), facts.slices)]
    parts += ["## The gate", checks]
    if facts.privacy:
        parts += ["## Privacy", facts.privacy]
    prints = "\n".join(f"- {name}: {value}" for name, value in facts.fingerprint.items())
    parts += [f"**Limits.** {task.limits}", f"**Made from.**\n{prints}"]
    return "\n\n".join(parts) + "\n"


def _table(corner: str, names: list[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    head = f"| {corner} | {' | '.join(name.replace('_', ' ') for name in names)} |"
    line = "|---" * (len(names) + 1) + "|"
    body = [f"| {row} | {' | '.join(_number(values.get(name)) for name in names)} |" for row, values in rows.items()]
    return "\n".join([head, line, *body])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4f}"
