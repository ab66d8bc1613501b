"""What the hand-over model sees: the inputs, their kinds, and the frame that training and scoring share."""

import hashlib

import pandas as pd

from spark_jobs.lake.tables import GOLD_FEATURES

CATEGORICAL = ("channel", "language")
NUMERIC = (
    "turn",
    "bot_turns",
    "elapsed_s",
    "mean_wait_s",
    "last_wait_s",
    "text_length",
    "mean_text_length",
    "repeats",
    "questions",
    "asks_for_human",
    "negative_words",
    "prior_contacts",
    "prior_handovers",
    "channels_before",
)
INPUTS = (*CATEGORICAL, *NUMERIC)
KEY = GOLD_FEATURES.key
PERSON, AS_OF, LABEL, MAY_LEARN = "person_id", "as_of", "handed_over_later", "may_learn"
COLUMNS = (*KEY, *(name for name in INPUTS if name not in KEY), PERSON, AS_OF, LABEL, MAY_LEARN)


def model_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Shape rows of gold.features into the model's inputs: columns in order, numbers as floats.

    An unknown category becomes the word `unknown`, so that training and scoring treat it alike.
    """
    frame = rows.loc[:, list(INPUTS)].copy()
    for name in CATEGORICAL:
        frame[name] = frame[name].astype("object").where(frame[name].notna(), "unknown").astype(str)
    for name in NUMERIC:
        frame[name] = frame[name].astype("float64")
    return frame


def feature_hash(settings: str = "") -> str:
    """Fingerprint of the inputs and of `settings` (how the model is made): 16 hex digits.

    Two trainings with the same fingerprint on the same table versions give the same model.
    """
    described = "|".join((*CATEGORICAL, "#", *NUMERIC, "#", LABEL, "#", settings))
    return hashlib.sha256(described.encode()).hexdigest()[:16]
