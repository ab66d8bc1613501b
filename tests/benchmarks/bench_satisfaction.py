"""How well satisfaction is told on real dialogues, and how fast. Prints JSON lines.

A file is measured by itself, and with the others of its language to learn from as well (`also`).

Run with OMP_NUM_THREADS=1: python -m tests.benchmarks.bench_satisfaction [jddc mwoz sgd redial]
The files are those of the folder of shared data beside the repository; one that is absent is passed over.
The peer of the speed is what one writes first: TF-IDF and a logistic regression, each turn by itself.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ml.satisfaction.ahead import cross_validate_ahead
from ml.satisfaction.dialogues import Dialogue, levels_of, put_together, read_dialogues
from ml.satisfaction.evaluation import cross_validate
from ml.satisfaction.model import SETTINGS, fit_model
from ml.satisfaction.moments import CONVERSATION, DIALOGUE, SAID, labels_of, learning_moments, moments_of

DATA = Path(__file__).parents[3] / "shared" / "data"
NAMES = ("jddc", "mwoz", "sgd", "redial")
ENGLISH = ("mwoz", "sgd", "redial")
_PEER_TURNS = 2_000


def told(**facts: object) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def read(name: str) -> tuple[Dialogue, ...]:
    path = DATA / f"satisfaction_{name}.jsonl"
    return read_dialogues(path) if path.exists() else ()


def quality_with_others(name: str, dialogues: tuple[Dialogue, ...]) -> None:
    others = [other for other in ENGLISH if other != name]
    also = [dialogue for other in others for dialogue in read(other)]
    for by in (DIALOGUE, CONVERSATION):
        measured = asdict(cross_validate(dialogues, by, also=also).model)
        told(benchmark="satisfaction", file=name, folds_by=by, also=others, **measured)


def quality(name: str, dialogues: tuple[Dialogue, ...]) -> None:
    for by in (DIALOGUE, CONVERSATION):
        result = cross_validate(dialogues, by)
        for model, measured in result.by_model.items():
            told(benchmark="satisfaction", file=name, folds_by=by, model=model, turns=result.turns, **asdict(measured))
        ahead = cross_validate_ahead(dialogues, by)
        for model, measures in ahead.by_model.items():
            told(benchmark="ahead", file=name, folds_by=by, model=model, moments=ahead.moments, **measures)


def speed(name: str, dialogues: tuple[Dialogue, ...]) -> None:
    """Score conversations put together, so that no text is there twice because of windows."""
    learned = learning_moments(dialogues)
    model = fit_model(learned, levels_of(dialogues))
    whole = put_together(dialogues)
    turns = sum(len(one.turns) for one in whole)
    began = time.process_time()
    frame = moments_of(whole)
    read = time.process_time() - began
    model.predict_proba(frame)
    ours = turns / (time.process_time() - began)
    peer = make_pipeline(
        TfidfVectorizer(token_pattern=SETTINGS["tokens"], ngram_range=SETTINGS["ngrams"]), LogisticRegression()
    ).fit(learned[SAID], labels_of(learned))
    texts = list(frame[SAID])[:_PEER_TURNS]
    began = time.process_time()
    for text in texts:
        peer.predict_proba([text])
    theirs = len(texts) / (time.process_time() - began)
    told(
        benchmark="scoring", file=name, turns=turns, turns_per_s=round(ours),
        signals_share=round(read * ours / turns, 3),
        tfidf_one_by_one_per_s=round(theirs), ratio=round(ours / theirs, 1),
    )  # fmt: skip


def main() -> None:
    asked = [one for one in sys.argv[1:] if not one.startswith("--")]
    for name in asked or NAMES:
        dialogues = read(name)
        if not dialogues:
            told(benchmark="satisfaction", file=name, skipped="the shared data is not there")
            continue
        speed(name, dialogues)
        if "--speed" not in sys.argv:
            quality(name, dialogues)
            if name in ENGLISH:
                quality_with_others(name, dialogues)


if __name__ == "__main__":
    main()
