"""Splitting by person and by time, so that no test row was half seen in training."""

import zlib

import pandas as pd

from ml.task import Split
from privacy.errors import MangroveError

MIN_ROWS = 100
_CUTS = (0.6, 0.8)


class NotEnoughToLearn(MangroveError):
    """Too few rows, or only one kind of ending, to train and test a model."""

    reason = "NOT_ENOUGH_TO_LEARN"


def split_by_unit_and_time(rows: pd.DataFrame, *, unit: str = "person_id", at: str = "as_of") -> Split:
    """Cut time at 60 and 80 % of the rows; a person belongs to the slice of one of their rows.

    A hash of the person's id chooses which row, so that people who came back are not all held out. Their
    rows in other slices are left out: the slices share no person, and each lies wholly before the next.

    Args:
        rows: In order of time.
        unit: The column of who is never split.
        at: The column of the time.

    Raises:
        NotEnoughToLearn: if there are fewer than 100 rows.
    """
    if len(rows) < MIN_ROWS:
        raise NotEnoughToLearn(
            f"{len(rows)} moments may be learned from, at least {MIN_ROWS} are needed. "
            "Collect more conversations whose customers allow learning."
        )
    slice_of_row = pd.Series(0, index=rows.index)
    for share in _CUTS:
        slice_of_row += (rows[at] >= rows[at].iloc[int(len(rows) * share)]).astype(int)
    of_unit = rows.groupby(unit)[unit]
    chosen = rows[unit].map(_hash) % of_unit.transform("size") == of_unit.cumcount()
    belongs = slice_of_row.where(chosen).groupby(rows[unit]).transform("max")
    return Split(*(rows[(slice_of_row == n) & (belongs == n)] for n in range(len(_CUTS) + 1)))


def _hash(name: str) -> int:
    return zlib.crc32(str(name).encode())
