"""Masked texts a second and the cost of a character by length, as JSON lines.

Everything runs in one process, in rounds in which the engines take turns; figures are medians of the rounds. Every
round has a masker that has seen nothing. Chat lines are masked twice: each line once, so that no memory helps, and as
they come, with the greetings and stock phrases that come again and again. The peers, being slow, get a part of the
lines: Presidio holding the same patterns as its own pattern recognizers, Presidio holding our finders with all that
they check, and Presidio as it comes (without a language model).

Example: python tests/benchmarks/bench_masking.py --rounds 5
"""

import argparse
import itertools
import json
import random
import string
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from privacy.masking import Masker
from privacy.masking.detector import Detector
from privacy.masking.evaluation import entities, values
from privacy.masking.evaluation.generated import generate, generate_tickets
from privacy.masking.evaluation.labelled import LabelledSpan
from privacy.masking.evaluation.run import Finder, mangrove_finder, stock_finder
from privacy.masking.ports import OtherDetector
from privacy.masking.presidio import analyzer_with_patterns, analyzer_with_rules, stock_analyzer

CHATS = Path(__file__).parents[3] / "shared" / "data" / "satisfaction_jddc.jsonl"
BATCH = 500
PEER_LINES, STOCK_LINES, PEER_TICKETS, PLANTED = 1000, 500, 100, 300
LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
MOST_GROWTH = 2.0
MIXED = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会，。 0138aBc"

Work = Callable[[Sequence[str]], object]


def chat_lines() -> tuple[list[str], str]:
    """Return chat lines in the order in which they were written, and where they come from."""
    if CHATS.exists():
        with CHATS.open(encoding="utf-8") as file:
            dialogues = [json.loads(line)["turns"] for line in file]
        lines = [turn[party] for turns in dialogues for turn in turns for party in ("user", "agent")]
        return [line for line in lines if line], "real chat lines"
    return [labelled.text for labelled in generate(1, 40_000)], "generated lines, for there are no real ones here"


def each_once(lines: Sequence[str]) -> list[str]:
    """Return the distinct lines in an order of chance."""
    distinct = list(dict.fromkeys(lines))
    random.Random(7).shuffle(distinct)
    return distinct


def per_second(work: Work, texts: Sequence[str]) -> float:
    """Return how many texts a second `work` takes."""
    started = time.perf_counter()
    work(texts)
    return len(texts) / (time.perf_counter() - started)


def fresh_masker() -> Masker:
    """Return a masker that has seen nothing yet."""
    return Masker(Detector())


def batches() -> Work:
    """Return the work of masking texts in batches."""
    masker = fresh_masker()

    def work(texts: Sequence[str]) -> None:
        for first in range(0, len(texts), BATCH):
            masker.mask_texts(texts[first : first + BATCH])

    return work


def one_by_one(find: Callable[[str], object]) -> Work:
    """Return the work of showing texts to a function of one."""

    def work(texts: Sequence[str]) -> None:
        for text in texts:
            find(text)

    return work


def compare(rounds: int, runs: dict[str, tuple[Callable[[], Work], Sequence[str]]]) -> dict[str, float]:
    """Let every engine take its turn in every round; return the median of texts a second of each.

    Args:
        rounds: How many rounds count; one more before them warms up.
        runs: By name: what makes the work of a round, untimed, and the texts.
    """
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, (prepare, texts) in runs.items():
            rates[name].append(per_second(prepare(), texts))
    return {name: median(some[1:]) for name, some in rates.items()}


def bench_chats(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield lines a second on chats, against all peers."""
    lines, source = chat_lines()
    distinct = each_once(lines)
    rates = compare(
        rounds,
        {
            "as they come": (batches, lines),
            "each once": (batches, distinct),
            "patterns": (_peer(analyzer_with_patterns()), distinct[:PEER_LINES]),
            "finders": (_peer(analyzer_with_rules()), distinct[:PEER_LINES]),
            "stock": (_peer(stock_analyzer()), distinct[:STOCK_LINES]),
        },
    )
    for which, texts in (("as they come", lines), ("each once", distinct)):
        yield {
            "bench": f"chat lines, {which}",
            "texts": source,
            "batch": BATCH,
            "lines_a_round": len(texts),
            "mean_length": round(sum(map(len, texts)) / len(texts), 1),
            "lines_per_s": round(rates[which]),
            **_beside(rates, which, "patterns", 50),
            **_beside(rates, which, "finders", None),
            **_beside(rates, which, "stock", 100),
            "rounds": rounds,
        }
    yield phone_recall(distinct)


def _peer(analyzer: OtherDetector) -> Callable[[], Work]:
    work = one_by_one(analyzer.find)
    return lambda: work


def _beside(rates: dict[str, float], ours: str, peer: str, goal: int | None) -> dict[str, Any]:
    name = {"patterns": "presidio_with_our_patterns", "finders": "presidio_with_our_finders", "stock": "stock_presidio"}
    figures = {f"{name[peer]}_per_s": round(rates[peer], 1), f"times_{name[peer]}": round(rates[ours] / rates[peer], 1)}
    return figures | ({f"goal_times_{name[peer]}": goal} if goal else {})


def phone_recall(lines: Sequence[str]) -> dict[str, Any]:
    """Return the share of phones found, exact span and kind, that are planted into chat lines."""
    rng = random.Random(8)
    texts, planted = [], []
    for line in lines[:PLANTED]:
        phone = rng.choice((values.written_mobile, values.landline, values.international))(rng)
        text = f"{line[:40]}，打{phone}吧"
        start = text.rindex(phone)
        texts.append(text)
        planted.append(LabelledSpan(start, start + len(phone), entities.PHONE_NUMBER))

    def recall(find: Finder) -> float:
        return round(sum(p in found for p, found in zip(planted, find(texts), strict=True)) / len(planted), 4)

    ours, theirs = recall(mangrove_finder()), recall(stock_finder())
    return {
        "bench": "phones planted into chat lines",
        "phones": len(planted),
        "recall": ours,
        "recall_of_stock": theirs,
    }


def bench_tickets(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield tickets a second, in batches and one by one, against Presidio holding our rules."""
    tickets = generate_tickets(5, 2 * BATCH)
    texts = [ticket.text for ticket in tickets]
    rates = compare(
        rounds,
        {
            "in batches": (batches, texts),
            "one by one": (lambda: one_by_one(fresh_masker().mask_text), texts[:BATCH]),
            "patterns": (_peer(analyzer_with_patterns()), texts[:PEER_TICKETS]),
            "finders": (_peer(analyzer_with_rules()), texts[:PEER_TICKETS]),
        },
    )
    for which in ("in batches", "one by one"):
        yield {
            "bench": f"tickets, {which}",
            "mean_length": round(sum(map(len, texts)) / len(texts)),
            "mean_entities": round(sum(len(ticket.spans) for ticket in tickets) / len(tickets), 1),
            "tickets_per_s": round(rates[which]),
            **_beside(rates, which, "patterns", 8),
            **_beside(rates, which, "finders", None),
            "rounds": rounds,
        }


def _dense(rng: random.Random, length: int) -> str:
    tickets = (t.text for seed in itertools.count(rng.randrange(10**6)) for t in generate_tickets(seed, 200))
    parts: list[str] = []
    while length > 0:
        parts.append(next(tickets)[:length])
        length -= len(parts[-1])
    return "".join(parts)


KINDS: dict[str, Callable[[random.Random, int], str]] = {
    "digits": lambda rng, length: "".join(rng.choices(string.digits, k=length)),
    "letters": lambda rng, length: "".join(rng.choices(string.ascii_lowercase + "  ", k=length)),
    "mixed Han": lambda rng, length: "".join(rng.choices(MIXED, k=length)),
    "dense tickets": _dense,
}


def bench_lengths(rounds: int) -> Iterator[dict[str, Any]]:
    """Yield the cost of a character by length for each kind of text; it is linear if it hardly grows."""
    masker, rng = fresh_masker(), random.Random(9)
    for kind, make in KINDS.items():
        ns: dict[int, list[float]] = {length: [] for length in LENGTHS}
        for _ in range(rounds):
            for length in LENGTHS:
                text = make(rng, length)
                started = time.perf_counter_ns()
                masker.mask_texts([text])
                ns[length].append((time.perf_counter_ns() - started) / length)
        costs = {length: round(median(some), 1) for length, some in ns.items()}
        growth = round(costs[1_000_000] / costs[10_000], 2)
        yield {
            "bench": "cost by length",
            "text": kind,
            "ns_per_character": costs,
            "1_MB_to_10_KB": growth,
            "goal_at_most": MOST_GROWTH,
            "reached": growth <= MOST_GROWTH,
            "rounds": rounds,
        }


def main() -> None:
    """Run the benchmark, or some of it."""
    benches = {"chats": bench_chats, "tickets": bench_tickets, "lengths": bench_lengths}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=benches, action="append", help="run this one; may be repeated")
    args = parser.parse_args()
    for name in args.only or benches:
        for line in benches[name](args.rounds):
            print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
