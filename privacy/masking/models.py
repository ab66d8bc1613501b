"""An optional model of names that an installation has: a spaCy pipeline or a transformers token classifier.

The policy names it as "spacy:NAME_OR_PATH" or "transformers:PATH". It is read from this machine and nothing is ever
downloaded; a model that cannot be loaded stops the start instead of letting texts pass without it.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from privacy.masking.failures import MaskingFailed
from privacy.masking.ports import OtherDetector

_PERSON = re.compile(r"(?:[BIESLUM][-_])?(?:PERSON|PER|NAME|NR|人名|姓名)", re.IGNORECASE)
_WINDOW = 400
_OVERLAP = 40


class ModelMissing(MaskingFailed):
    """The policy names a model, or a package for it, that is not on this machine.

    Args:
        sentence: What is missing and how to put it there.
        detector: The kind of model, for counting.
    """

    reason = "MODEL_MISSING"

    def __init__(self, sentence: str, detector: str) -> None:
        super().__init__(detector, "missing")
        self.sentence = sentence
        self.args = (sentence,)


def load_name_model(spec: str) -> OtherDetector:
    """Return the detector of names that a policy asks for.

    Args:
        spec: "spacy:NAME_OR_PATH" (an installed pipeline or a folder) or "transformers:PATH" (a folder).

    Raises:
        ModelMissing: The kind is unknown, or the package or the model is not on this machine.
    """
    kind, _, name = spec.partition(":")
    if kind not in _KINDS or not name:
        raise ModelMissing(
            'The policy names a model in a form nobody knows. Write "spacy:NAME_OR_PATH" or "transformers:PATH".',
            "model",
        )
    return _KINDS[kind](name)


class SpacyNames:
    """Names that a spaCy pipeline with entities finds."""

    name = "spacy"

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """Return the persons of the pipeline, in code points of the text."""
        found = self._pipeline(text).ents
        return [(entity.start_char, entity.end_char, "PERSON") for entity in found if is_person(entity.label_)]


class TransformersNames:
    """Names that a token classifier finds, in overlapping windows so that a long text is seen whole."""

    name = "transformers"

    def __init__(self, classify: Callable[[str], Sequence[dict[str, Any]]]) -> None:
        self._classify = classify

    def find(self, text: str) -> Sequence[tuple[int, int, str]]:
        """Return the persons of the classifier, in code points of the text; those of touching windows are joined."""
        spans = sorted(
            (start + int(group["start"]), start + int(group["end"]))
            for start in range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP)
            for group in self._classify(text[start : start + _WINDOW])
            if is_person(str(group["entity_group"]))
        )
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            elif end > start:
                joined.append((start, end))
        return [(start, end, "PERSON") for start, end in joined]


def is_person(label: str) -> bool:
    """Say whether a model's label, such as PERSON, PER, B-PER or 人名, means a person."""
    return _PERSON.fullmatch(label) is not None


def _load_spacy(name: str) -> OtherDetector:
    spacy = _package("spacy")
    try:
        pipeline = spacy.load(name)
    except (OSError, ValueError, ImportError) as error:
        raise ModelMissing(
            "The spaCy pipeline that the policy names could not be loaded. Install it, or give the folder it is in.",
            "spacy",
        ) from error
    return SpacyNames(pipeline)


def _load_transformers(path: str) -> OtherDetector:
    transformers = _package("transformers")
    missing = ModelMissing(
        "The transformers model that the policy names could not be loaded. Give a folder that holds the model and its "
        "fast tokenizer; nothing is downloaded.",
        "transformers",
    )
    if not Path(path).is_dir():
        raise missing
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True, use_fast=True)
        model = transformers.AutoModelForTokenClassification.from_pretrained(path, local_files_only=True)
        classify = transformers.pipeline(
            "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple"
        )
    except (OSError, ValueError, ImportError) as error:
        raise missing from error
    return TransformersNames(classify)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelMissing(
            f"The policy names a {name} model, but the package {name} is not installed. Install it beside Mangrove, or "
            "take the model out of the policy.",
            name,
        ) from error


_KINDS: dict[str, Callable[[str], OtherDetector]] = {"spacy": _load_spacy, "transformers": _load_transformers}
