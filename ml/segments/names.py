"""Names for segments, by declared rules, and what is telling about each.

A name says which behaviours are more (positive) or less (negative) common in a segment than among all people. Names
are given so that they fit best all together, and no two segments get the same one.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from ml.segments.learners import Labels, Scale
from ml.segments.people import INPUTS

_TELLING = 4


@dataclass(frozen=True, slots=True)
class Name:
    """A segment's name in English and Chinese, and its rule."""

    english: str
    chinese: str
    rule: dict[str, float]


NAMES = (
    Name("Quick buyers", "快速购买者", {"payment_attempts": 2, "duration_s": -0.5, "customer_messages": -0.5}),
    Name("Comparers who come back", "反复比较者", {"page_returns": 1, "sessions": 1, "searches": 1}),
    Name("Bot strugglers", "机器人受困者", {"bot_repeats": 1.5, "repeats": 1, "bot_messages": 0.5}),
    Name("Human seekers", "寻求人工者", {"asks_for_human": 1, "handovers": 1, "agent_messages": 1}),
    Name(
        "Silent browsers",
        "静默浏览者",
        {"pages": 0.5, "customer_messages": -1, "payment_attempts": -1, "duration_s": -0.5},
    ),
    Name("Question askers", "咨询提问者", {"questions": 2, "asks_for_human": -0.5, "bot_repeats": -0.5}),
    Name("Cart hesitators", "购物车犹豫者", {"cart_changes": 2, "payment_attempts": -1}),
    Name("Complainers", "投诉者", {"complaints": 3}),
    Name("Channel hoppers", "多渠道切换者", {"channel_changes": 3}),
    Name("Payers in trouble", "支付受挫者", {"payments_failed": 3}),
    Name("Regulars", "常客", {"sessions": 2.5, "page_returns": -0.5}),
    Name("Passers-by", "过客", {"sessions": -1, "pages": -1, "duration_s": -1}),
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as a manager sees it.

    `share` of all people, and in `ratios` how often its most telling behaviours come, as times the mean of all people.
    """

    english: str
    chinese: str
    people: int
    share: float
    ratios: dict[str, float]


def describe(people: pd.DataFrame, labels: Labels) -> dict[int, Segment]:
    """Name each segment and tell what sets it apart; the largest comes first.

    Args:
        people: Rows of `build_people`.
        labels: The segment of each; at most as many segments as there are names.
    """
    found, sizes = np.unique(labels, return_counts=True)
    scaled = Scale(people)(people)
    means = np.stack([scaled[labels == n].mean(axis=0) for n in found])
    rules = np.array([[name.rule.get(feature, 0.0) for feature in INPUTS] for name in NAMES])
    fit = means @ (rules / np.abs(rules).sum(axis=1, keepdims=True)).T
    _, given = linear_sum_assignment(fit, maximize=True)
    overall = people[list(INPUTS)].mean()
    described = {}
    for place in np.argsort(-sizes, kind="stable"):
        name, inside = NAMES[given[place]], people[labels == found[place]]
        top = [INPUTS[n] for n in np.argsort(-np.abs(means[place]), kind="stable")[:_TELLING]]
        ratios = {one: float(inside[one].mean() / overall[one]) for one in top if overall[one] > 0}
        share = float(sizes[place] / len(people))
        described[int(found[place])] = Segment(name.english, name.chinese, int(sizes[place]), share, ratios)
    return described
