"""The catalogue: every task by name, in the order in which they are trained."""

from ml.journey_outcome.task import JourneyOutcome
from ml.next_action.task import Abandonment, Escalation, HandOver, NextAction, Resolution
from ml.task import Task
from privacy.errors import MangroveError

NEXT_ACTIONS: tuple[NextAction, ...] = (HandOver(), Abandonment(), Escalation(), Resolution())
TASKS: dict[str, Task] = {task.name: task for task in (*NEXT_ACTIONS, JourneyOutcome())}


class TaskUnknown(MangroveError):
    """A name that is no task's."""

    reason = "TASK_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(f"There is no such task. Choose from: {', '.join(TASKS)}, or all.")


def chosen(names: list[str]) -> list[Task]:
    """Return tasks by name, in the catalogue's order; `all` or nothing stands for every one.

    Raises:
        TaskUnknown: if a name is no task's.
    """
    if not set(names) <= {*TASKS, "all"}:
        raise TaskUnknown
    return [task for task in TASKS.values() if not names or "all" in names or task.name in names]
