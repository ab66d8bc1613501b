"""Finding columns that tell the outcome because they were written after it."""

import re
from collections.abc import Mapping
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float64]

MOST_AUC = 0.995
_AGREE = 0.9
_LEAST_EXPECTED = 20
_MOSTLY = 0.6
_MOST_FOUND = 0.005
_BINS = 64
_ROWS = 40_000
_SECOND = 1.0
_MOST_COLUMNS = 14
_MOST_AUC_OF_A_REST = 0.98
_BEYOND = 0.02
_FEW_VALUES = 12
_EXPECTED_OF_A_PART = 100
_IS_VERDICT = re.compile(r"(resol(v|ution)|solved|satisf|csat|\bnps\b|rating|survey|sentiment|解决|满意|评分|评价)")
_IS_END = re.compile(
    r"(\bend(s|ed|ing)?\b|stop\b|duration|disconnect|hang ?up|hung up|\bclos(e|ed|ing)\b|complet|\btotal\b|\btalk"
    r"|\bhandl|wrap|\bacw\b|after call|\bbill|\bcost\b|\bprice\b|\bende\b|dauer|结束|挂断|挂机|通话时)"
)
_IS_BEFORE = re.compile(r"(\bivr\b|\bvru\b|\bmenu\b)")
_IS_FOUND = re.compile(r"(\bfree\b|avail|\bidle\b|position|occupan|\bbusy\b|staffed|空闲)")
_IS_WAIT = re.compile(r"(wait|queue|\bq ?time\b|\bq (exit|end)|\bring|等待|排队)")
_BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\W]+")


def auc_of(values: Floats, target: Floats) -> float:
    """The AUC of a column by itself, in whatever order of its values: learned on even rows, measured on odd ones.

    Missing values and zeros are kept apart from the rest.
    """
    codes = _coded(values)
    learn = np.arange(len(codes)) % 2 == 0
    if len(np.unique(target[~learn])) < 2:
        return 0.5
    size = int(codes.max()) + 1
    rows = np.bincount(codes[learn], minlength=size)
    hits = np.bincount(codes[learn], weights=target[learn], minlength=size)
    share = (hits + target.mean()) / (rows + 1)
    return float(roc_auc_score(target[~learn], share[codes[~learn]]))


def _coded(values: Floats) -> npt.NDArray[np.int64]:
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    cuts = distinct if len(distinct) <= _BINS else np.unique(np.quantile(known, np.linspace(0, 1, _BINS)))
    codes = np.searchsorted(cuts, np.nan_to_num(values), side="right") + 2
    codes = np.where(values == 0, 1, codes)
    return np.where(np.isnan(values), 0, codes)


def find_leaks(columns: Mapping[str, Floats], target: Floats, categories: frozenset[str]) -> dict[str, str]:
    """Say of each column that tells the outcome why it does.

    Args:
        columns: Numbers by name, NaN where missing; categories as codes.
        target: 0 or 1.
        categories: The names that are categories.
    """
    step = max(1, len(target) // _ROWS)
    y = target[::step]
    sample = {name: values[::step] for name, values in columns.items()}
    found = {}
    for name, values in sample.items():
        named = name in categories
        reason = _by_itself(values, y, named) or _by_name(name) or _by_part(name, values, y, named)
        if reason is not None:
            found[name] = reason
    numbers = [name for name in sample if name not in found | dict.fromkeys(categories)][:_MOST_COLUMNS]
    found |= _sums({name: sample[name] for name in numbers}, y)
    return found | _rests({name: sample[name] for name in numbers if name not in found}, y)


def is_wait(name: str) -> bool:
    """Whether a column's name says that it is a time spent waiting."""
    return _IS_WAIT.search(_words(name)) is not None


def _words(name: str) -> str:
    return _BETWEEN_WORDS.sub(" ", name).lower()


def _by_name(name: str) -> str | None:
    words = _words(name)
    if _IS_VERDICT.search(words):
        return "by its name it judges the call, so it was written afterwards"
    if _IS_END.search(words) and not is_wait(name) and not _IS_BEFORE.search(words):
        return "by its name it is of the end of the call, so it was written afterwards"
    return None


def _by_part(name: str, values: Floats, target: Floats, is_category: bool) -> str | None:
    """Whether one of a few values, or all that are not 0, comes with one outcome only.

    That is no wonder of what a call found: who meets a free agent need not wait, and stays.
    """
    if _IS_FOUND.search(_words(name)):
        return None
    there = ~np.isnan(values)
    distinct = np.unique(values[there])
    few = is_category or len(distinct) <= _FEW_VALUES
    if few and is_wait(name):
        return None
    parts = [values == one for one in distinct] if few else [there & (values != 0)]
    for part in parts:
        if any(_never(part, outcome, least=_EXPECTED_OF_A_PART) for outcome in (target, 1 - target)):
            return "a part of it comes with one outcome only, so it was written afterwards"
    return None


def _by_itself(values: Floats, target: Floats, is_category: bool) -> str | None:
    auc = auc_of(values, target)
    if auc > MOST_AUC:
        return f"by itself it tells the target (AUC {auc:.3f})"
    there = ~np.isnan(values)
    if 0 < there.mean() < 1 and any(_never(there, outcome) for outcome in (target, 1 - target)):
        return "it is filled in for one outcome only, so it was written afterwards"
    # Nothing is often written as a word of its own, such as none, or as 0.
    nothings = np.unique(values[there]) if is_category else [0.0]
    if any(_tells(values, nothing, target) for nothing in nothings):
        return "whether it says anything tells the target, so it was written afterwards"
    return None


def _tells(values: Floats, nothing: float, target: Floats) -> bool:
    """Whether all values but one come with one outcome, and that one mostly with the other."""
    empty = np.isnan(values) | (values == nothing)
    if len(np.unique(values[~empty])) < 2:
        return False
    if _agree(empty, target):
        return True
    return any(_never(~empty, outcome) and outcome[empty].mean() >= _MOSTLY for outcome in (target, 1 - target))


def _never(there: npt.NDArray[np.bool_], outcome: Floats, least: int = _LEAST_EXPECTED) -> bool:
    """Whether an outcome never comes where something is there, though it should have come so many times and more."""
    expected = there.sum() * outcome.mean()
    return bool(expected >= least and outcome[there].sum() <= _MOST_FOUND * expected)


def _agree(flags: npt.NDArray[np.bool_], target: Floats) -> bool:
    """Whether a flag and the target are all but the same, or all but opposite (correlation beyond 0.9)."""
    if flags.all() or not flags.any():
        return False
    return bool(abs(np.corrcoef(flags, target)[0, 1]) >= _AGREE)


def _sums(numbers: Mapping[str, Floats], target: Floats) -> dict[str, str]:
    """Columns that equal another one, or the sum of two, just when the target says so: a total with what came after."""
    found: dict[str, str] = {}
    filled = {name: np.nan_to_num(values) for name, values in numbers.items()}
    for name, values in filled.items():
        others = [other for other in filled if other != name and filled[other].mean() <= values.mean()]
        for parts in (*((one,) for one in others), *combinations(others, 2)):
            if _agree(np.abs(values - sum(filled[one] for one in parts)) <= _SECOND, target):
                found[name] = f"together with {' and '.join(parts)} it tells the target"
                break
    return found


def _rests(numbers: Mapping[str, Floats], target: Floats) -> dict[str, str]:
    """Columns that tell the outcome once another is taken off: the end of a call, less its wait, is how long it was."""
    found: dict[str, str] = {}
    alone = {name: auc_of(values, target) for name, values in numbers.items()}
    filled = {name: np.nan_to_num(values) for name, values in numbers.items()}
    for one, other in permutations(numbers, 2):
        if {one, other} & found.keys() or filled[one].mean() < filled[other].mean():
            continue
        rest = auc_of(numbers[one] - filled[other], target)
        if rest >= max(_MOST_AUC_OF_A_REST, alone[one] + _BEYOND, alone[other] + _BEYOND):
            found[one] = f"less {other} it tells the target (AUC {rest:.3f}), so it was written afterwards"
    return found
