"""Masked texts a second and the cost of a character by length, as JSON lines.

Everything runs in one process, in rounds in which the engines take turns; figures are medians of the rounds. No text
comes twice in a round, and every round has a masker that has seen nothing, so that no cache helps. The peers are
Presidio holding the same rules, and Presidio as it comes (without a language model); being slow, they get a part of
the texts.

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
from privacy.masking.presidio import analyzer_with_rules, stock_analyzer

CHATS = Path(__file__).parents[3] / "shared" / "data" / "satisfaction_jddc.jsonl"
BATCH = 500
PEER_LINES, STOCK_LINES, PEER_TICKETS, PLANTED = 1000, 500, 100, 300
LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
MOST_GROWTH = 2.0
MIXED = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会，。 0138aBc"

Work = Callable[[Sequence[str]], object]


def chat_lines() -> tuple[list[str], str]:
    """Return distinct chat lines in an order of chance, and where they come from."""
    if CHATS.exists():
        with CHATS.open(encoding="utf-8") as file:
            dialogues = [json.loads(line)["turns"] for line in file]
        lines = [turn[party] for turns in dialogues for turn in turns for party in ("user", "agent")]
        source = "real chat lines"
    else:
        lines = [labelled.text for labelled in generate(1, 40_000)]
        source = "generated lines, for there are no real ones here"
    distinct = [line for line in dict.fromkeys(lines) if line]
    random.Random(7).shuffle(distinct)
    return distinct, source


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
    """Yield lines a second on chats, against both peers."""
    lines, source = chat_lines()
    holding, stock = one_by_one(analyzer_with_rules().find), one_by_one(stock_analyzer().find)
    rates = compare(
        rounds,
        {
            "mangrove": (batches, lines),
            "holding": (lambda: holding, lines[:PEER_LINES]),
            "stock": (lambda: stock, lines[:STOCK_LINES]),
        },
    )
    yield {
        "bench": "chat lines",
        "texts": source,
        "batch": BATCH,
        "lines_a_round": len(lines),
        "lines_a_round_of_peers": PEER_LINES,
        "mean_length": round(sum(map(len, lines)) / len(lines), 1),
        "lines_per_s": round(rates["mangrove"]),
        "presidio_with_our_rules_lines_per_s": round(rates["holding"]),
        "ratio": round(rates["mangrove"] / rates["holding"], 1),
        "goal": 50,
        "stock_presidio_lines_per_s": round(rates["stock"]),
        "ratio_to_stock": round(rates["mangrove"] / rates["stock"], 1),
        "goal_to_stock": 100,
        "rounds": rounds,
    }
    yield phone_recall(lines)


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
    holding = one_by_one(analyzer_with_rules().find)
    rates = compare(
        rounds,
        {
            "batches": (batches, texts),
            "single": (lambda: one_by_one(fresh_masker().mask_text), texts[:BATCH]),
            "holding": (lambda: holding, texts[:PEER_TICKETS]),
        },
    )
    yield {
        "bench": "tickets",
        "mean_length": round(sum(map(len, texts)) / len(texts)),
        "mean_entities": round(sum(len(ticket.spans) for ticket in tickets) / len(tickets), 1),
        "batch": BATCH,
        "tickets_per_s": round(rates["batches"]),
        "tickets_per_s_one_by_one": round(rates["single"]),
        "presidio_with_our_rules_tickets_per_s": round(rates["holding"], 1),
        "tickets_a_round_of_peers": PEER_TICKETS,
        "ratio": round(rates["batches"] / rates["holding"], 1),
        "ratio_one_by_one": round(rates["single"] / rates["holding"], 1),
        "goal": 8,
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
