"""Whether a model may become the champion: better beyond chance, calibrated, and no slice left behind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.task import Floats, Task

Z = 1.96
MIN_SLICE_ROWS, MIN_SLICE_UNITS = 100, 20
SLICE_SLACK = 1.1
MUST_BEAT = ("majority", "rule")
"""The baselines that a model must beat beyond chance; it may be as good as `linear`, and others are only shown."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The mean loss of one model less another's on the same rows, with its 95 % interval; below 0 is better."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of the gate and whether it holds, in a sentence."""

    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate passed, and all checks."""

    passed: bool
    checks: tuple[Check, ...]

    @property
    def sentence(self) -> str:
        """The verdict with the first reason against it."""
        if self.passed:
            return (
                "Promoted: it beats majority, rule and champion beyond chance, is no worse than the linear model, is "
                "calibrated, and no slice collapsed."
            )
        return "Not promoted: " + next(check.sentence for check in self.checks if not check.passed)


def judge(
    task: Task, frame: pd.DataFrame, said: Floats, baselines: Mapping[str, Floats], champion: Floats | None
) -> Verdict:
    """Judge a candidate by what it and its rivals say of the same held-out rows.

    It must lose less than the champion, the majority and the rule, with the whole 95 % interval on its side; it must
    not lose more than the linear baseline, beyond chance; its miscalibration must be within the task's limit; and on
    no slice of at least 100 rows may it lose more than the majority, or a tenth more than the champion, beyond chance.

    Args:
        task: What is predicted.
        frame: The held-out rows.
        said: What the candidate says of them.
        baselines: What each baseline says of them, with `majority`, `rule` and `linear`.
        champion: What the champion says of them, None if there is none.
    """
    loss = task.losses(frame, said)
    units = frame[task.unit]
    rivals = {name: task.losses(frame, of) for name, of in baselines.items()}
    checks = [_better(name, gap_between(loss, rivals[name], units)) for name in MUST_BEAT]
    if "linear" in rivals:
        gap = gap_between(loss, rivals["linear"], units)
        checks.append(Check(gap.low <= 0, _told(gap, "the linear baseline's")))
    now = None if champion is None else task.losses(frame, champion)
    if now is not None:
        checks.append(_better("champion", gap_between(loss, now, units)))
    off = task.miscalibration(frame, said)
    checks.append(
        Check(
            off <= task.calibration_limit,
            f"{task.calibration_told} {off:.3f}; the limit is {task.calibration_limit:g}.",
        )
    )
    checks += [
        check
        for name, here in slices(task, frame)
        for check in _of_slice(
            name, loss[here], rivals["majority"][here], None if now is None else now[here], units[here]
        )
    ]
    return Verdict(all(check.passed for check in checks), tuple(checks))


def gap_between(loss: Floats, other: Floats, units: "pd.Series[str]") -> Gap:
    """Compare two losses on the same rows; rows of one unit count as one draw.

    The variance of a mean over clusters, linearised: Cochran, Sampling Techniques, 1977, chapter 11.
    """
    difference = loss - other
    mean = float(difference.mean())
    codes, _ = pd.factorize(units)
    of_unit = np.bincount(codes, weights=difference - mean)
    spread = Z * float(np.sqrt((of_unit**2).sum())) / len(difference)
    return Gap(mean, mean - spread, mean + spread)


def slices(task: Task, frame: pd.DataFrame) -> Iterator[tuple[str, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]]:
    """Yield the slices that are large enough to be judged: `column=value`, and which rows."""
    for column in task.slice_by:
        known = frame[column].isin(task.declared[column])
        values = frame[column].astype("object").where(known, "other").where(frame[column].notna(), "unknown")
        for value in sorted(values.unique()):
            here = (values == value).to_numpy()
            if here.sum() >= MIN_SLICE_ROWS and frame.loc[here, task.unit].nunique() >= MIN_SLICE_UNITS:
                yield f"{column}={value}", here


def _better(name: str, gap: Gap) -> Check:
    return Check(gap.high < 0, _told(gap, f"the {name}'s"))


def _told(gap: Gap, whose: str) -> str:
    side = "below" if gap.mean < 0 else "above"
    chance = ", which may be chance" if gap.low <= 0 <= gap.high else ""
    return f"its loss is {abs(gap.mean):.4f} {side} {whose}{chance} (95 %: {gap.low:+.4f} to {gap.high:+.4f})."


def _of_slice(
    name: str, loss: Floats, majority: Floats, champion: Floats | None, units: "pd.Series[str]"
) -> Iterator[Check]:
    gap = gap_between(loss, majority, units)
    yield Check(gap.low <= 0, f"on {name} " + _told(gap, "the majority's"))
    if champion is not None:
        gap = gap_between(loss, SLICE_SLACK * champion, units)
        yield Check(gap.low <= 0, f"on {name} " + _told(gap, "1.1 times the champion's"))
