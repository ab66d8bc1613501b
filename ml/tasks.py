"""The catalogue: every task by name, in the order in which they are trained."""

from collections.abc import Mapping
from pathlib import Path

from ml.demand.task import Demand
from ml.journey_outcome.task import JourneyOutcome
from ml.next_action.task import Abandonment, Escalation, HandOver, NextAction, Resolution
from ml.satisfaction.task import Satisfaction
from ml.segments.task import Segments
from ml.task import Task
from privacy.errors import MangroveError

NEXT_ACTIONS: tuple[NextAction, ...] = (HandOver(), Abandonment(), Escalation(), Resolution())
TASKS: Mapping[str, Task] = {
    task.name: task for task in (*NEXT_ACTIONS, JourneyOutcome(), Satisfaction(), Segments(), Demand())
}


class TaskUnknown(MangroveError):
    """A name that is no task's."""

    reason = "TASK_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(f"There is no such task. Choose from: {', '.join(TASKS)}, or all.")


class NotPrivate(MangroveError):
    """A guarantee was asked for of a task that can give none."""

    reason = "NOT_PRIVATE"

    def __init__(self) -> None:
        super().__init__(
            "Only the next actions can be trained with differential privacy. Name them with --epsilon: "
            f"{', '.join(task.name for task in NEXT_ACTIONS)}."
        )


def chosen(names: list[str], campaigns: Path | None = None) -> list[Task]:
    """Return tasks by name, in the catalogue's order; `all` or nothing stands for every one.

    Args:
        names: Names of tasks.
        campaigns: A CSV of campaigns for the forecast of demand.

    Raises:
        TaskUnknown: if a name is no task's.
        CampaignsWrong: if the file of campaigns cannot be read.
    """
    if not set(names) <= {*TASKS, "all"}:
        raise TaskUnknown
    asked = [task for task in TASKS.values() if not names or "all" in names or task.name in names]
    return [Demand(campaigns) if campaigns is not None and isinstance(task, Demand) else task for task in asked]


def privately(tasks: list[Task], epsilon: float, delta: float) -> list[Task]:
    """Return the tasks with training that is differentially private, the privacy unit being a person.

    Raises:
        NotPrivate: if one of them cannot be.
    """
    from ml.private.edges import NEXT_ACTION
    from ml.private.training import Privately

    if not all(isinstance(task, NextAction) for task in tasks):
        raise NotPrivate
    return [type(task)(Privately(NEXT_ACTION, epsilon, delta)) for task in tasks if isinstance(task, NextAction)]
