"""What a message of the tracking API becomes, by the names that Segment's and RudderStack's pages use."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from privacy.masking import compile_plan
from privacy.masking.validate import violations
from services.adapters.schema_limits import fits
from services.adapters.segment import ConsentRules, MessageMalformed, event_from
from tests.unit.edge.build import a_message, a_track

RECEIVED = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
RULES = ConsentRules.of(["service", "analytics"])
PLAN = compile_plan(event_pb2.Event.DESCRIPTOR)


def mapped(message: Any, *, rules: ConsentRules = RULES, **options: Any) -> event_pb2.Event:
    return event_from(message, received_at=RECEIVED, consent=rules, **options)


def names(event: event_pb2.Event) -> list[tuple[str, str]]:
    prefix = "IDENTIFIER_TYPE_"
    return [(options_pb2.IdentifierType.Name(i.type).removeprefix(prefix).lower(), i.value) for i in event.identifiers]


def broken(event: event_pb2.Event) -> list[str]:
    return [f"{v.field}:{v.reason}" for v in violations(event, PLAN)]


def purposes(event: event_pb2.Event) -> set[str]:
    return {event_pb2.Purpose.Name(p).removeprefix("PURPOSE_").lower() for p in event.consent.purposes}


def at(event: event_pb2.Event) -> datetime:
    return datetime.fromtimestamp(event.occurred_at_unix_nano / 1e9, UTC)


@pytest.mark.parametrize(
    "message",
    [
        a_track("Signed Up", properties={"plan": "pro", "seats": 3, "nested": {"list": [1, None, True]}}),
        a_message("identify", traits={"email": "a@example.com", "plan": "pro"}),
        a_message("page", name="Home", properties={"url": "https://shop.example.com/"}),
        a_message("screen", name="Home"),
        a_message("group", groupId="g-1", traits={"industry": "Tea"}),
        a_message("alias", previousId="c-0"),
    ],
    ids=lambda message: message["type"],
)
def test_every_kind_of_message_becomes_an_event_that_keeps_the_schema(message: dict[str, Any]) -> None:
    event = mapped(message)
    assert broken(event) == []
    assert event.event_id == message["messageId"]
    assert names(event)[:2] == [("customer", "u-1"), ("cookie", "c-1")]


@pytest.mark.parametrize(
    ("event", "properties", "body"),
    [
        ("Products Searched", {"query": "tea pot"}, {"searched": {"query": "tea pot"}}),
        (
            "Product Added",
            {"product_id": "7", "sku": "T-7", "name": "Tea pot", "price": 18.99, "quantity": 2, "currency": "usd"},
            {
                "cart_changed": {
                    "product": "Tea pot",
                    "quantity": 2,
                    "price": {"amount_minor": 1899, "currency": "USD"},
                }
            },
        ),
        ("Product Removed", {"sku": "T-7"}, {"cart_changed": {"product": "T-7", "quantity": -1}}),
        (
            "Order Completed",
            {
                "order_id": "o-9",
                "total": "27.50",
                "revenue": 25,
                "currency": "CNY",
                "products": [{"quantity": 2}, {"sku": "T-7"}],
            },
            {
                "order_placed": {
                    "order_id": "o-9",
                    "total": {"amount_minor": 2750, "currency": "CNY"},
                    "item_count": 3,
                }
            },
        ),
        ("Promotion Clicked", {"promotion_id": "p1", "name": "Spring"}, {"clicked": {"element": "Spring"}}),
        ("Product Clicked", {"sku": "T-7", "url": "/t7"}, {"clicked": {"element": "T-7", "url": "/t7"}}),
    ],
)
def test_semantic_events_become_typed_bodies(event: str, properties: dict[str, Any], body: dict[str, Any]) -> None:
    made = mapped(a_track(event, properties=properties))
    [(name, fields)] = body.items()
    assert made.WhichOneof("body") == name
    expected = event_pb2.Event()
    getattr(expected, name).CopyFrom(type(getattr(expected, name))(**fields))
    assert getattr(made, name) == getattr(expected, name)
    assert broken(made) == []


@pytest.mark.parametrize(
    ("event", "properties"),
    [
        ("Products Searched", {"query": {"text": "tea"}, "filters": []} | {"query": "x" * 513}),
        ("Product Added", {"name": "Tea pot", "quantity": 5000}),
        ("Product Added", {"name": "Tea pot", "quantity": -1}),
        ("Product Added", {"name": "Tea pot", "quantity": 2**70 * 1.0}),
        ("Product Added", {"name": "Tea pot", "price": "dear"}),
        ("Product Added", {"name": "Tea pot", "price": -3}),
        ("Product Added", {"name": "Tea pot", "price": 3, "currency": "euro"}),
        ("Product Added", {"colour": "green"}),
        ("Order Completed", {"total": 3}),
        ("Order Completed", {"order_id": "o-1", "products": ["T-7"]}),
        ("Order Completed", {"order_id": "o-1", "total": 1e10}),
        ("Order Completed", {"order_id": "o" * 129}),
        ("Live Chat Message Sent", {"conversation_id": "c-1"}),
        ("Live Chat Conversation Ended", {"conversation_id": "c-1"}),
        ("Cart Viewed", {"cart_id": "c-1", "products": [{"name": "Tea pot"}]}),
        ("Checkout Started", {"order_id": "o-1", "value": 3}),
        ("Payment Info Entered", {"order_id": "o-1", "payment_method": "Visa"}),
        ("Whatever", {"anything": "goes"}),
    ],
)
def test_what_fits_no_typed_body_stays_whole_as_a_custom_event(event: str, properties: dict[str, Any]) -> None:
    made = mapped(a_track(event, properties=properties))
    assert made.custom.name == event
    assert set(made.custom.properties.fields) == set(properties)
    assert broken(made) == []


def test_live_chat_keeps_its_conversation_its_parties_and_its_texts() -> None:
    chat = {"conversation_id": "conv-1", "agent_id": "agent-7", "message_body": "But my stapler..."}
    sent = mapped(a_track("Live Chat Message Sent", properties=chat))
    received = mapped(a_track("Live Chat Message Received", properties=chat))
    started = mapped(a_track("Live Chat Conversation Started", properties={"conversation_id": "conv-1"}))
    assert {e.conversation_id for e in (sent, received, started)} == {"conv-1"}
    assert {e.channel for e in (sent, received, started)} == {event_pb2.CHANNEL_CHAT}
    assert sent.message_sent == event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="But my stapler...")
    assert received.message_sent.party == event_pb2.PARTY_AGENT
    assert received.message_sent.agent_id == "agent-7"
    assert started.WhichOneof("body") == "conversation_started"


def test_a_page_takes_its_address_from_its_properties_then_from_the_context() -> None:
    page = {"url": "https://shop.example.com/a", "title": "A", "referrer": "https://search.example.com/"}
    from_context = mapped(a_message("page", context={"page": page}))
    assert from_context.page_viewed == event_pb2.PageViewed(**page)
    from_properties = mapped(a_message("page", properties={"url": "https://b.example.com/"}, context={"page": page}))
    assert from_properties.page_viewed.url == "https://b.example.com/"
    without = mapped(a_message("page", name="Pricing", category="Docs", properties={"seen": 1}))
    assert without.custom.name == "page"
    assert set(without.custom.properties.fields) == {"name", "category", "seen"}


def test_traits_name_the_person_and_are_the_profile() -> None:
    traits = {
        "email": "Grace@example.com",
        "phone": "+8613800138000",
        "firstName": "Grace",
        "last_name": "Hopper",
        "address": {"street": "1 Main St", "postalCode": 10115, "city": "Ryde"},
        "birthday": "1906-12-09T00:00:00.000Z",
        "plan": "pro",
    }
    event = mapped(a_message("identify", traits=traits))
    assert names(event)[2:] == [("email", "Grace@example.com"), ("phone", "+8613800138000")]
    told = {field.name: value for field, value in event.profile_updated.ListFields()}
    assert told == {
        "given_name": "Grace",
        "family_name": "Hopper",
        "birth_date": "1906-12-09",
        "street": "1 Main St",
        "postcode": "10115",
        "city": "Ryde",
        "email": "Grace@example.com",
        "phone": "+8613800138000",
        "properties": event.profile_updated.properties,
    }
    assert dict(event.profile_updated.properties) == {"plan": "pro"}


@pytest.mark.parametrize("traits", [{"plan": "pro"}, {"plan": "pro", "name": "n" * 300}])
def test_an_identify_that_says_nothing_of_the_person_or_too_much_is_custom(traits: dict[str, Any]) -> None:
    event = mapped(a_message("identify", traits=traits))
    assert event.custom.name == "identify"
    assert dict(event.custom.properties) == {"plan": "pro"}


def test_traits_in_the_context_name_the_person_and_those_of_a_group_do_not() -> None:
    in_context = mapped(a_track("Seen", context={"traits": {"email": "a@example.com"}}))
    assert ("email", "a@example.com") in names(in_context)
    group = mapped(a_message("group", groupId="g", traits={"email": "office@example.com", "employees": 7}))
    assert "email" not in dict(names(group))
    assert dict(group.custom.properties) == {"employees": 7, "groupId": "g"}


def test_an_alias_links_both_ids() -> None:
    event = mapped(a_message("alias", userId="u-9", previousId="c-old", anonymousId=None))
    assert names(event) == [("customer", "u-9"), ("cookie", "c-old")]


def test_numbers_are_ids_too_and_blanks_are_none() -> None:
    event = mapped(a_message("identify", userId=42, anonymousId="  ", traits={"phone": 13800138000}))
    assert names(event) == [("customer", "42"), ("phone", "13800138000")]


@pytest.mark.parametrize(
    ("context", "more", "channel", "anonymous"),
    [
        ({"library": {"name": "analytics.js"}}, {}, "WEB", "cookie"),
        ({"library": {"name": "analytics-python"}}, {}, "WEB", "cookie"),
        ({"library": {"name": "analytics-kotlin"}}, {}, "APP", "device"),
        ({"library": {"name": "@segment/analytics-react-native"}}, {}, "APP", "device"),
        ({"device": {"id": "d-1", "type": "ios"}}, {}, "APP", "device"),
        ({"device": {"id": "d-1"}, "os": {"name": "Android"}}, {}, "APP", "device"),
        ({"os": {"name": "Android"}, "library": {"name": "analytics.js"}}, {}, "WEB", "cookie"),
        ({"library": {"name": "com.rudderstack.android.sdk.core"}}, {"channel": "mobile"}, "APP", "device"),
        ({"library": {"name": "RudderLabs JavaScript SDK"}}, {"channel": "web"}, "WEB", "cookie"),
        ({"library": {"name": "analytics-node"}}, {"channel": "server"}, "WEB", "cookie"),
        ({"channel": "email"}, {}, "EMAIL", "cookie"),
        ({"channel": "browser"}, {}, "WEB", "cookie"),
    ],
)
def test_the_channel_is_that_of_the_device_or_library(
    context: dict[str, Any], more: dict[str, Any], channel: str, anonymous: str
) -> None:
    event = mapped(a_track("Seen", context=context, **more))
    assert event.channel == event_pb2.Channel.Value(f"CHANNEL_{channel}")
    assert (anonymous, "c-1") in names(event)
    if "device" in context:
        assert ("device", "d-1") in names(event)


@pytest.mark.parametrize(
    ("times", "batch_sent_at", "expected"),
    [
        # The sender's clock is an hour behind: what happened ten minutes before sending did so ten minutes ago.
        ({"timestamp": "2026-01-05T10:50:00Z", "sentAt": "2026-01-05T11:00:00Z"}, None, "2026-01-05T11:50:00+00:00"),
        ({"timestamp": "2026-01-05T10:50:00Z"}, "2026-01-05T11:00:00Z", "2026-01-05T11:50:00+00:00"),
        ({"originalTimestamp": "2026-01-05T10:50:00Z", "timestamp": None}, "2026-01-05T11:00:00Z", "2026-01-05T11:50Z"),
        ({"timestamp": "2026-01-05T18:50:00+08:00"}, None, "2026-01-05T10:50:00+00:00"),
        ({"timestamp": "2026-01-05T10:50:00"}, None, "2026-01-05T10:50:00+00:00"),
        ({"timestamp": None}, None, "2026-01-05T12:00:00+00:00"),
        ({"timestamp": None}, "2020-01-01T00:00:00Z", "2026-01-05T12:00:00+00:00"),
        ({"timestamp": "2026-01-05T10:50:00Z"}, "no time", "2026-01-05T10:50:00+00:00"),
        (
            {"originalTimestamp": "2026-01-05T09:00:00Z", "timestamp": "2026-01-05T09:30:00Z"},
            "2026-01-05T11:00:00Z",
            "2026-01-05T09:30:00+00:00",
        ),
    ],
)
def test_times_are_told_by_our_clock(times: dict[str, Any], batch_sent_at: str | None, expected: str) -> None:
    event = mapped(a_track("Seen", **times), sent_at=batch_sent_at)
    assert at(event) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("time", ["yesterday", 1767607200, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", {"a": 1}])
def test_a_time_that_cannot_be_read_or_be_true_is_for_the_collector_to_refuse(time: Any) -> None:
    assert broken(mapped(a_track("Seen", timestamp=time)))[0].startswith("occurred_at_unix_nano:")


@pytest.mark.parametrize("sent_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_clock_that_is_off_by_ages_is_for_the_collector_to_refuse(sent_at: str) -> None:
    assert broken(mapped(a_track("Seen"), sent_at=sent_at))[0].startswith("occurred_at_unix_nano:")


def test_a_message_without_an_id_is_the_same_when_it_comes_again() -> None:
    message = a_track("Seen", messageId=None)
    assert mapped(message).event_id == mapped(message | {"sentAt": "2026-01-05T10:00:09Z"}).event_id
    assert mapped(message).event_id != mapped(message | {"timestamp": "2026-01-05T10:00:01Z"}).event_id
    timeless = a_track("Seen", messageId=None, timestamp=None)
    assert mapped(timeless).event_id != mapped(timeless).event_id


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({}, {"service", "analytics"}),
        ({"consent": None}, {"service", "analytics"}),
        ({"consent": {"categoryPreferences": {"Analytics": True, "Advertising": True}}}, {"analytics"}),
        ({"consent": {"categoryPreferences": {"Analytics": False, "Functional": True}}}, {"service"}),
        ({"consent": {"categoryPreferences": {"C0002": True, "C0003": True, "C0004": True}}}, {"analytics", "service"}),
        ({"consent": {"categoryPreferences": {"Analytics": "true"}}}, set()),
        ({"consent": {"categoryPreferences": {"Analytics": 1}}}, set()),
        ({"consent": {"categoryPreferences": ["Analytics"]}}, set()),
        ({"consent": {}}, set()),
        ({"consent": "all"}, set()),
        ({"consentManagement": {"allowedConsentIds": ["C0002"], "deniedConsentIds": ["C0004"]}}, {"analytics"}),
        ({"consentManagement": {"allowedConsentIds": ["C0002"], "deniedConsentIds": ["c0002"]}}, set()),
        ({"consentManagement": {"allowedConsentIds": "C0002"}}, set()),
    ],
)
def test_consent_is_what_the_message_says_and_nothing_when_it_cannot_be_read(
    context: dict[str, Any], expected: set[str]
) -> None:
    assert purposes(mapped(a_track("Seen", context=context))) == expected


def test_without_a_configured_default_silence_allows_nothing() -> None:
    assert purposes(mapped(a_track("Seen"), rules=ConsentRules.of())) == set()


def test_configured_categories_take_the_place_of_the_defaults() -> None:
    rules = ConsentRules.of([], {"Messgrößen": ["analytics", "learning"]})
    said = {"consent": {"categoryPreferences": {"messgrößen": True, "Functional": True}}}
    assert purposes(mapped(a_track("Seen", context=said), rules=rules)) == {"analytics", "learning"}


@pytest.mark.parametrize("event", ["Segment Consent Preference", "Segment Consent Preference Updated"])
def test_a_consent_preference_event_is_a_change_of_consent(event: str) -> None:
    said = {"consent": {"categoryPreferences": {"Analytics": False, "Functional": True}}}
    made = mapped(a_track(event, context=said), rules=ConsentRules.of())
    assert list(made.consent_changed.granted) == [event_pb2.PURPOSE_SERVICE]
    assert list(made.consent_changed.withdrawn) == [event_pb2.PURPOSE_ANALYTICS]


def test_the_context_is_kept_in_our_form_and_left_out_where_it_is_in_none() -> None:
    context = {
        "ip": "203.0.113.7",
        "userAgent": "Mozilla/5.0 " + "x" * 600,
        "locale": "zh_hans_cn",
        "location": {"latitude": 40.2, "longitude": -76.9, "city": "x"},
    }
    event = mapped(a_track("Seen", context=context))
    assert (event.context.ip, event.context.locale, event.context.location.latitude) == (
        "203.0.113.7",
        "zh-Hans-CN",
        40.2,
    )
    assert broken(event) == []
    odd = {"ip": "somewhere", "userAgent": 7, "locale": "klingon!", "location": {"latitude": 91, "longitude": 0}}
    assert mapped(a_track("Seen", context=odd)).context == event_pb2.Context()


def test_numbers_that_a_double_cannot_hold_are_kept_as_text() -> None:
    fields = mapped(a_track("Seen", properties={"big": 2**53 + 1, "small": 7, "yes": True})).custom.properties.fields
    assert fields["big"].string_value == "9007199254740993"
    assert fields["small"].number_value == 7
    assert fields["yes"].bool_value is True


def test_properties_beyond_our_limits_are_for_the_collector_to_refuse() -> None:
    deep: Any = {}
    for _ in range(20):
        deep = {"d": deep}
    assert broken(mapped(a_track("Seen", properties=deep))) == ["custom.properties:MAX_DEPTH"]
    many = {f"k{i}": i for i in range(300)}
    assert broken(mapped(a_track("Seen", properties=many))) == ["custom.properties:MAX_ITEMS"]
    wire = mapped(a_track("Seen", properties=deep)).SerializeToString()
    assert event_pb2.Event.FromString(wire).custom.name == "Seen"


def test_an_event_without_a_name_is_for_the_collector_to_refuse() -> None:
    assert broken(mapped(a_message("track"))) == ["custom.name:REQUIRED"]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        [],
        {},
        a_message("trace"),
        a_message("track", event={"a": 1}),
        a_message("track", event="Seen", properties=[1]),
        a_message("track", event="Seen", userId={"id": 1}),
        a_message("track", event="Seen", userId=True),
        a_message("track", event="Seen", messageId=["a"]),
        a_message("track", event="Seen", context=[1]),
        a_message("track", event="Seen", context={"traits": "x"}),
        a_message("track", event="Seen", context={"device": ["d"]}),
        a_message("identify", traits={"email": ["a@example.com"]}),
        a_track("Seen", properties={"deep": nested(60)}),
        a_track("Seen", messageId=None, properties={"deep": nested(900)}),
    ],
)
def test_shapes_that_no_library_sends_are_refused(message: Any) -> None:
    with pytest.raises(MessageMalformed) as refusal:
        mapped(message)
    assert "docs/edge.md" in refusal.value.sentence


def test_limits_are_those_of_the_schema() -> None:
    assert fits(event_pb2.CartChanged(product="p", quantity=1000, price=event_pb2.Money(currency="CNY")))
    assert not fits(event_pb2.CartChanged(product="p", quantity=1001))
    assert not fits(event_pb2.CartChanged(product=" "))
    assert not fits(event_pb2.CartChanged(product="p", price=event_pb2.Money(currency="cny")))
    assert not fits(event_pb2.PaymentMade(order_id="o"))
    assert not fits(event_pb2.PageViewed(url="u" * 2049))
