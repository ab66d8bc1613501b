"""Generates labelled customer-service texts, Chinese and English, with every kind of personal data and none.

The same seed and size give the same texts. Half of a set is Chinese, a quarter English, a quarter
has nothing personal but looks as if.
"""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from string import Formatter

from privacy.masking.evaluation import entities, people, templates, values
from privacy.masking.evaluation.disguises import DISGUISES
from privacy.masking.evaluation.labelled import LabelledSpan, LabelledText

GOALS = (entities.CN_RESIDENT_ID, entities.CREDIT_CARD, entities.EMAIL_ADDRESS, entities.IP_ADDRESS)
"""The kinds that have a goal on the generated set."""
GOAL_RECALL, GOAL_PRECISION = 0.99, 0.98

Maker = Callable[[Random], str]

PERSONAL: Mapping[str, tuple[str, Maker]] = {
    "mobile": (entities.PHONE_NUMBER, values.mobile),
    "written_mobile": (entities.PHONE_NUMBER, values.written_mobile),
    "landline": (entities.PHONE_NUMBER, values.landline),
    "extended": (entities.PHONE_NUMBER, values.extended),
    "international": (entities.PHONE_NUMBER, values.international),
    "american": (entities.PHONE_NUMBER, values.american),
    "resident_id": (entities.CN_RESIDENT_ID, values.resident_id),
    "old_resident_id": (entities.CN_RESIDENT_ID, values.old_resident_id),
    "passport": (entities.PASSPORT, values.passport),
    "travel_permit": (entities.CN_TRAVEL_PERMIT, values.travel_permit),
    "taiwan_permit": (entities.CN_TRAVEL_PERMIT, values.taiwan_permit),
    "card": (entities.CREDIT_CARD, values.card),
    "iban": (entities.IBAN_CODE, values.iban),
    "email": (entities.EMAIL_ADDRESS, values.email),
    "ip_address": (entities.IP_ADDRESS, values.ip_address),
    "mac_address": (entities.MAC_ADDRESS, values.mac_address),
    "imei": (entities.IMEI, values.imei),
    "plate": (entities.CN_LICENSE_PLATE, values.plate),
    "wechat": (entities.SOCIAL_HANDLE, values.wechat),
    "qq": (entities.SOCIAL_HANDLE, values.qq),
    "order_number": (entities.ORDER_NUMBER, values.order_number),
    "tracking_number": (entities.ORDER_NUMBER, values.tracking_number),
    "chinese_address": (entities.ADDRESS, people.chinese_address),
    "western_address": (entities.ADDRESS, people.western_address),
    "chinese_name": (entities.PERSON, people.chinese_name),
    "english_name": (entities.PERSON, people.english_name),
    "chinese_date_of_birth": (entities.DATE_OF_BIRTH, people.chinese_date_of_birth),
    "english_date_of_birth": (entities.DATE_OF_BIRTH, people.english_date_of_birth),
    "password": (entities.PASSWORD, values.password),
    "one_time_code": (entities.ONE_TIME_CODE, values.one_time_code),
    "api_key": (entities.API_KEY, values.api_key),
    "bearer_token": (entities.API_KEY, values.bearer_token),
    "coordinates": (entities.GEO_COORDINATES, values.coordinates),
    "query_name": (entities.URL_PARAMETER, values.wechat),
    "query_token": (entities.URL_PARAMETER, lambda rng: f"{rng.getrandbits(96):024x}"),
    "ssn": (entities.US_SSN, values.ssn),
}
"""Slots that are filled with personal data."""

HARMLESS: Mapping[str, Maker] = {
    "price": lambda rng: rng.choice(("¥{},{:03}.00", "{}{:03}元", "${}.{:02}")).format(
        rng.randint(1, 9), rng.randint(0, 99)
    ),
    "quantity": lambda rng: str(rng.randint(2, 20000)),
    "clock": lambda rng: (
        f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}" + rng.choice(("", f":{rng.randint(0, 59):02}"))
    ),
    "day": lambda rng: f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    "version": lambda rng: f"{rng.choice(('v', 'V', ''))}{rng.randint(1, 19)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
    "long_version": lambda rng: f"v{rng.randint(1, 9)}.{rng.randint(0, 9)}.{rng.randint(0, 9)}.{rng.randint(10, 999)}",
    "size": lambda rng: f"{rng.randint(20, 3000)}{rng.choice(('x', '×', '*', '/'))}{rng.randint(20, 2000)}",
    "product": lambda rng: (
        f"{rng.choice(('SKU', 'NX', 'HB', 'TV'))}-{rng.randint(100, 99999)}{rng.choice(('', '-AX', 'B'))}"
    ),
    "no_card": lambda rng: values.without_luhn(rng, 16, "7"),
    "flight": lambda rng: f"{rng.choice(('CA', 'MU', 'BA', 'LH'))}{rng.randint(100, 9999)}",
    "hotline": lambda rng: rng.choice(("12315", "95588", "10086", "12306")),
}
"""Slots that are filled with what is not personal."""


def generate(seed: int, size: int, *, disguised: bool = False) -> list[LabelledText]:
    """Return that many labelled texts; every sentence comes about equally often.

    Args:
        seed: The same seed gives the same texts.
        size: How many.
        disguised: Each value for which there is a disguise is written in one.
    """
    rng = Random(seed)
    decks = {kind: _shuffled_forever(rng, kind) for kind in (templates.CHINESE, templates.ENGLISH, templates.NEGATIVE)}
    order = (templates.CHINESE, templates.ENGLISH, templates.CHINESE, templates.NEGATIVE)
    return [_filled(rng, next(decks[order[index % 4]]), disguised) for index in range(size)]


def generate_tickets(seed: int, size: int, length: int = 300) -> list[LabelledText]:
    """Return longer texts of about `length` characters, sentences joined, with several pieces of personal data each."""
    rng = Random(seed)
    decks = [_shuffled_forever(rng, kind) for kind in (templates.CHINESE, templates.NEGATIVE, templates.ENGLISH)]
    tickets = []
    for _ in range(size):
        text, spans = "", []
        while len(text) < length:
            part = _filled(rng, next(decks[rng.randrange(3)]), disguised=False)
            spans += [LabelledSpan(s.start + len(text), s.end + len(text), s.entity) for s in part.spans]
            text += part.text + rng.choice(("\n", "。\n", "\n\n"))
        tickets.append(LabelledText(text, tuple(spans)))
    return tickets


def _shuffled_forever(rng: Random, sentences: tuple[str, ...]) -> Iterator[str]:
    while True:
        yield from rng.sample(sentences, len(sentences))


def _filled(rng: Random, sentence: str, disguised: bool) -> LabelledText:
    """Fill the slots of a sentence and put a word before and after it."""
    chinese = any(ord(c) >= 0x4E00 for c in sentence)
    openings = templates.OPENINGS_CHINESE if chinese else templates.OPENINGS_ENGLISH
    closings = templates.CLOSINGS_CHINESE if chinese else templates.CLOSINGS_ENGLISH
    text, spans = rng.choice(openings), []
    for literal, slot, _, _ in Formatter().parse(sentence):
        text += literal
        if slot is not None and slot in PERSONAL:
            entity, make = PERSONAL[slot]
            value = make(rng)
            if disguised:
                value = _disguised(rng, entity, value)
            spans.append(LabelledSpan(len(text), len(text) + len(value), entity))
            text += value
        elif slot:
            text += HARMLESS[slot](rng)
    return LabelledText(text + rng.choice(closings), tuple(spans))


def _disguised(rng: Random, entity: str, value: str) -> str:
    fitting = [d for d in DISGUISES if entity in d.entities]
    return rng.choice(fitting).write(value, rng) if fitting else value
