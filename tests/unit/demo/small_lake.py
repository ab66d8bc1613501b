# ruff: noqa: E501 - rows of tables
"""A small lake for the report: journeys drawn at random, written with the declared schemas."""

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import write_deltalake

from spark_jobs.lake import tables

START = datetime(2026, 1, 5, tzinfo=UTC)
SECRET_TEXT = "this sentence must not be shown"
_STEPS = [
    ("web", "browse"), ("app", "browse"), ("web", "cart"), ("app", "cart"), ("chat", "bot"), ("chat", "agent"),
    ("web", "order"), ("web", "pay"), ("voice", "bot"), ("email", "agent"), ("social", "social"), ("store", "store"),
]  # fmt: skip
_AFTER = {
    "browse": [0, 1, 2, 3, 3, 4], "cart": [0, 4, 6, 6, 6, 8], "bot": [0, 5, 5, 6, 2], "agent": [0, 6, 11],
    "order": [7, 7, 7, 4], "pay": [11, 11, 10], "social": [9, 4], "store": [0, 1],
}  # fmt: skip


def write(root, table, rows):
    data = pa.Table.from_pylist(rows, schema=table.schema)
    write_deltalake(f"{root}/{table.path}", data, configuration=table.properties)


def walk(rng):
    way = [_STEPS[rng.choice([0, 0, 0, 1, 1, 10, 11, 4, 8, 9])]]
    while len(way) < 9 and rng.random() > 0.16:
        way.append(_STEPS[rng.choice(_AFTER[way[-1][1]])])
    return [step for i, step in enumerate(way) if i == 0 or step != way[i - 1]]


def outcome_of(way, rng):
    if any(stage == "pay" for _, stage in way):
        return "bought"
    if any(stage == "agent" for _, stage in way):
        return rng.choice(["resolved", "transferred", "escalated"])
    return rng.choice(["resolved", "abandoned", "abandoned"])


def journey_rows(number, rng):
    way = walk(rng)
    journey_id, person_id = f"j{number}", f"p{number % 400}"
    at = START + timedelta(hours=number % 900)
    steps, changes, visited, loops = [], [], [way[0][0]], 0
    for i, (channel, stage) in enumerate(way, start=1):
        steps.append({"journey_id": journey_id, "step": i, "person_id": person_id, "channel": channel,
                      "stage": stage, "started_at": at + timedelta(minutes=i), "dwell_s": 60.0, "events": 1})  # fmt: skip
        if i > 1 and channel != way[i - 2][0]:
            returns = channel in visited
            loops += returns
            visited.append(channel)
            changes.append({"journey_id": journey_id, "step": i - 1, "person_id": person_id, "gap_s": 60.0,
                            "from_channel": way[i - 2][0], "to_channel": channel, "returns": returns})  # fmt: skip
    journey = {"journey_id": journey_id, "person_id": person_id, "started_at": at, "ended_at": at,
               "outcome": outcome_of(way, rng), "sessions": 1, "steps": len(way), "channels": len(set(visited)),
               "loops": loops, "first_channel": way[0][0], "last_channel": way[-1][0], "amount_minor": None}  # fmt: skip
    return journey, steps, changes


def conversation_rows(number, rng):
    handed = rng.random() < 0.4
    score = min(0.99, max(0.01, rng.gauss(0.58 if handed else 0.3, 0.18)))
    conversation = {"conversation_id": f"c{number}", "person_id": f"p{number % 400}", "channel": "chat",
                    "language": "zh", "started_at": START, "ended_at": START, "turns": 4, "customer_turns": 2,
                    "bot_turns": 2, "agent_turns": 0, "first_wait_s": 3.0,
                    "handed_over_at": START if handed else None, "outcome": "resolved",
                    "csat": rng.choice([None, 3, 4, 5])}  # fmt: skip
    prediction = {"conversation_id": f"c{number}", "turn": 1, "model_name": "handover", "model_version": 1,
                  "probability": score, "soon_s": 9.0, "median_s": 30.0, "late_s": 99.0}  # fmt: skip
    return conversation, prediction


def funnel_rows(steps):
    reached = [
        len({s["journey_id"] for s in steps if s["stage"] == stage}) for stage in ("browse", "cart", "order", "pay")
    ]
    counts = [min(reached[: i + 1]) for i in range(4)]
    return [{"position": i + 1, "stage": stage, "journeys": counts[i], "people": counts[i],
             "dropped": counts[max(0, i - 1)] - counts[i], "median_s": 40.0 * 60**i if i else None}
            for i, stage in enumerate(("browse", "cart", "order", "pay"))]  # fmt: skip


def attribution_rows():
    shares = {"first": (0.5, 0.3, 0.2), "last": (0.7, 0.2, 0.1), "linear": (0.55, 0.25, 0.2),
              "time_decay": (0.6, 0.25, 0.15), "markov": (0.4, 0.4, 0.2), "shapley": (0.45, 0.35, 0.2)}  # fmt: skip
    return [{"model": model, "channel": channel, "credit": 200 * share, "share": share}
            for model, of in shares.items() for channel, share in zip(("web", "app", "chat"), of, strict=True)]  # fmt: skip


def identity_rows(people):
    """Person i has 1 + i mod 9 tokens; two more tokens are shared."""
    tokens = [{"token": f"cookie.1.{i}-{n}", "type": "cookie", "person_id": f"p{i}", "shared": False,
               "seen_as": f"cookie.1.{i}-{n}"} for i in range(people) for n in range(1 + i % 9)]  # fmt: skip
    shared = [{"token": f"device.1.{n}", "type": "device", "person_id": f"s{n}", "shared": True,
               "seen_as": f"device.1.{n}"} for n in range(2)]  # fmt: skip
    quarantine = [{"token": one["token"], "type": "device", "reason": "seen with more than 1 customer",
                   "neighbours": 7} for one in shared]  # fmt: skip
    return tokens + shared, quarantine


def small_lake(root, journeys=900, seed=1):
    """Write the tables that the report reads, and one with a text that it must not read."""
    rng = random.Random(seed)
    made = [journey_rows(i, rng) for i in range(journeys)]
    talks = [conversation_rows(i, rng) for i in range(journeys // 2)]
    write(root, tables.GOLD_JOURNEYS, [journey for journey, _, _ in made])
    write(root, tables.GOLD_JOURNEY_STEPS, [step for _, steps, _ in made for step in steps])
    write(root, tables.GOLD_TRANSITIONS, [change for _, _, changes in made for change in changes])
    write(root, tables.SILVER_CONVERSATIONS, [conversation for conversation, _ in talks])
    write(root, tables.GOLD_PREDICTIONS, [prediction for _, prediction in talks])
    write(root, tables.SILVER_EVENTS, [{"event_id": "e1", "text": SECRET_TEXT, "event_at": START}])
    steps = [step for _, steps, _ in made for step in steps]
    write(root, tables.GOLD_FUNNEL, funnel_rows(steps))
    write(root, tables.GOLD_ATTRIBUTION, attribution_rows() if journeys else [])
    people, quarantine = identity_rows(journeys // 3)
    write(root, tables.IDENTITY_PEOPLE, people if journeys else [])
    write(root, tables.IDENTITY_QUARANTINE, quarantine if journeys else [])
