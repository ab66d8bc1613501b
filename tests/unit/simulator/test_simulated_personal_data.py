"""What generated personal data promises: right by checksum, varied, reserved for examples, remembered."""

import ipaddress
import random
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from services.simulator.names import FIRST_NAMES, GIVEN_CHARACTERS, SURNAMES
from services.simulator.personal_data import PersonalData, luhn_check_digit, resident_id_check_digit
from services.simulator.phrases import BY_LANGUAGE


def luhn_holds(number):
    digits = [int(d) for d in reversed(number)]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


@given(st.integers())
def test_bank_cards_pass_luhn_in_each_written_form(seed):
    data = PersonalData(random.Random(seed))
    number = data.bank_card()
    assert len(number) in (16, 19)
    assert luhn_holds(number)
    assert data.bank_card_as_written(number).replace(" ", "") == number


@given(st.integers())
def test_resident_ids_have_their_check_character(seed):
    number = PersonalData(random.Random(seed)).resident_id()
    weights = [2 ** (17 - i) % 11 for i in range(17)]
    expected = (12 - sum(int(d) * w for d, w in zip(number, weights, strict=False))) % 11
    assert number[17].upper() == ("X" if expected == 10 else str(expected))


def test_known_check_digits():
    assert resident_id_check_digit("11010519491231002") == "X"
    assert luhn_check_digit("7992739871") == "3"


@given(st.integers())
def test_mobiles_keep_their_digits_in_each_written_form(seed):
    data = PersonalData(random.Random(seed))
    number = data.mobile()
    assert re.fullmatch(r"1[3-9]\d{9}", number)
    assert re.sub(r"\D", "", unicodedata.normalize("NFKC", data.mobile_as_written(number)))[-11:] == number


def test_addresses_are_reserved_for_documentation():
    data = PersonalData(random.Random(1))
    networks = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    for _ in range(200):
        address = ipaddress.ip_address(data.ipv4())
        assert any(address in network for network in networks)
        assert re.fullmatch(r"[^@\s]+@example\.(com|org|net)", data.email())


def test_plates_are_of_both_lengths():
    data = PersonalData(random.Random(1))
    assert {len(data.plate()) for _ in range(100)} == {7, 8}


def test_everything_that_is_written_is_remembered_in_its_written_form():
    data = PersonalData(random.Random(5))
    number, card = data.mobile(), data.bank_card()
    written = [
        data.mobile_as_written(number), data.bank_card_as_written(card), data.email_as_written(data.email()),
        data.plate(), data.resident_id(), data.chinese_name(), data.chinese_title(), data.english_name(),
        data.wechat_id(), data.ipv4(), data.remember(data.handle()), data.in_url("a b@example.com"),
    ]  # fmt: skip
    assert {number, card, *written} <= set(data.planted)


def test_numbers_are_never_made_twice():
    data = PersonalData(random.Random(2))
    numbers = [data.mobile() for _ in range(3000)]
    assert len(set(numbers)) == len(numbers)


def test_no_template_contains_a_name_that_could_be_planted():
    everything = repr(BY_LANGUAGE)
    endings = (*GIVEN_CHARACTERS, "先生", "女士")
    chinese = {surname + ending for surname in SURNAMES for ending in endings}
    assert [name for name in chinese if name in everything] == []
    assert [name for name in FIRST_NAMES if re.search(rf"\b{name} [A-Z]", everything)] == []
