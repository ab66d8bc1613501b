"""What the service does, in the order in which it happens. Blocking: run it off the event loop."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from privacy.dp.accounting import OF_KNOWN_WIDTH, target_error_for
from privacy.dp.conversion import epsilon_at, epsilon_of_many
from privacy.dp.intervals import dropped_share, estimates, half_width
from privacy.dp.mechanism import Finding, NoisyAggregates, finding, noise_scales, release
from privacy.dp.types import Estimate, NanoRho
from privacy.ledger.port import BudgetExceeded, Charge, Reservation, StoredAnswer
from services.private_query.planning import Plan, plan
from services.private_query.ports import Answer, Bound, Guarantee, MeasureNoise, Ports, Snapshot
from services.private_query.question import Question

PERSON_DAY_FACTOR = 4
"""Without one day a person's other rows may stay instead, which moves an answer twice as far: four times the rho."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes of an answer, and whether they were given before."""

    answer: bytes
    reused: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a question would cost, and how exact it would be.

    `epsilon_after` is that of all that the partner has spent, with the question; `groups` is 0 when unknown.
    """

    price: NanoRho
    epsilon: float
    delta: float
    noise: tuple[MeasureNoise, ...]
    groups: int
    affordable: bool
    epsilon_after: float
    threshold: int


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A partner's budget on a dataset: nano-rho, the epsilon at delta of what is spent, and when it is new."""

    dataset: str
    limit: NanoRho
    spent: NanoRho
    left: NanoRho
    epsilon: float
    delta: float
    renewed_on: date | None


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
    charge = asked.charge(partner, snapshot.table_version, snapshot.identity_version)
    stored = ports.ledger.find(charge)
    if stored is not None:
        return Answered(stored.answer, reused=True)
    exact = ports.engine.aggregate(snapshot, asked, ports.truncation_secret)
    reservation = _reserve(charge, asked, ports)
    if isinstance(reservation, StoredAnswer):
        return Answered(reservation.answer, reused=True)
    try:
        noisy = release(exact, reservation, threshold_delta=asked.threshold_delta)
        answer = ports.encode(_answer(noisy, asked, snapshot), reservation)
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
        own, unknown = asked.asked, asked.groups is None
        wider = target_error_for(own.measures, own.bounds, refusal.left, unknown_keys=unknown, most_rows=own.most_rows)
        raise refusal.with_wider_error(wider) from None


def _answer(noisy: NoisyAggregates, asked: Plan, snapshot: Snapshot) -> Answer:
    columns = tuple(name for measure in noisy.measures for name in measure.columns)
    rows: Iterable[tuple[tuple[str, ...], tuple[Estimate, ...]]]
    rows = zip(noisy.keys.combinations(), estimates(noisy), strict=True)
    if asked.top:
        rows = sorted(rows, key=lambda row: (-row[1][0].value, row[0]))[: asked.top]
    return Answer(noisy.keys.names, columns, tuple(rows), _guarantee(asked, snapshot), dropped_share(noisy))


def preview_query(question: Question, *, partner: str, ports: Ports) -> Preview:
    """Say what a question would cost and how exact it would be, without touching data or budget.

    Raises:
        DatasetUnknown, QuestionInvalid, PriceMissing: if the question cannot be answered.
        LedgerUnavailable: if the budget cannot be read.
    """
    asked = plan(question, ports.catalogue.get(question.dataset, partner))
    budget = get_budget(question.dataset, partner=partner, ports=ports)
    delta = asked.dataset.delta
    costs = [spent for spent in (budget.spent, asked.price) if spent]
    found = _finding(asked)
    return Preview(
        price=asked.price,
        epsilon=epsilon_at(asked.price, delta - asked.threshold_delta),
        delta=delta,
        noise=_noise(asked),
        groups=asked.groups or 0,
        affordable=asked.price <= budget.left,
        epsilon_after=epsilon_of_many(costs, delta - asked.threshold_delta),
        threshold=found.threshold if found else 0,
    )


def get_budget(dataset: str, *, partner: str, ports: Ports) -> BudgetState:
    """Say what a partner has spent on a dataset.

    Raises:
        DatasetUnknown: if there is no such dataset for the partner.
        LedgerUnavailable: if the ledger cannot be read.
    """
    declared = ports.catalogue.get(dataset, partner)
    standing = ports.ledger.standing(partner, dataset, declared.limits)
    epsilon = epsilon_at(standing.spent, declared.delta)
    return BudgetState(dataset, standing.limit, standing.spent, standing.left, epsilon, declared.delta, standing.until)


def _finding(asked: Plan) -> Finding | None:
    keys = asked.shares.keys
    return None if keys is None else finding(keys, asked.asked.bounds.groups, asked.threshold_delta)


def _noise(asked: Plan) -> tuple[MeasureNoise, ...]:
    return tuple(
        MeasureNoise(
            measure.name,
            own[0],
            count_scale=own[-1] if len(own) > 1 else 0.0,
            square_scale=own[1] if measure.kind == "variance" else 0.0,
            half_width=float(half_width(own[0])) if measure.kind in OF_KNOWN_WIDTH else 0.0,
        )
        for measure, own in zip(asked.asked.measures, noise_scales(asked.shares), strict=True)
    )


def _guarantee(asked: Plan, snapshot: Snapshot) -> Guarantee:
    delta, limits = asked.dataset.delta, asked.dataset.limits
    on_a_day = min(limits.day, limits.dataset) if limits.refresh == "never" else limits.day
    in_a_day = NanoRho(PERSON_DAY_FACTOR * on_a_day)
    return Guarantee(
        dataset=asked.dataset.name,
        table_version=snapshot.table_version,
        identity_version=snapshot.identity_version,
        rho=asked.price,
        epsilon=epsilon_at(asked.price, delta - asked.threshold_delta),
        delta=delta,
        max_groups_per_person=asked.asked.bounds.groups,
        max_rows_per_group=asked.asked.bounds.rows,
        noise=_noise(asked),
        person=Bound(limits.dataset, epsilon_at(limits.dataset, delta)),
        person_day=Bound(in_a_day, epsilon_at(in_a_day, delta)),
        finding=_finding(asked),
    )
