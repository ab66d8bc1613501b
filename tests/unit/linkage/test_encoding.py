import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.linkage import FILTER_BYTES, TOKEN_BYTES, TRAITS, EncodedRecord, Encoder
from privacy.linkage.encoding import UnknownTrait
from tests.unit.linkage.keys import Keys

ENCODER, SAME_KEY, OTHER_KEY = Encoder(Keys("one")), Encoder(Keys("one")), Encoder(Keys("two"))

words = st.text("abcdefghijklmnopqrstuvwxyz王小明李", min_size=3, max_size=12)
dates = st.dates().map(str).filter(lambda date: date >= "1000")
values = dict.fromkeys(TRAITS, words) | {
    "birth_date": dates,
    "email": words.map(lambda word: f"{word}@example.com"),
    "phone": st.integers(13_000_000_000, 18_999_999_999).map(str),
    "national_id": st.integers(10**6, 10**18).map(str),
}
profiles = st.fixed_dictionaries({}, optional=values)


def bits(filter_: bytes) -> int:
    return int.from_bytes(filter_, "big")


def alike(trait: str, a: str, b: str, encoder: Encoder = ENCODER) -> float:
    """Dice's coefficient of two filters."""
    x, y = (bits(encoder.encode({trait: value}).filters[trait]) for value in (a, b))
    return 2 * (x & y).bit_count() / (x.bit_count() + y.bit_count())


def parts(encoded: EncodedRecord) -> list[bytes]:
    return [*encoded.tokens.values(), *encoded.filters.values()]


@given(profiles)
def test_the_same_record_under_the_same_secret_is_encoded_the_same(profile):
    assert ENCODER.encode(profile) == SAME_KEY.encode(profile)


@given(profiles)
def test_two_secrets_have_no_token_in_common(profile):
    one, other = ENCODER.encode(profile), OTHER_KEY.encode(profile)
    assert one.tokens.keys() == other.tokens.keys()
    assert not set(parts(one)) & set(parts(other))


@given(profiles)
def test_no_raw_value_stands_in_what_leaves(profile):
    encoded = ENCODER.encode(profile)
    everything = b"".join(parts(encoded))
    for value in profile.values():
        # Three bytes may come up by chance.
        assert len(value.encode()) < 6 or value.encode() not in everything


@given(profiles)
def test_sizes_do_not_depend_on_values(profile):
    encoded = ENCODER.encode(profile)
    assert {len(token) for token in encoded.tokens.values()} <= {TOKEN_BYTES}
    assert {len(filter_) for filter_ in encoded.filters.values()} <= {FILTER_BYTES}


@given(words)
def test_one_value_in_two_traits_cannot_be_matched(value):
    encoded = ENCODER.encode({"given_name": value, "surname": value, "city": value})
    assert len(set(encoded.tokens.values())) == len(encoded.tokens)
    assert len(set(encoded.filters.values())) == len(encoded.filters)


def test_filters_under_two_secrets_are_as_alike_as_chance_makes_them():
    names = [f"{first}{last}" for first in ("anna", "bertram", "cecilia") for last in ("smith", "jones", "okafor")]
    same = [
        (
            bits(ENCODER.encode({"surname": n}).filters["surname"]),
            bits(OTHER_KEY.encode({"surname": n}).filters["surname"]),
        )
        for n in names
    ]
    both = sum((a & b).bit_count() for a, b in same)
    by_chance = sum(a.bit_count() * b.bit_count() / (8 * FILTER_BYTES) for a, b in same)
    assert 0.7 < both / by_chance < 1.3


@pytest.mark.parametrize(
    ("trait", "value", "near", "far"),
    [
        ("surname", "mccarthy", "mcarthy", "okonkwo"),
        ("city", "cattles bridge", "cottles bridge", "port hedland"),
        ("street", "pridham street", "pridhamstreet", "mountain creek road"),
        ("birth_date", "1971-06-24", "1971-05-24", "2003-11-09"),
        ("email", "roberta25@example.com", "robert25@example.com", "xyz@mail.example.net"),
        ("national_id", "6089216", "6089261", "1804974"),
        ("given_name", "王小明", "王晓明", "李建国"),
    ],
)
def test_values_that_look_alike_have_filters_that_are_alike(trait, value, near, far):
    assert alike(trait, value, value) == 1
    assert alike(trait, value, near) > alike(trait, value, far) + 0.2


@pytest.mark.parametrize(
    ("trait", "one", "other"),
    [
        ("given_name", "José", "jose"),
        ("surname", "O'Neil", "oneil"),
        ("birth_date", "1971-06-24", "19710624"),
        ("birth_date", "1971-06-24", "24.06.1971"),
        ("phone", "+86 138 0013 8001", "13800138001"),
        ("email", "A.B@Example.com", "a.b@example.com"),
        ("postcode", "0822", "822"),
        ("full_name", "Ann Lee", "Lee, Ann"),
    ],
)
def test_ways_of_writing_one_value_give_one_encoding(trait, one, other):
    assert ENCODER.encode({trait: one}) == ENCODER.encode({trait: other})


def test_names_changed_over_give_the_same_whole_name():
    right = ENCODER.encode({"given_name": "thomas", "surname": "gabriel"})
    changed = ENCODER.encode({"given_name": "gabriel", "surname": "thomas"})
    assert right.tokens["full_name"] == changed.tokens["full_name"]
    assert right.filters["full_name"] == changed.filters["full_name"]
    assert right.tokens["surname"] != changed.tokens["surname"]


def test_names_that_sound_alike_share_a_token():
    one, other = (ENCODER.encode({"given_name": name}).tokens for name in ("catherine", "kathryn"))
    assert one["given_name.sound"] == other["given_name.sound"]
    assert one["given_name"] != other["given_name"]


def test_parts_of_a_date_are_tokens():
    one, other = (ENCODER.encode({"birth_date": date}).tokens for date in ("1971-06-12", "1971-12-06"))
    equal = {name for name in one if one[name] == other[name]}
    assert equal == {"birth_date.year", "birth_date.turned"}


@pytest.mark.parametrize("nothing", [None, "", "  ", "unknown", "N/A", "未知", "0000", "-"])
@pytest.mark.parametrize("trait", ["surname", "birth_date", "phone", "postcode", "email", "full_name"])
def test_no_value_is_no_encoding(trait, nothing):
    assert ENCODER.encode({trait: nothing}) == EncodedRecord({}, {})


def test_what_is_no_date_or_address_is_no_encoding():
    assert ENCODER.encode({"birth_date": "in spring", "email": "at home"}) == EncodedRecord({}, {})


def test_a_trait_without_treatment_is_refused_without_its_value():
    with pytest.raises(UnknownTrait) as refused:
        ENCODER.encode({"shoe_size": "secret-44"})
    assert "secret-44" not in refused.value.sentence


def test_the_same_value_has_the_same_noise_and_others_have_other():
    # Else the mean of many encodings of a value would take the noise away.
    assert ENCODER.encode({"city": "utrecht"}).filters == Encoder(Keys("one")).encode({"city": "utrecht"}).filters
    noise = {ENCODER._noise("city", city) for city in ("utrecht", "utrech", "maastricht")}
    assert len(noise) == 3
    assert all(4 < each.bit_count() < 40 for each in noise)
