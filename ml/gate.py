"""Whether a model may become the champion."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml.evaluate import Metrics

AUC_SLACK = 0.01


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate passed, and the sentence that says why."""

    passed: bool
    sentence: str


def judge(candidate: Metrics, rivals: Mapping[str, Metrics]) -> Verdict:
    """Let a candidate pass if it beats every rival on the same held-out rows.

    Its log loss must be lower than each rival's; its AUC may be lower by at most 0.01, because a ranking
    that is as good with better probabilities is the better model.
    """
    for name, rival in rivals.items():
        if candidate.log_loss >= rival.log_loss:
            losses = f"{candidate.log_loss:.4f} is not below the {name}'s {rival.log_loss:.4f}"
            return Verdict(False, f"Not promoted: its log loss {losses}.")
        if candidate.auc < rival.auc - AUC_SLACK:
            return Verdict(False, f"Not promoted: its AUC {candidate.auc:.3f} is below the {name}'s {rival.auc:.3f}.")
    return Verdict(True, f"Promoted: it beats {', '.join(rivals)} on the held-out rows.")
