"""Membership inference: how well somebody who holds a model can tell whose rows it was made from.

Who was learned from lived earlier than who was held out, so a plain comparison of the two would measure the change
of time and call it memory. The audit is an experiment instead. Lots put the people of the training slice in four
parts, several times over, and the task trains a model without each part: for each of these models the people that it
saw and those that it did not are alike in everything else. Each is attacked with the help of the others:

loss        who has the lower loss was seen (Yeom et al. 2018, "Privacy Risk in Machine Learning");
difficulty  the same, less the loss that models have which did not see the row (Watson et al. 2022, "On the
            Importance of Difficulty Calibration in Membership Inference Attacks");
likelihood  the ratio of the likelihoods of the loss under models that saw the row and models that did not, normal
            with one variance for all (LiRA; Carlini et al. 2022, "Membership Inference Attacks From First Principles").

The champion itself is attacked as well, by difficulty: what it says of people it saw and of people who were held out,
each against what models say that did not see them. The change of time is in both losses and so, to first order, in
their difference no more.

Models on three quarters of the people remember a little more of each than the champion, which has all: the audit errs
on the side of the attacker. Every attack is made on single rows and on people, whose rows are averaged. The promise is
that the strongest stays at an AUC of at most 0.55, where 0.5 is guessing.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

from privacy.errors import MangroveError

PROMISED = 0.55
ROUNDS = 3
LEAST_PEOPLE = 40

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

_Z = float(norm.ppf(0.975))
_LEAST_LOSS, _MOST_LOSS = 1e-6, 30.0
_PARTS = 4
_LOTS = 20260301


class Attacked(Protocol):
    """What an attack needs of a task; `ml.task.Task` has it."""

    unit: str

    def fit(self, split: Any) -> Any:
        """Train on a split."""
        ...

    def predict(self, model: Any, frame: pd.DataFrame) -> Any:
        """Say what a model says of each row."""
        ...

    def losses(self, frame: pd.DataFrame, said: Any) -> Any:
        """Give the loss of each row."""
        ...


class TooFewToAttack(MangroveError):
    """So few people that an attack would show nothing either way."""

    reason = "TOO_FEW_TO_ATTACK"

    def __init__(self, people: int) -> None:
        super().__init__(f"{people} people were learned from; at least {LEAST_PEOPLE} are needed to attack a model.")


@dataclass(frozen=True, slots=True)
class Attack:
    """How well one attack tells members from others: its AUC, and the 95 % interval of it over people."""

    auc: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Membership:
    """The strongest attack's AUC with its 95 % interval, and all attacks by name."""

    auc: float
    low: float
    high: float
    attacks: dict[str, Attack]

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        return self.auc <= PROMISED

    @property
    def sentence(self) -> str:
        """The finding as a sentence of the model card."""
        name = max(self.attacks, key=lambda name: self.attacks[name].auc)
        return (
            f"The strongest of {len(self.attacks)} attacks ({name}) tells people learned from and others apart with "
            f"an AUC of {self.auc:.3f} ({self.low:.3f} to {self.high:.3f}; 0.5 is guessing, "
            f"at most {PROMISED} is promised)."
        )


def attack(task: Attacked, model: Any, split: Any, *, rounds: int = ROUNDS) -> Membership:
    """Attack a task's learner and its champion.

    It trains four models a round, on three quarters of the training people each. The lots are drawn for the people in
    the order of their ids under a constant, so the same split gives the same figures.

    Args:
        task: What the model is for.
        model: The model that `task.fit(split)` gave.
        split: What it was trained on; a dataclass with the frames `train` and `test`.
        rounds: How often the people are put in parts, 2 or more; a few more make the attacks a little stronger.

    Raises:
        TooFewToAttack: if fewer than 40 people were learned from.
    """
    if rounds < 2:
        raise ValueError("Two rounds at least: one helps against the other.")
    rows = pd.concat([split.train, split.test], ignore_index=True)
    _, people = np.unique(rows[task.unit].to_numpy(), return_inverse=True)
    learned = np.arange(len(rows)) < len(split.train)
    trained, numbers = np.unique(people[learned], return_inverse=True)
    if len(trained) < LEAST_PEOPLE:
        raise TooFewToAttack(len(trained))
    saw = np.zeros((rounds * _PARTS, len(rows)), np.bool_)
    saw[:, learned] = _drawn(len(trained), rounds)[:, numbers]
    models = (task.fit(replace(split, train=split.train[seen[learned]])) for seen in saw)
    losses = np.array([_losses(task, one, rows) for one in models])
    attacks = _audit(losses[:, learned], saw[:, learned], numbers)
    if not learned.all():
        unseen = np.where(saw, 0, losses).sum(axis=0) / (~saw).sum(axis=0)
        surprise = (unseen - _losses(task, model, rows))[None, :]
        attacks |= _measured("champion's difficulty", surprise, learned[None, :], people)
    strongest = max(attacks.values(), key=lambda found: found.auc)
    return Membership(strongest.auc, strongest.low, strongest.high, attacks)


def measure(scores: Floats, member: Truths, people: Places) -> Attack:
    """Measure how well scores tell members from others, on average over models.

    Below 0.5 the attacker turns the guess round, which models of their own tell to do. The interval is DeLong's, with
    the parts of one person added up over rows and models before they are squared (Obuchowski 1997, "Nonparametric
    Analysis of Clustered ROC Curve Data"); it holds for the models as they are.

    Args:
        scores: A row a model, a column an example; higher where the attacker believes in membership.
        member: Whether it is so.
        people: The number of each example's person.
    """
    areas, parts = zip(*(_area(own, seen) for own, seen in zip(scores, member, strict=True)), strict=True)
    by_person = np.bincount(people, weights=np.mean(parts, axis=0))
    by_person = by_person[np.bincount(people) > 0]
    auc, error = float(np.mean(areas)), float(np.sqrt((by_person**2).sum() * len(by_person) / (len(by_person) - 1)))
    auc = max(auc, 1 - auc)
    return Attack(auc, max(0.0, auc - _Z * error), min(1.0, auc + _Z * error))


def _audit(losses: Floats, saw: Truths, people: Places) -> dict[str, Attack]:
    """Attack every model with the help of the others; a row of `losses` and of `saw` is a model.

    The models of a round share one set of lots. None of them helps against another, so that every row has as many
    helpers that saw it, and as many that did not, whether it is a member or not.
    """
    confidence = -np.log(np.expm1(np.clip(losses, _LEAST_LOSS, _MOST_LOSS)))
    difficulty, likelihood = np.empty_like(losses), np.empty_like(losses)
    for target in range(len(losses)):
        help_of = (np.arange(len(losses)) // _PARTS != target // _PARTS)[:, None]
        seen, unseen = saw & help_of, ~saw & help_of
        difficulty[target] = _mean(losses, unseen) - losses[target]
        expected_in, expected_out = _mean(confidence, seen), _mean(confidence, unseen)
        likelihood[target] = (confidence[target] - expected_out) ** 2 - (confidence[target] - expected_in) ** 2
    return {
        **_measured("loss", -losses, saw, people),
        **_measured("difficulty", difficulty, saw, people),
        **_measured("likelihood", likelihood, saw, people),
    }


def _measured(name: str, scores: Floats, member: Truths, people: Places) -> dict[str, Attack]:
    """Measure an attack on rows, and on people whose rows are averaged."""
    _, firsts, sizes = np.unique(people, return_index=True, return_counts=True)
    whole = np.array([np.bincount(people, weights=own) for own in scores]) / sizes
    return {
        f"{name} of rows": measure(scores, member, people),
        f"{name} of people": measure(whole, member[:, firsts], np.arange(len(firsts))),
    }


def _drawn(people: int, rounds: int) -> Truths:
    """Draw who each model sees, a row a model: all but one of the parts of its round."""
    lots = np.random.default_rng(_LOTS)
    parts = [lots.permutation(people) % _PARTS for _ in range(rounds)]
    return np.array([part != left_out for part in parts for left_out in range(_PARTS)])


def _area(scores: Floats, member: Truths) -> tuple[float, Floats]:
    """Give the area under the curve, and the part of each example in its deviation (DeLong et al. 1988)."""
    inside, outside = int(member.sum()), int((~member).sum())
    ranks = rankdata(scores)
    parts = np.empty(len(scores))
    parts[member] = (ranks[member] - rankdata(scores[member])) / outside
    parts[~member] = 1 - (ranks[~member] - rankdata(scores[~member])) / inside
    area = float(parts[member].mean())
    return area, (parts - area) / np.where(member, inside, outside)


def _mean(values: Floats, chosen: Truths) -> Floats:
    found: Floats = np.where(chosen, values, 0).sum(axis=0) / chosen.sum(axis=0)
    return found


def _losses(task: Attacked, model: Any, frame: pd.DataFrame) -> Floats:
    return np.asarray(task.losses(frame, task.predict(model, frame)), np.float64)
