"""What a trained model gives away of the people it learned from: measured at every training, told on its card."""

import zlib
from dataclasses import replace
from typing import Any

from ml.binary import BinaryTask
from ml.private.learner import PrivateModel
from ml.private.membership import TooFewToAttack, attack
from ml.private.price import price, price_table
from ml.private.training import Privately
from ml.task import Split, Task

ROUNDS = 2
MOST_PEOPLE = 40_000
"""Of more people so many are drawn for the attack: models of fewer people remember more of each, so it errs upwards."""


def check_privacy(task: Task, model: Any, split: Split) -> tuple[dict[str, float], str]:
    """Attack a model and state its guarantee.

    Returns:
        Numbers to log (`membership_auc` with its interval; `epsilon` and `delta` where there is a guarantee), and the
        section of the card. Nothing of tasks that are not a yes or no about people.
    """
    if not isinstance(task, BinaryTask) or task.unit != "person_id":
        return {}, ""
    numbers: dict[str, float] = {}
    told = []
    guarded = getattr(model, "classifier", None)
    if isinstance(guarded, PrivateModel):
        numbers |= {"epsilon": guarded.guarantee.epsilon, "delta": guarded.guarantee.delta}
        told.append(guarded.guarantee.sentence)
        told.append(_price(task, split))
    else:
        told.append("The model has no formal guarantee: `mangrove ml train --epsilon` trains one that has.")
    try:
        found = attack(task, model, _some_people(task, split), rounds=ROUNDS)
    except TooFewToAttack as error:
        told.append(error.sentence)
    else:
        numbers |= {"membership_auc": found.auc, "membership_low": found.low, "membership_high": found.high}
        told.append(found.sentence)
    return numbers, "\n\n".join(told)


def _price(task: BinaryTask, split: Split) -> str:
    """Tell what the guarantee costs, beside the model that the task would have without."""
    asked = task.privacy
    if not isinstance(asked, Privately):
        return ""
    open_task = type(task)()
    prices = price(open_task, open_task.fit(split), split, asked.bins, epsilons=[asked.epsilon], delta=asked.delta)
    return price_table(prices)


def _some_people(task: Task, split: Split) -> Split:
    people = sorted(split.train[task.unit].unique(), key=lambda one: zlib.crc32(str(one).encode()))
    if len(people) <= MOST_PEOPLE:
        return split
    return replace(split, train=split.train[split.train[task.unit].isin(people[:MOST_PEOPLE])])
