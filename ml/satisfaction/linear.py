"""The linear opinion of satisfaction: logistic regression of each level on hashed n-grams and standardised signals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.special import expit
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from ml.satisfaction.moments import ANSWERED, BEFORE, EARLIER, SAID, TEXTS, Heard, heard_of, in_order, labels_of
from ml.task import Floats

LINEAR: dict[str, Any] = {
    "hashed_features": 1 << 14,
    "ngrams": (1, 2),
    "tokens": r"[a-z0-9']+|[\u4e00-\u9fff]|[?!？！]",
    "text_weights": {SAID: 1.0, ANSWERED: 1.0, BEFORE: 0.7, EARLIER: 0.5},
    "linear_c": 1.0,
    "signal_weight": 0.07,
}
"""One set for every file. A Latin word or number, a Han character and a mark are tokens: n-grams of words in English,
of characters in Chinese."""

_WIDEST = 3.0
# What a HashingVectorizer is made of, built once: it builds them for each batch.
_NGRAMS = CountVectorizer(token_pattern=LINEAR["tokens"], ngram_range=LINEAR["ngrams"]).build_analyzer()
_HASHING = FeatureHasher(LINEAR["hashed_features"], input_type="string", alternate_sign=False)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Logistic regression of each level on hashed n-grams and standardised signals; a baseline by itself, too.

    What scikit-learn fitted is held as arrays: its own prediction takes milliseconds for a row, where a conversation
    waits for it.

    Attributes:
        levels: How many levels there are.
        classes: Those that occurred; of two the regression tells the second.
        words: (n-grams, texts, regressions), the weights of hashed n-grams in each of the texts.
        signals: (signals, regressions), the weights of standardised signals.
        offsets: One for each regression.
        mean, scale: (signals,), what standardises them.
    """

    levels: int
    classes: npt.NDArray[np.int64]
    words: Floats
    signals: Floats
    offsets: Floats
    mean: Floats
    scale: Floats

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Return (rows, levels): the probability of each level of moments."""
        return self.says(heard_of(frame))

    def says(self, heard: Heard) -> Floats:
        """Return (rows, levels): the probability of each level."""
        told, places = _hashed(heard)
        width, texts, regressions = self.words.shape
        of_texts = (told @ self.words.reshape(width, -1)).reshape(-1, texts, regressions)
        # A sparse product sums each row by itself: who else is in a batch changes not even the last digit.
        signals = sparse.csr_matrix(_standardised(heard.signals, self.mean, self.scale))
        margins = self.offsets + signals @ self.signals
        for text, at in enumerate(places):
            margins = margins + of_texts[at, text]
        said = expit(margins)
        said = np.column_stack([1 - said, said]) if regressions == 1 else said / said.sum(axis=1, keepdims=True)
        return spread(said, self.classes, self.levels)


def fit_linear(frame: pd.DataFrame, levels: int) -> LinearModel:
    """Fit the linear model on judged moments, which must hold two levels."""
    frame = in_order(frame)
    heard = heard_of(frame)
    scaler = StandardScaler().fit(heard.signals)
    one = LogisticRegression(C=LINEAR["linear_c"], solver="liblinear", dual=True, tol=0.05, random_state=0)
    regression = OneVsRestClassifier(one).fit(_wide(heard, scaler), labels_of(frame))
    weights = np.vstack([each.coef_ for each in regression.estimators_])
    cut = len(TEXTS) * LINEAR["hashed_features"]
    by_text = weights[:, :cut].reshape(len(weights), len(TEXTS), -1) * _text_weights()[:, None]
    return LinearModel(
        levels=levels,
        classes=regression.classes_.astype(np.int64),
        words=np.ascontiguousarray(by_text.transpose(2, 1, 0)),
        signals=weights[:, cut:].T,
        offsets=np.concatenate([each.intercept_ for each in regression.estimators_]),
        mean=scaler.mean_,
        scale=scaler.scale_,
    )


def spread(probabilities: Floats, classes: npt.NDArray[np.int64], levels: int) -> Floats:
    """Return probabilities of classes with a column for each level, 0 for one that was never seen."""
    told = np.zeros((len(probabilities), levels))
    told[:, classes] = probabilities
    return told


def _wide(heard: Heard, scaler: StandardScaler) -> sparse.csr_matrix:
    told, places = _hashed(heard)
    texts = [weight * told[at] for weight, at in zip(_text_weights(), places, strict=True)]
    signals = _standardised(heard.signals, scaler.mean_, scaler.scale_)
    return sparse.hstack([*texts, sparse.csr_matrix(signals)], format="csr")


def _hashed(heard: Heard) -> tuple[sparse.csr_matrix, npt.NDArray[np.intp]]:
    """Return hashed n-grams of the distinct texts, rows of length 1, and (texts, rows): which are where."""
    known: dict[str, int] = {}
    places = [known.setdefault(text, len(known)) for texts in heard.texts for text in texts]
    told = _HASHING.transform(map(_NGRAMS, known))
    in_each = np.diff(told.indptr)
    told.data = np.repeat(1 / np.sqrt(np.maximum(in_each, 1)), in_each)
    return told, np.array(places, dtype=np.intp).reshape(len(heard.texts), -1)


def _standardised(signals: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(np.clip((signals - mean) / scale, -_WIDEST, _WIDEST) * LINEAR["signal_weight"])


def _text_weights() -> Floats:
    return np.array([LINEAR["text_weights"][name] for name in TEXTS])
