"""A partner before the handlers, without a server between."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from privacy.dp.aggregates import ExactAggregates
from privacy.ledger.port import Reservation
from services.private_query.catalogue import load_catalogue
from services.private_query.engine import DeltaEngine
from services.private_query.handlers import run_query
from services.private_query.planning import plan
from services.private_query.ports import Answer, Ports
from services.private_query.question import AskedMeasure, Question, RhoPrice
from services.private_query.wire import answer_to_bytes
from tests.fakes.ledger import FakeLedger
from tests.unit.private_query.homes import DAYS, FIRST_DAY

MUCH = 10_000_000_000


class Asked:
    """A partner before the handlers; keeps the last answer as it was before it was encoded."""

    def __init__(self, folder: Path, partner: str = "ada") -> None:
        self.folder = folder
        self.partner = partner
        self.answers: list[Answer] = []
        self.ports = Ports(
            load_catalogue(folder / "catalogue.toml"),
            DeltaEngine(str(folder / "lake")),
            FakeLedger(),
            b"t" * 32,
            self._encode,
        )

    def _encode(self, answer: Answer, _reservation: Reservation) -> bytes:
        self.answers.append(answer)
        return answer_to_bytes(answer)

    def exact(self, **changes: Any) -> ExactAggregates:
        asked_for = plan(a_question(**changes), self.ports.catalogue.get("conversations", self.partner))
        engine = self.ports.engine
        return engine.aggregate(engine.pin(asked_for.dataset), asked_for, self.ports.truncation_secret)

    def run(self, **changes: Any) -> Answer:
        run_query(a_question(**changes), partner=self.partner, ports=self.ports)
        return self.answers[-1]


def a_question(**changes: Any) -> Question:
    question = Question(
        dataset="conversations",
        measures=(AskedMeasure("count"),),
        group_by=(),
        filters=(),
        from_day=FIRST_DAY.isoformat(),
        until_day=(FIRST_DAY + timedelta(days=DAYS)).isoformat(),
        price=RhoPrice(MUCH),
    )
    return replace(question, **changes)
