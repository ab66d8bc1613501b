"""What is promised of profiles: their traits are stored as keyed encodings, and no value of them anywhere."""

import base64
import json
from typing import Any

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from privacy.consent import may_store
from privacy.linkage import TRAITS, is_written, written
from privacy.masking import SchemaUntreated
from tests.generated import an_event, identifier
from tests.unit.masking.build import NOW, encoder, event_masker
from tests.unit.masking.kept import content_of, fields_of, masked, quarantined, record_of, restored, rules
from tests.unit.masking.test_plan import schema_with

PROFILE = {
    "given_name": "Róbert",
    "family_name": "Alen-Smith",
    "birth_date": "1971-06-24",
    "city": "Kingston upon Hull",
}
FIELDS = [field.name for field in event_pb2.ProfileUpdated.DESCRIPTOR.fields if field.message_type is None]


def a_profile(**fields: str) -> event_pb2.Event:
    who = [identifier("customer", "c-1")]
    profile = event_pb2.ProfileUpdated(**fields or PROFILE)
    return an_event(event_id="e", identifiers=who, profile_updated=profile, occurred_at_unix_nano=1_767_571_200 * 10**9)


def made_up(seed: int) -> dict[str, str]:
    fake = Faker("en_GB")
    fake.seed_instance(seed)
    return {
        "given_name": f"{fake.first_name()}anna",
        "family_name": f"{fake.last_name()}sson",
        "birth_date": fake.date_of_birth().isoformat(),
        "birth_place": f"{fake.city()} on the hill",
        "house_number": str(fake.random_int(10_000, 99_999)),
        "street": fake.street_name(),
        "city": f"{fake.city()} by the sea",
        "postcode": fake.postcode(),
        "email": fake.email(),
        "phone": fake.msisdn(),
        "national_id": str(fake.random_int(10**8, 10**9)),
        "occupation": fake.job(),
    }


def test_a_profile_is_stored_as_its_encodings_under_the_keys_version() -> None:
    [event] = event_masker().mask_batch([a_profile()], "web", NOW)
    values = {"surname" if name == "family_name" else name: value for name, value in PROFILE.items()}
    assert event.record["traits"] == written(encoder(), values)
    assert json.loads(event.record["body"]) == {}
    assert {entry["version"] for entry in event.record["traits"]} == {1}
    assert {"given_name", "surname", "full_name", "birth_date", "city"} <= {e["name"] for e in event.record["traits"]}


def test_an_event_of_another_kind_has_no_traits() -> None:
    assert event_masker().mask_batch([an_event()], "web", NOW)[0].record["traits"] is None


@pytest.mark.parametrize("fields", [{"given_name": ""}, {"family_name": "unknown"}, {"birth_date": "in spring"}])
def test_a_profile_that_says_nothing_has_no_traits(fields: dict[str, str]) -> None:
    assert masked(a_profile(**fields))["traits"] is None


@pytest.mark.parametrize("seed", range(5))
def test_no_value_of_a_profile_is_stored_in_any_form(seed: int) -> None:
    values = made_up(seed)
    lines = event_masker().mask_batch([a_profile(**values)], "web", NOW)[0].to_bytes()
    broken = a_profile(**values)
    broken.channel = 99  # type: ignore[assignment]
    lines += quarantined(broken).to_bytes() + content_of(broken)
    for value in values.values():
        for form in (value, value.lower(), value.replace(" ", ""), value.lower().replace(" ", "")):
            assert form.encode() not in lines
            assert base64.b64encode(form.encode()).rstrip(b"=")[:-1] not in lines


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, st.text("äöçßéŁ王小明李 -'", min_size=6, max_size=30))))
@settings(max_examples=100, deadline=None)
def test_whatever_a_profile_holds_is_not_stored(fields: dict[str, str]) -> None:
    [event] = event_masker().mask_batch([an_event(event_id="e", profile_updated=fields)], "web", NOW)
    stored = event.to_bytes().decode()
    assert is_written(event.record["traits"] or [])
    assert [value for value in fields.values() if len(value.strip(" -'")) > 1 and value in stored] == []


def test_too_long_a_value_refuses_the_event_and_is_not_kept() -> None:
    event = a_profile(given_name="Maximiliana" * 20, city="Hull")
    assert [(v.field, v.reason) for v in event_masker().violations(event)] == [
        ("profile_updated.given_name", "MAX_LENGTH")
    ]
    assert b"Maximiliana" not in content_of(event)
    assert rules(restored(content_of(event))) == [("profile_updated.given_name", "MAX_LENGTH")]


def test_a_profile_comes_out_of_quarantine_with_its_encodings() -> None:
    expected = masked(a_profile())
    event = a_profile()
    event.channel = 99  # type: ignore[assignment]
    assert record_of(restored(content_of(event), channel="web")) == expected | {"channel": "web"}


@pytest.mark.parametrize(
    "traits",
    [
        {"given_name": "Robert"},
        ["Robert"],
        [{"name": "given_name", "version": 1, "token": "Robert", "filter": None}],
        [{"name": "Robert", "version": 1, "token": base64.b64encode(b"x" * 16).decode(), "filter": None}],
        [{"name": "city.sound", "version": True, "token": base64.b64encode(b"x" * 16).decode(), "filter": None}],
        [{"name": "city.sound", "version": 1, "token": base64.b64encode(b"x" * 16).decode(), "raw": "Hull"}],
    ],
)
def test_what_is_no_encoding_does_not_come_out_of_quarantine(traits: Any) -> None:
    event = a_profile()
    event.channel = 99  # type: ignore[assignment]
    fields = fields_of(event)
    fields["profile_updated"]["traits"] = traits
    content = json.dumps({"event": fields, "held": []}).encode()
    assert ("profile_updated", "MISFIT") in rules(restored(content, channel="web"))


def test_a_raw_value_does_not_come_out_of_quarantine() -> None:
    event = a_profile()
    event.channel = 99  # type: ignore[assignment]
    fields = fields_of(event)
    fields["profile_updated"]["given_name"] = "Robert"
    content = json.dumps({"event": fields, "held": []}).encode()
    assert ("profile_updated", "MISFIT") in rules(restored(content, channel="web"))


def test_a_profile_needs_consent_to_analysis() -> None:
    assert may_store("profile_updated", ["analytics"])
    assert not may_store("profile_updated", ["service", "learning"])


def test_the_schemas_traits_are_those_that_can_be_encoded() -> None:
    names = {v.name.removeprefix("TRAIT_").lower() for v in options_pb2.Trait.DESCRIPTOR.values}
    assert names - {"unspecified"} == set(TRAITS)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("MessageSent", "text"),  # no trait is named
        ("MessageSent", "turn"),  # no text
        ("Context", "locale"),  # no body
        ("Custom", "labels"),
    ],
)
def test_a_trait_where_there_can_be_none_stops_the_collector(message: str, field: str) -> None:
    with pytest.raises(SchemaUntreated):
        schema_with(message, field, options_pb2.TREATMENT_TRAIT)
