"""Three questions that a partner asks in the demo."""

from dataclasses import dataclass
from typing import Any

from services.clients.query import Answer, QueryClient
from services.demo.report import PrivateAnswer

_WINDOW = {"from_day": "2026-01-05", "until_day": "2026-02-23"}


@dataclass(frozen=True, slots=True)
class _Question:
    title: str
    dataset: str
    measure: Any
    asked: dict[str, Any]


_QUESTIONS = (
    _Question(
        "How many conversations begin on each channel?",
        "conversations",
        "count",
        {"group_by": ["channel"], "target_error": 40.0},
    ),
    _Question(
        "How long do customers wait for the first answer, by language? (seconds)",
        "conversations",
        ("mean", "wait_s"),
        {"group_by": ["language"], "rho": 0.05},
    ),
    _Question(
        "How many people bought something, week by week?",
        "journeys",
        "persons",
        {"group_by": ["week"], "where": {"outcome": "bought"}, "target_error": 25.0},
    ),
)


def ask_all(client: QueryClient) -> list[PrivateAnswer]:
    """Ask the three questions; asked again on the same tables, they cost nothing."""
    return [_ask(client, question) for question in _QUESTIONS]


def _ask(client: QueryClient, question: _Question) -> PrivateAnswer:
    answer = client.ask(question.dataset, [question.measure], **question.asked, **_WINDOW)
    budget = client.budget(question.dataset)
    return _shown(question, answer, f"rho {budget.left:.4f} of {budget.limit:.4f} on {question.dataset}")


def _shown(question: _Question, answer: Answer, budget_left: str) -> PrivateAnswer:
    frame, measure, promise = answer.frame, answer.measures[0], answer.guarantee
    keys = frame[answer.keys[0]].astype(str)
    half_width = promise.noise[0].half_width
    error = f"±{half_width:.0f} with probability 95 %" if half_width else "the 95 % interval is drawn at each bar"
    return PrivateAnswer(
        title=question.title,
        keys=tuple(keys),
        values=tuple(frame[measure]),
        lows=tuple(frame[f"{measure}_low"]),
        highs=tuple(frame[f"{measure}_high"]),
        epsilon=promise.epsilon,
        delta=promise.delta,
        rho=promise.rho,
        k=promise.max_groups_per_person,
        l=promise.max_rows_per_group,
        unit=promise.privacy_unit,
        error_text=error,
        budget_left=budget_left,
    )
