"""Splitting by person and by time, so that no test row was half seen in training."""

import zlib
from dataclasses import dataclass

import pandas as pd

from ml.features import AS_OF, LABEL, MAY_LEARN, PERSON
from privacy.errors import MangroveError

MIN_ROWS = 100
MIN_OF_A_CLASS = 10
_CUTS = (0.6, 0.8)


class NotEnoughToLearn(MangroveError):
    """Too few rows, or only one kind of ending, to train and test a model."""

    reason = "NOT_ENOUGH_TO_LEARN"


@dataclass(frozen=True, slots=True)
class Split:
    """Three slices in order of time that share no person: to learn, to calibrate, to test."""

    train: pd.DataFrame
    calibrate: pd.DataFrame
    test: pd.DataFrame


def learnable(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose consent covers learning, in an order that depends on their content only."""
    return rows[rows[MAY_LEARN]].sort_values([AS_OF, "conversation_id", "turn"]).reset_index(drop=True)


def split_by_person_and_time(rows: pd.DataFrame) -> Split:
    """Cut time at 60 and 80 % of the rows; a person belongs to the slice of one of their rows.

    A hash of the person's id chooses which row, so that people who came back are not all held out. Their
    rows in other slices are left out: the slices share no person, and each lies wholly before the next.

    Raises:
        NotEnoughToLearn: if a slice is too small or holds too few of one class.
    """
    if len(rows) < MIN_ROWS:
        raise NotEnoughToLearn(
            f"{len(rows)} moments may be learned from, at least {MIN_ROWS} are needed. "
            "Collect more conversations whose customers allow learning."
        )
    slice_of_row = pd.Series(0, index=rows.index)
    for share in _CUTS:
        slice_of_row += (rows[AS_OF] >= rows[AS_OF].iloc[int(len(rows) * share)]).astype(int)
    of_person = rows.groupby(PERSON)[PERSON]
    chosen = rows[PERSON].map(_hash) % of_person.transform("size") == of_person.cumcount()
    belongs = slice_of_row.where(chosen).groupby(rows[PERSON]).transform("max")
    slices = [rows[(slice_of_row == n) & (belongs == n)] for n in range(len(_CUTS) + 1)]
    for name, part in zip(("training", "calibration", "test"), slices, strict=True):
        _check(name, part)
    return Split(*slices)


def _hash(person_id: str) -> int:
    return zlib.crc32(person_id.encode())


def _check(name: str, part: pd.DataFrame) -> None:
    positives = int(part[LABEL].sum())
    if min(positives, len(part) - positives) < MIN_OF_A_CLASS:
        raise NotEnoughToLearn(
            f"The {name} slice holds {positives} moments with, {len(part) - positives} without a hand-over; "
            f"at least {MIN_OF_A_CLASS} of each are needed. Collect more conversations, over a longer time."
        )
