"""What RudderStack's libraries send differently from Segment's, with the payloads of its documentation."""

from typing import Any

from mangrove.event.v1 import event_pb2
from tests.unit.edge.build import Edge

JAVASCRIPT = {
    "channel": "web",
    "context": {
        "sessionStart": True,
        "sessionId": 1690185479072,
        "app": {"name": "RudderLabs JavaScript SDK", "namespace": "com.rudderlabs.javascript", "version": "2.35.0"},
        "traits": {"email": "alex@example.com"},
        "library": {"name": "RudderLabs JavaScript SDK", "version": "2.35.0"},
        "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)",
        "os": {"name": "", "version": ""},
        "locale": "en-US",
        "screen": {"width": 1792, "height": 1120, "density": 2, "innerWidth": 1792, "innerHeight": 1017},
        "campaign": {},
        "page": {
            "path": "/",
            "referrer": "$direct",
            "referring_domain": "",
            "search": "",
            "title": "Shop",
            "url": "https://shop.example.com/",
            "tab_url": "https://shop.example.com/",
            "initial_referrer": "$direct",
        },
    },
    "type": "page",
    "messageId": "1578564113557-af022c68-429e-4af4-b99b-2b9174056383",
    "originalTimestamp": "2026-01-05T09:59:50.000Z",
    "anonymousId": "43fb3a46-9f2c-4d07-9f3b-0f1c5c7ee0ad",
    "userId": "4hs323dsh421ddb",
    "rudderId": "a3ff5f2f-2d9a-4a6c-8f7e-6d9a4a2e2b0e",
    "name": "Home",
    "properties": {"path": "/", "title": "Shop", "url": "https://shop.example.com/", "name": "Home"},
    "integrations": {"All": True},
    "sentAt": "2026-01-05T10:00:00.000Z",
}
ANDROID = {
    "messageId": "1590431830915-73bed370-5889-436d-9a9e-0c0e0c809d06",
    "channel": "mobile",
    "context": {
        "app": {"build": "1", "name": "Shop", "namespace": "com.example.shop", "version": "1.0"},
        "device": {
            "id": "9e4ea4b3c5d6f7a8",
            "manufacturer": "Google",
            "model": "AOSP on IA Emulator",
            "name": "generic_x86_arm",
            "type": "Android",
        },
        "library": {"name": "com.rudderstack.android.sdk.core", "version": "1.0.6"},
        "locale": "en-US",
        "network": {"carrier": "Android", "bluetooth": False, "cellular": True, "wifi": True},
        "os": {"name": "Android", "version": "9"},
        "screen": {"density": 420, "height": 1794, "width": 1080},
        "timezone": "Asia/Shanghai",
        "traits": {"anonymousId": "9e4ea4b3c5d6f7a8"},
        "userAgent": "Dalvik/2.1.0 (Linux; U; Android 9; AOSP on IA Emulator Build/PSR1.180720.117)",
    },
    "type": "track",
    "event": "Order Completed",
    "originalTimestamp": "2026-01-05T09:59:50.000Z",
    "anonymousId": "9e4ea4b3c5d6f7a8",
    "rudderId": "7b48ca3b-0b1e-4d4f-8a5b-6c5d4e3f2a1b",
    "properties": {"order_id": "140021222", "total": 99.99, "currency": "CNY", "products": [{"quantity": 2}]},
    "integrations": {"All": True},
}
HTTP = {
    "userId": "4hs323dsh421ddb",
    "anonymousId": "32cc095e-5b8f-43d0-b69c-c4623d1be5c7",
    "type": "track",
    "event": "Product Purchased",
    "properties": {"name": "Sweatshirt", "price": 14.99},
    "context": {
        "consentManagement": {
            "allowedConsentIds": ["C0002"],
            "deniedConsentIds": ["C0004"],
            "provider": "oneTrust",
            "resolutionStrategy": "and",
        },
        "traits": {"email": "alex@example.com", "plan": "Free Tier"},
        "library": {"name": "http"},
    },
    "originalTimestamp": "2026-01-05T09:59:50.000Z",
    "messageId": "39342c15-e6aa-4dd6-8882-5a04befd796a",
    "sentAt": "2026-01-05T10:00:00.000Z",
}


async def taken(path: str, body: Any) -> list[event_pb2.Event]:
    edge = Edge()
    told = await edge.post(path, body, headers={"AnonymousId": "NDNmYjNhNDY="})
    assert told.status_code == 200, told.text
    assert told.json()["events"] == {"accepted": len(edge.collector.accepted)}
    return edge.collector.accepted


async def test_a_page_of_the_javascript_library() -> None:
    [event] = await taken("/v1/page", JAVASCRIPT)
    assert event.channel == event_pb2.CHANNEL_WEB
    assert event.page_viewed.title == "Shop"
    assert [i.value for i in event.identifiers] == [
        "4hs323dsh421ddb",
        "43fb3a46-9f2c-4d07-9f3b-0f1c5c7ee0ad",
        "alex@example.com",
    ]


async def test_a_batch_of_the_android_library() -> None:
    body = {"sentAt": "2026-01-05T10:00:00.000Z", "batch": [ANDROID, ANDROID | {"messageId": "2"}]}
    first, second = await taken("/v1/batch", body)
    assert first.channel == second.channel == event_pb2.CHANNEL_APP
    assert [i.value for i in first.identifiers] == ["9e4ea4b3c5d6f7a8"]
    assert (first.order_placed.total.amount_minor, first.order_placed.item_count) == (9999, 2)


async def test_consent_comes_as_lists_of_categories() -> None:
    [event] = await taken("/v1/track", HTTP)
    assert list(event.consent.purposes) == [event_pb2.PURPOSE_ANALYTICS]


async def test_an_identify_has_its_traits_in_the_context_alone() -> None:
    message = JAVASCRIPT | {"type": "identify"}
    message["context"] = message["context"] | {"traits": {"email": "alex@example.com", "plan": "pro"}}  # type: ignore[operator]
    [event] = await taken("/v1/identify", message)
    assert "alex@example.com" in [i.value for i in event.identifiers]
    assert dict(event.profile_updated.properties) == {"plan": "pro"}
