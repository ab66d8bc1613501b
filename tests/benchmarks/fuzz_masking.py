"""Looks for texts on which masking breaks its promises, until the time is over; the same seed makes the same texts.

Texts are random mixtures of chatter, personal data in stacked disguises, any Unicode, hostile runs, JSON and
placeholders. A crash, a hang, a leak or a broken promise is printed with the seed of its round and a text that was
made as small as it could be; all texts are generated. A line of counts is printed every minute and at the end.

Example: python tests/benchmarks/fuzz_masking.py --minutes 10 --seed 1
"""

import argparse
import itertools
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from privacy.masking import MaskedText, Masker
from privacy.masking.detector import Detector
from privacy.masking.evaluation import entities, templates, values
from privacy.masking.evaluation.disguises import DISGUISES

PLANTS = {
    entities.PHONE_NUMBER: values.mobile,
    entities.CN_RESIDENT_ID: values.resident_id,
    entities.CREDIT_CARD: values.card,
    entities.EMAIL_ADDRESS: values.email,
    entities.IP_ADDRESS: values.ip_address,
    entities.IBAN_CODE: values.iban,
}
BOUND_S, BOUND_S_PER_CHARACTER = 0.5, 50e-6
"""What a text may take, generous for a busy machine: a hang is far beyond it."""
MOST_SHOWN = 8
"""How many texts are shown for each broken promise; the rest is only counted."""

CHATTER = (
    "你好", "在吗？", "谢谢，", "麻烦看一下", "ok thanks ", "please call ", "怎么还没到", "联系我：", "(", ")", "\n",
    "。", "，", " ", "<PHONE_NUMBER>", "[数字x]", "<PERSON>", "{\"a\": \"", "\"}", "[1, 2", "https://example.com/?q=",
    "&x=1", "> ", "=\n", "\\n",
)  # fmt: skip
# Around a planted value stands only what cannot be read as a part of it.
QUIET = ("你好，", "，谢谢", "麻烦看下 ", " 好的", "这个：", "。", "\n", " please ", "，在吗", "？")
HOSTILE = (
    "0", "1", "9", "a", " ", "@", ".", "-", "%", "%25", "&#", "\\u", "=", "(", "[", "{", "一", "①", "\u200b", "\u0301",
    "::", "3.", "a@",
)  # fmt: skip


class Broken(Exception):
    """A promise is broken; the message names which."""


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and where values stand in it of which nothing may stay readable."""

    text: str
    planted: tuple[tuple[int, int], ...] = ()


def planted_case(rng: random.Random) -> Case:
    """Return quiet words around values, each plain or in one disguise."""
    text, planted = "", []
    for _ in range(rng.randint(1, 3)):
        text += rng.choice(QUIET)
        entity = rng.choice(tuple(PLANTS))
        value = PLANTS[entity](rng)
        if rng.random() < 0.8:
            how = rng.choice([d for d in DISGUISES if entity in d.entities])
            value = how.write(value, rng)
        planted.append((len(text), len(text) + len(value)))
        text += value + rng.choice(QUIET)
    return Case(text, tuple(planted))


def stacked(rng: random.Random) -> str:
    """Return a value in several disguises on top of each other."""
    entity = rng.choice(tuple(PLANTS))
    value = PLANTS[entity](rng)
    for how in rng.choices([d for d in DISGUISES if entity in d.entities], k=rng.randint(1, 4)):
        value = how.write(value, rng)
    return value[:2000]


def any_unicode(rng: random.Random) -> str:
    """Return some characters of anywhere in Unicode, no half surrogates."""
    points = (rng.choice((rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x110000))) for _ in range(12))
    return "".join(chr(p) for p in points if not 0xD800 <= p <= 0xDFFF)


def hostile(rng: random.Random) -> str:
    """Return a long run of one or two short things, at times tens of thousands of characters."""
    size = rng.choice((10, 100, 1000, 20_000)) if rng.random() < 0.2 else 10
    return (rng.choice(HOSTILE) + rng.choice(("", rng.choice(HOSTILE)))) * size


def as_json(rng: random.Random) -> str:
    """Return JSON, JSON in a string of JSON at times, with a value in it."""
    held: object = {
        rng.choice(("tel", "note", "id")): rng.choice((stacked(rng), values.mobile(rng), 13)),
        "n": [1, None],
    }
    for _ in range(rng.randint(1, 4)):
        held = json.dumps(held, ensure_ascii=rng.random() < 0.5) if rng.random() < 0.5 else [held]
    return json.dumps(held)


def wild_case(rng: random.Random) -> Case:
    """Return a mixture of everything; nothing is claimed of what is found in it."""
    parts: tuple[Callable[[random.Random], str], ...] = (
        lambda r: r.choice(CHATTER), lambda r: r.choice(CHATTER), stacked, any_unicode, hostile, as_json,
        lambda r: r.choice((*templates.CHINESE, *templates.ENGLISH, *templates.NEGATIVE)),
        lambda r: values.digits(r, r.randint(1, 30)), lambda r: PLANTS[r.choice(tuple(PLANTS))](r),
    )  # fmt: skip
    return Case("".join(rng.choice(parts)(rng) for _ in range(rng.randint(1, 8))))


def check(case: Case, masker: Masker) -> None:
    """Hold one text against every promise.

    Raises:
        Broken: if it does not keep one.
    """
    text = case.text
    started = time.perf_counter()
    masked = masker.mask_text(text)
    if time.perf_counter() - started > BOUND_S + BOUND_S_PER_CHARACTER * len(text):
        raise Broken("hang: it took longer than its bound")
    _check_untouched(text, masked)
    if masker.mask_text(masked.text).text != masked.text:
        raise Broken("masking twice masks more")
    hidden = {position for span in masked.spans for position in range(span.start, span.end)}
    if any(position not in hidden for start, end in case.planted for position in range(start, end)):
        raise Broken("leak: a value is readable, in part at least")


def _check_untouched(text: str, masked: MaskedText) -> None:
    """Spans are sorted, disjoint and inside; each is one placeholder, and between them nothing has changed."""
    position, rest = 0, masked.text
    for span in masked.spans:
        if not position <= span.start < span.end <= len(text):
            raise Broken("spans are not sorted, disjoint and inside the text")
        kept = text[position : span.start]
        if not rest.startswith(f"{kept}<"):
            raise Broken("a character that is not masked has changed")
        _, closed, rest = rest[len(kept) :].partition(">")
        if not closed:
            raise Broken("a placeholder is not closed")
        position = span.end
    if rest != text[position:]:
        raise Broken("a character that is not masked has changed")


def smaller(case: Case) -> Iterator[Case]:
    """Yield the case without some of its text, the largest parts first; what is planted and its neighbours stay."""
    if len(case.planted) > 1:
        ends = (0, *(end for _, end in case.planted))
        starts = (*(start for start, _ in case.planted[1:]), len(case.text))
        for (start, end), before, after in zip(case.planted, ends, starts, strict=False):
            yield Case(case.text[before:after], ((start - before, end - before),))
    size = len(case.text) // 2
    while size:
        for first in range(0, len(case.text), size):
            last = min(first + size, len(case.text))
            if any(start - 1 < last and first < end + 1 for start, end in case.planted):
                continue
            moved = tuple((s - size, e - size) if s >= last else (s, e) for s, e in case.planted)
            yield Case(case.text[:first] + case.text[last:], moved)
        size //= 2


def verdict(case: Case, masker: Masker) -> str:
    """Return which promise is broken, or nothing."""
    try:
        check(case, masker)
    except Broken as broken:
        return str(broken)
    except Exception as error:  # noqa: BLE001 - any other error is a crash, which is what we look for
        return f"crash: {_place_of(error)}"
    return ""


def _place_of(error: Exception) -> str:
    """Say what was raised, and where, without its text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"


def minimised(case: Case, broken: str, masker: Masker, seconds: float = 5.0) -> Case:
    """Return a case as small as can be found in some seconds that breaks the same promise."""
    deadline = time.perf_counter() + seconds
    shrunk = True
    while shrunk:
        shrunk = False
        for candidate in smaller(case):
            if time.perf_counter() > deadline:
                return case
            if verdict(candidate, masker) == broken:
                case, shrunk = candidate, True
                break
    return case


def batch_verdict(texts: list[str], masker: Masker, fresh: Masker) -> tuple[str, str]:
    """Return the promise that a batch breaks and the text on which it does, or nothing."""
    try:
        together, alone = fresh.mask_texts(texts), [masker.mask_text(text) for text in texts]
    except Exception as error:  # noqa: BLE001 - any error is a crash, which is what we look for
        return f"crash in a batch: {_place_of(error)}", ""
    unlike = [text for text, one, other in zip(texts, together, alone, strict=True) if one != other]
    return ("a batch is masked unlike its texts", unlike[0]) if unlike else ("", "")


def findings_of(round_: int, seed: int, masker: Masker, counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Make the texts of a round and yield each broken promise with a small text that breaks it."""
    rng = random.Random(f"{seed} {round_}")
    cases = [(planted_case if rng.random() < 0.5 else wild_case)(rng) for _ in range(8)]
    counts["texts"] += len(cases)
    counts["characters"] += sum(len(case.text) for case in cases)
    for case in cases:
        broken = verdict(case, masker)
        if broken:
            seen = counts[f"broken: {broken}"] < MOST_SHOWN
            yield broken, minimised(case, broken, masker).text if seen else ""
    broken, text = batch_verdict([case.text for case in cases], masker, Masker(Detector()))
    if broken:
        yield broken, text


def fuzz(minutes: float, seed: int) -> Counter[str]:
    """Look for broken promises until the time is over; return how often each was broken, and counts."""
    masker, counts = Masker.default(), Counter[str]()
    begin = told = time.perf_counter()
    for round_ in itertools.count(1):
        for broken, text in findings_of(round_, seed, masker, counts):
            counts[f"broken: {broken}"] += 1
            if counts[f"broken: {broken}"] <= MOST_SHOWN:
                shown = {"broken": broken, "seed": seed, "round": round_, "text": text[:2000]}
                print(json.dumps(shown), flush=True)
        now = time.perf_counter()
        if now - told > 60:
            told = now
            print(json.dumps({"minutes": round((told - begin) / 60, 1), "seed": seed, **counts}), flush=True)
        if now - begin > 60 * minutes:
            break
    return counts


def main() -> None:
    """Run the fuzzer; the exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    counts = fuzz(args.minutes, args.seed)
    findings = sum(count for name, count in counts.items() if name.startswith("broken"))
    print(json.dumps({"fuzz": "masking", "minutes": args.minutes, "seed": args.seed, "findings": findings, **counts}))
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
