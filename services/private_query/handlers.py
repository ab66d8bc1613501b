"""What the service does, in the order in which it happens. Blocking: run it off the event loop."""

from dataclasses import dataclass

from privacy.dp.accounting import target_error_for
from privacy.dp.aggregates import aggregate
from privacy.dp.intervals import estimates, half_width
from privacy.dp.mechanism import epsilon_at, noise_scales, release
from privacy.dp.truncation import order_key, truncate
from privacy.dp.types import NanoRho
from privacy.ledger.port import BudgetExceeded, Charge, Reservation, StoredAnswer
from services.private_query.planning import Plan, plan
from services.private_query.ports import Answer, Guarantee, MeasureNoise, Ports, Snapshot
from services.private_query.question import Question


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes of an answer, and whether they were given before."""

    answer: bytes
    reused: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a question would cost, and how exact it would be."""

    price: NanoRho
    epsilon: float
    delta: float
    noise: tuple[MeasureNoise, ...]
    groups: int
    affordable: bool


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A partner's budget on a dataset, in nano-rho."""

    dataset: str
    limit: NanoRho
    spent: NanoRho

    @property
    def left(self) -> NanoRho:
        """What may still be spent, 0 or more."""
        return NanoRho(max(0, self.limit - self.spent))


def run_query(question: Question, *, partner: str, ports: Ports) -> Answered:
    """Answer a question with differential privacy, and charge for it before any noise is drawn.

    A failure before the reservation costs nothing, one after it counts as spent.

    Raises:
        DatasetUnknown, QuestionInvalid, PriceMissing: if the question cannot be answered.
        DatasetUnavailable, LedgerUnavailable: if it cannot be answered now.
        BudgetExceeded: if a budget does not cover it.
    """
    asked = plan(question, ports.catalogue.get(question.dataset, partner))
    snapshot = ports.engine.pin(asked.dataset)
    charge = asked.charge(partner, snapshot.table_version)
    stored = ports.ledger.find(charge)
    if stored is not None:
        return Answered(stored.answer, reused=True)
    rows = ports.engine.read(snapshot, asked)
    bounded = truncate(rows, asked.keys, asked.bounds, order_key(ports.truncation_secret, asked.question))
    exact = aggregate(bounded, asked.measures)
    reservation = _reserve(charge, asked, ports)
    if isinstance(reservation, StoredAnswer):
        return Answered(reservation.answer, reused=True)
    try:
        noisy = release(exact, reservation)
        rows_out = tuple(zip(asked.keys.combinations(), estimates(noisy), strict=True))
        names = tuple(measure.name for measure in asked.measures)
        answer = ports.encode(Answer(asked.keys.names, names, rows_out, _guarantee(asked, snapshot)))
        ports.ledger.commit(reservation, answer)
    finally:
        ports.ledger.abandon(reservation)
    return Answered(answer, reused=False)


def _reserve(charge: Charge, asked: Plan, ports: Ports) -> Reservation | StoredAnswer:
    try:
        return ports.ledger.reserve(charge, asked.dataset.limits)
    except BudgetExceeded as refusal:
        if not refusal.left:
            raise
        wider = target_error_for(asked.measures, asked.bounds, refusal.left)
        raise refusal.with_wider_error(wider) from None


def preview_query(question: Question, *, partner: str, ports: Ports) -> Preview:
    """Say what a question would cost and how exact it would be, without touching data or budget.

    Raises:
        DatasetUnknown, QuestionInvalid, PriceMissing: if the question cannot be answered.
        LedgerUnavailable: if the budget cannot be read.
    """
    asked = plan(question, ports.catalogue.get(question.dataset, partner))
    budget = get_budget(question.dataset, partner=partner, ports=ports)
    delta = asked.dataset.delta
    return Preview(
        price=asked.price,
        epsilon=epsilon_at(asked.price, delta),
        delta=delta,
        noise=_noise(asked),
        groups=asked.keys.size,
        affordable=asked.price <= budget.left,
    )


def get_budget(dataset: str, *, partner: str, ports: Ports) -> BudgetState:
    """Say what a partner has spent on a dataset.

    Raises:
        DatasetUnknown: if there is no such dataset for the partner.
        LedgerUnavailable: if the ledger cannot be read.
    """
    limit = ports.catalogue.get(dataset, partner).limits.partner
    return BudgetState(dataset, limit, ports.ledger.spent_by(partner, dataset))


def _noise(asked: Plan) -> tuple[MeasureNoise, ...]:
    scales = noise_scales(asked.measures, asked.bounds, asked.price)
    return tuple(
        MeasureNoise(measure.name, own[0], own[1], 0.0)
        if measure.kind == "mean"
        else MeasureNoise(measure.name, own[0], 0.0, float(half_width(own[0])))
        for measure, own in zip(asked.measures, scales, strict=True)
    )


def _guarantee(asked: Plan, snapshot: Snapshot) -> Guarantee:
    delta = asked.dataset.delta
    return Guarantee(
        dataset=asked.dataset.name,
        table_version=snapshot.table_version,
        identity_version=snapshot.identity_version,
        rho=asked.price,
        epsilon=epsilon_at(asked.price, delta),
        delta=delta,
        max_groups_per_person=asked.bounds.groups,
        max_rows_per_group=asked.bounds.rows,
        noise=_noise(asked),
    )
