"""The truth about a world as a JSON file, to measure the pipeline against. It holds no personal data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from privacy.errors import MangroveError
from services.simulator.best import Best, Chances, best_of_talks
from services.simulator.handover import LAST_MESSAGE
from services.simulator.journeys import planted
from services.simulator.recorder import DUPLICATE_SHARE, INVALID_SHARE, LATE_SHARE
from services.simulator.talks import TalkTruth
from services.simulator.world import DAYS, World


class TruthExists(MangroveError):
    """There is a truth about another world."""

    reason = "TRUTH_EXISTS"

    def __init__(self) -> None:
        super().__init__(
            "There is the truth about another world already, which was sent with other people or another seed; "
            "nothing was sent now. Name another file with --truth, or move that one away."
        )


def truth(world: World) -> dict[str, Any]:
    """Everything that is true of a world, under opaque event ids, conversation ids and person keys.

    `people` maps event id → person key. `conversations` maps conversation id → topic, channel, language,
    outcome, whether a human took over, and one entry for each customer message to the bot: its event id, its
    place among the customer's messages from 1, the chance that it triggers the hand-over (`hazard`), the chance that
    it or a later one does (`later`) for who knows how impatient the customer is, and the best possible predictions of
    hand-over, abandonment, escalation and resolution for who does not: `best` with the person's earlier conversations
    in view, `best_alone` with this one only; the same for the customer's messages to an agent. `needs` lists each
    person's ways with outcome, channels and loops, `journeys` the same cut into journeys as the pipeline cuts them, and
    `planted` what these come to: the share with a loop, the share that goes online → offline → online, and how often
    each channel was left for each other one. `shared_events` are, by kind, the events that show an identifier which is
    not the person's own. The rest are event ids out of the ordinary.
    """
    marks, best = world.marks, best_of_talks(world.talks)
    return {
        "parameters": _parameters(world),
        "counts": _counts(world),
        "people": marks.person_of,
        "conversations": {
            talk.conversation_id: _conversation(talk, best[talk.conversation_id]) for talk in world.talks
        },
        "needs": [
            {
                "person": way.person,
                "need": way.need,
                "outcome": way.outcome,
                "channels": way.channels,
                "loops": way.loops,
                "events": way.events,
            }
            for way in world.ways
        ],
        "journeys": [
            {"person": one.person, "channels": one.channels, "loops": one.loops, "bought": one.bought}
            for one in world.journeys
        ],
        "planted": _planted(world),
        "invalid_events": marks.invalid,
        "without_consent_events": marks.without_consent,
        "duplicate_events": marks.duplicates,
        "late_events": marks.late,
        "shared_events": marks.shared,
        "nameless_events": marks.nameless,
    }


def _conversation(talk: TalkTruth, best: Sequence[Best]) -> dict[str, Any]:
    return {
        "person": talk.person,
        "topic": talk.topic,
        "channel": talk.channel,
        "language": talk.language,
        "outcome": talk.outcome,
        "handed_over": talk.handed_over,
        "turns": [
            {
                "event_id": event_id,
                "customer_turn": i,
                "hazard": round(hazard, 6),
                "later": round(later, 6),
                **_best(possible),
            }
            for i, ((event_id, hazard, later), possible) in enumerate(zip(talk.turns, best, strict=False), start=1)
        ],
        "turns_with_agent": [
            {"event_id": event_id, "customer_turn": i, **_best(possible)}
            for i, (event_id, possible) in enumerate(
                zip(talk.to_agent, best[len(talk.turns) :], strict=True), start=len(talk.turns) + 1
            )
        ],
    }


def _best(best: Best) -> dict[str, dict[str, float]]:
    return {"best": _rounded(best.known), "best_alone": _rounded(best.alone)}


def _rounded(chances: Chances) -> dict[str, float]:
    return {name: round(chance, 6) for name, chance in asdict(chances).items()}


def _parameters(world: World) -> dict[str, Any]:
    return {
        "seed": world.seed,
        "people": world.people,
        "start": world.start.isoformat(),
        "days": DAYS,
        "sharing": asdict(world.sharing),
        "invalid_share": INVALID_SHARE,
        "duplicate_share": DUPLICATE_SHARE,
        "late_share": LATE_SHARE,
        "bot_messages_at_most": LAST_MESSAGE,
    }


def _planted(world: World) -> dict[str, Any]:
    found = planted(world.journeys)
    changes: dict[str, dict[str, int]] = {}
    for (left, entered), count in sorted(found.changes.items()):
        changes.setdefault(left, {})[entered] = count
    return {
        "journeys": found.journeys,
        "loop_share": round(found.loop_share, 6),
        "online_offline_online_share": round(found.there_and_back_share, 6),
        "transitions": changes,
    }


def _counts(world: World) -> dict[str, Any]:
    marks = world.marks
    return {
        "sent": len(world.sent),
        "events": len(marks.person_of),
        "invalid": len(marks.invalid),
        "without_consent": len(marks.without_consent),
        "duplicates": len(marks.duplicates),
        "late": len(marks.late),
        "conversations": len(world.talks),
        "handed_over": sum(talk.handed_over for talk in world.talks),
        "shared": {kind: len(events) for kind, events in sorted(marks.shared.items())},
        "needs": len(world.ways),
        "needs_with_loops": sum(way.loops > 0 for way in world.ways),
        "outcomes": dict(sorted(Counter(way.outcome for way in world.ways).items())),
    }


def write_truth(world: World, path: Path) -> None:
    """Write the truth as JSON. Personal data is not in it."""
    path.write_bytes(_json(world))


def write_new_truth(world: World, path: Path) -> None:
    """Write the truth where no other one stands; that of the same world may, so that it can be sent again.

    Raises:
        TruthExists: if there is another world's truth, or any other file.
    """
    content = _json(world)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        if not path.is_file() or path.read_bytes() != content:
            raise TruthExists from None


def _json(world: World) -> bytes:
    return orjson.dumps(truth(world), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
