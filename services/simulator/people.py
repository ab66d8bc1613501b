"""Who takes part: language, temper, what they allow, and the identifiers by which the company knows them."""

import random
from dataclasses import dataclass

from mangrove.event.v1.event_pb2 import PURPOSE_ANALYTICS, PURPOSE_LEARNING, PURPOSE_SERVICE, Purpose
from mangrove.privacy.v1 import options_pb2 as ids
from services.simulator.personal_data import PersonalData

Names = list[tuple[ids.IdentifierType.ValueType, str]]

ALL_PURPOSES: tuple[Purpose.ValueType, ...] = (PURPOSE_SERVICE, PURPOSE_ANALYTICS, PURPOSE_LEARNING)

CHINESE_SHARE = 0.6
NEVER_LOGS_IN_SHARE = 0.15
APP_SHARE = 0.7
IMPATIENCE_SHARES = (0.4, 0.35, 0.25)
"""How many people have which impatience, 0 to 2: all that anybody can know of it beforehand."""
LEARNING_SHARE = 0.8
DECLINES_SHARE = 0.006
WITHDRAWS_SHARE = 0.01


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Somebody with needs.

    `customer` is None for the minority who never log in. `impatience` is 0 to 2 and shows in no field.
    `withdraws_at` is when consent to analytics ends, in seconds from the start; None is never. Neighbours in
    `number`, from 1, are those who share things.
    """

    number: int
    key: str
    language: str
    impatience: int
    customer: str | None
    cookies: tuple[str, ...]
    device: str | None
    phone: str
    email: str
    loyalty_card: str | None
    handle: str | None
    allows: tuple[Purpose.ValueType, ...]
    withdraws_at: float | None

    def allows_at(self, at: float) -> tuple[Purpose.ValueType, ...]:
        """What the person allows at a time, in seconds from the start."""
        if self.withdraws_at is not None and at >= self.withdraws_at:
            return (PURPOSE_SERVICE,)
        return self.allows


def _allows(rng: random.Random) -> tuple[Purpose.ValueType, ...]:
    if rng.random() < DECLINES_SHARE:
        return (PURPOSE_SERVICE,)
    return ALL_PURPOSES if rng.random() < LEARNING_SHARE else (PURPOSE_SERVICE, PURPOSE_ANALYTICS)


def _person(number: int, rng: random.Random, data: PersonalData, span_s: float) -> Person:
    has_account = rng.random() >= NEVER_LOGS_IN_SHARE
    return Person(
        number=number,
        key=f"person-{number:05}",
        language="zh" if rng.random() < CHINESE_SHARE else "en",
        impatience=rng.choices((0, 1, 2), weights=IMPATIENCE_SHARES)[0],
        customer=data.opaque("CUST-", 8) if has_account else None,
        cookies=tuple(data.opaque("ck.", 14) for _ in range(rng.choice((1, 1, 2)))),
        device=data.opaque("dev-", 12) if has_account and rng.random() < APP_SHARE else None,
        phone=data.mobile(),
        email=data.email(),
        loyalty_card=data.opaque("LC", 9) if rng.random() < 0.4 else None,
        handle=data.handle() if rng.random() < 0.5 else None,
        allows=_allows(rng),
        withdraws_at=rng.uniform(0.2, 0.8) * span_s if rng.random() < WITHDRAWS_SHARE else None,
    )


def population(count: int, rng: random.Random, data: PersonalData, span_s: float) -> list[Person]:
    """Make `count` people, each with identifiers of their own."""
    return [_person(number, rng, data, span_s) for number in range(1, count + 1)]
