"""What callers of the tracking API are told, and what reaches the collector."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from services.clients.collector_async import CollectorBusy, CollectorRefused
from services.edge.bodies import Bodies
from tests.unit.edge.build import ALLOWED, KEY, Edge, a_message, a_track, basic

ROUTES = {
    "track": ("/v1/track", "/v1/t"),
    "identify": ("/v1/identify", "/v1/i"),
    "page": ("/v1/page", "/v1/p"),
    "screen": ("/v1/screen", "/v1/s"),
    "group": ("/v1/group", "/v1/g"),
    "alias": ("/v1/alias", "/v1/a"),
}
BATCHES = ("/v1/batch", "/v1/b", "/v1/import")
SECRET = "13800138000"


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in ROUTES.items() for path in paths])
async def test_each_route_takes_its_kind_whatever_the_message_says(kind: str, path: str) -> None:
    edge = Edge()
    message = a_message(kind, event="Seen", name="Home", previousId="c-0", groupId="g") | {"type": "other"}
    told = await edge.post(path, message)
    assert (told.status_code, told.json()) == (200, {"success": True, "events": {"accepted": 1}, "broken": {}})
    assert [event.event_id for event in edge.collector.accepted] == [message["messageId"]]


@pytest.mark.parametrize("path", BATCHES)
async def test_a_batch_is_answered_when_every_event_has_a_verdict_that_stays(path: str) -> None:
    edge = Edge()
    twice = a_track("Seen")
    refused = {"consent": {"categoryPreferences": {"Analytics": False}}}
    batch = [twice, twice, a_track("Seen", context=refused), a_track(""), "no message", a_message("page", name="x")]
    told = await edge.post(path, {"batch": batch, "sentAt": "2026-01-05T10:00:00Z"})
    assert told.status_code == 200
    assert told.json() == {
        "success": True,
        "events": {"accepted": 2, "duplicate": 1, "refused_consent": 1, "refused_invalid": 1, "unreadable": 1},
        "broken": {"custom.name:REQUIRED": 1},
    }


async def test_the_context_of_a_batch_holds_for_its_messages() -> None:
    edge = Edge()
    shared = {"consent": ALLOWED, "locale": "en-US", "device": {"id": "d-1"}}
    await edge.post("/v1/batch", {"batch": [a_track("Seen", context={"locale": "de-DE"})], "context": shared})
    [event] = edge.collector.accepted
    assert event.context.locale == "de-DE"
    assert "d-1" in [identifier.value for identifier in event.identifiers]


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"Authorization": basic(KEY)}},
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"Authorization": f"bearer   {KEY}"}},
        {"in_body": KEY},
        {"headers": {"Authorization": basic(KEY)}, "in_body": "another"},
    ],
    ids=["basic", "bearer", "bearer spaced", "body", "header before body"],
)
async def test_the_write_key_is_handed_through(how: dict[str, Any]) -> None:
    edge = Edge()
    message = a_track("Seen", writeKey=how.get("in_body"))
    told = await edge.post("/v1/track", message, None, headers=how.get("headers", {}))
    assert told.status_code == 200
    assert len(edge.collector.accepted) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ???"},
        {"Authorization": basic("")},
        {"Authorization": basic("wrong")},
        {"Authorization": basic("k" * 300)},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Digest abc"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer wr\x7fong"},
    ],
)
async def test_without_a_valid_key_nothing_is_taken_and_no_password_is_asked_for(headers: dict[str, str]) -> None:
    edge = Edge()
    told = await edge.post("/v1/track", a_track("Seen"), None, headers=headers)
    assert (told.status_code, told.json()["code"]) == (401, "UNAUTHENTICATED")
    assert "www-authenticate" not in told.headers
    assert edge.collector.accepted == []


@pytest.mark.parametrize("key", [7, ["k"], {"k": 1}, True, ""])
async def test_a_key_in_the_body_is_a_text(key: Any) -> None:
    told = await Edge().post("/v1/track", a_track("Seen", writeKey=key), None)
    assert told.status_code == 401


@pytest.mark.parametrize(
    ("failure", "status", "code", "retry_after"),
    [
        (CollectorBusy("OVERLOADED", "busy", 0.2), 503, "COLLECTOR_UNAVAILABLE", "1"),
        (CollectorBusy("TRANSPORT", "not reached", 3.2), 503, "COLLECTOR_UNAVAILABLE", "4"),
        (CollectorBusy("QUOTA_EXCEEDED", "too much", 40.0), 429, "QUOTA_EXCEEDED", "40"),
        (CollectorBusy("QUOTA_EXCEEDED", "too much today", 50_000.0), 429, "QUOTA_EXCEEDED", "3600"),
        (CollectorRefused("QUOTA_EXCEEDED", "too much"), 429, "QUOTA_EXCEEDED", "60"),
        (CollectorRefused("UNAUTHENTICATED", "no key"), 401, "UNAUTHENTICATED", None),
        (CollectorRefused("PERMISSION_DENIED", "no channel"), 403, "PERMISSION_DENIED", None),
        (CollectorRefused("BATCH_TOO_LARGE", "large"), 413, "BATCH_TOO_LARGE", None),
        (CollectorRefused("INTERNAL", "unexpected"), 503, "COLLECTOR_UNAVAILABLE", "60"),
    ],
)
async def test_what_the_collector_says_becomes_a_status_that_libraries_act_on(
    failure: Any, status: int, code: str, retry_after: str | None
) -> None:
    edge = Edge()
    edge.collector.failure = failure
    told = await edge.post("/v1/track", a_track("Seen"))
    assert (told.status_code, told.json()["code"], told.headers.get("Retry-After")) == (status, code, retry_after)
    assert told.json()["success"] is False


async def test_an_event_that_a_detector_failed_on_is_to_be_sent_again() -> None:
    edge = Edge()
    good, bad = a_track("Seen"), a_track("Seen")
    edge.collector.unmaskable.add(bad["messageId"])
    told = await edge.post("/v1/batch", {"batch": [good, bad]})
    assert (told.status_code, told.json()["code"]) == (503, "MASKING_FAILED")
    assert told.json()["events"] == {"accepted": 1, "refused_unmaskable": 1}
    assert told.headers["Retry-After"] == "30"
    edge.collector.unmaskable.clear()
    told = await edge.post("/v1/batch", {"batch": [good, bad]})
    assert (told.status_code, told.json()["events"]) == (200, {"accepted": 1, "duplicate": 1})


async def test_a_failure_that_nobody_thought_of_is_told_without_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    edge = Edge()
    edge.collector.failure = RuntimeError(SECRET)  # type: ignore[assignment]
    told = await edge.post("/v1/track", a_track(SECRET))
    assert (told.status_code, told.json()["code"]) == (503, "INTERNAL")
    written = capsys.readouterr()
    assert SECRET not in told.text + written.out + written.err
    assert "RuntimeError" in written.out + written.err


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"7", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"{"],
)
async def test_what_is_no_json_object_is_malformed(path: str, body: bytes) -> None:
    told = await Edge().post(path, body)
    assert (told.status_code, told.json()["code"]) == (400, "BODY_MALFORMED")


@pytest.mark.parametrize("document", [{}, {"batch": []}, {"batch": {}}, {"batch": [1, 2]}, {"batch": [[]]}])
async def test_a_batch_of_no_message_is_malformed(document: Any) -> None:
    told = await Edge().post("/v1/batch", document)
    assert (told.status_code, told.json()["code"]) == (400, "BODY_MALFORMED")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/json"])
async def test_json_is_taken_whatever_its_content_type(content_type: str) -> None:
    told = await Edge().post("/v1/track", a_track("Seen"), headers={"Content-Type": content_type})
    assert told.status_code == 200


async def test_packed_and_chunked_bodies_are_taken() -> None:
    edge = Edge()
    packed = gzip.compress(json.dumps({"batch": [a_track("Seen")]}).encode())

    async def chunks() -> Any:
        for i in range(0, len(packed), 10):
            yield packed[i : i + 10]

    headers = {"Authorization": basic(KEY), "Content-Encoding": "gzip"}
    told = await edge.call("POST", "/v1/batch", content=chunks(), headers=headers)
    assert told.status_code == 200
    assert len(edge.collector.accepted) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b"x" * 50_000_000), 413),
        (gzip.compress(b'{"batch": []}')[:-3], 400),
        (gzip.compress(b"{}") + b"rest", 400),
        (gzip.compress(b"{}") * 2, 400),
        (b"not gzip", 400),
        (b"", 400),
    ],
    ids=["bomb", "cut", "rest", "two members", "plain", "empty"],
)
async def test_a_packed_body_is_never_blown_up(body: bytes, status: int) -> None:
    told = await Edge().post("/v1/batch", body, headers={"Content-Encoding": "gzip"})
    assert told.status_code == status


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_other_encodings_are_refused(encoding: str) -> None:
    told = await Edge().post("/v1/track", b"{}", headers={"Content-Encoding": encoding})
    assert (told.status_code, told.json()["code"]) == (415, "ENCODING_UNSUPPORTED")


async def test_a_body_over_the_limit_is_refused_told_or_untold() -> None:
    edge = Edge(bodies=Bodies(40_000, 5.0))
    batch = json.dumps({"batch": [a_track("Seen", properties={"a": "x" * 8000}) for _ in range(6)]}).encode()
    assert (await edge.post("/v1/batch", batch)).status_code == 413

    async def chunks() -> Any:
        for i in range(0, len(batch), 1000):
            yield batch[i : i + 1000]

    told = await edge.call("POST", "/v1/batch", content=chunks(), headers={"Authorization": basic(KEY)})
    assert (told.status_code, told.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert edge.collector.accepted == []


async def test_a_batch_of_too_many_messages_is_refused() -> None:
    told = await Edge().post("/v1/batch", {"batch": [{}] * 2501})
    assert (told.status_code, told.json()["code"]) == (413, "BATCH_TOO_LARGE")


async def test_a_message_over_32_kb_is_refused_alone() -> None:
    edge = Edge()
    large, small = a_track("Seen", properties={"a": ["x" * 8000] * 5}), a_track("Seen")
    told = await edge.post("/v1/batch", {"batch": [large, small]})
    assert (told.status_code, told.json()["events"]) == (200, {"accepted": 1, "unreadable": 1})
    assert (await edge.post("/v1/track", large)).status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    never = asyncio.Event()

    async def endless() -> Any:
        yield b"{"
        await never.wait()

    edge = Edge(bodies=Bodies(1024, 0.05))
    told = await edge.call("POST", "/v1/track", content=endless())
    assert (told.status_code, told.json()["code"]) == (408, "REQUEST_SLOW")


async def test_all_requests_together_hold_a_bounded_number_of_bytes() -> None:
    edge = Edge(bodies=Bodies(10_000, 5.0, most_held_bytes=1000))
    told = await edge.post("/v1/track", a_track("Seen", properties={"a": "x" * 2000}))
    assert (told.status_code, told.json()["code"]) == (503, "OVERLOADED")
    for _ in range(20):
        assert (await edge.post("/v1/track", a_track("Seen"))).status_code == 200


async def test_no_answer_echoes_a_value() -> None:
    edge = Edge()
    hostile: list[Any] = [
        a_track("", properties={SECRET: SECRET}),
        a_track("Seen", userId=SECRET * 40),
        a_track("Seen", timestamp=SECRET),
        a_message(SECRET),
        a_message("page", properties={"url": SECRET * 900}),
        SECRET,
    ]
    told = await edge.post("/v1/batch", {"batch": hostile})
    assert told.status_code == 200
    assert SECRET not in told.text + str(told.headers)
    assert told.json()["events"]["refused_invalid"] >= 3


async def test_the_kind_of_body_that_a_python_library_makes() -> None:
    """As `segment-analytics-python` posts it: all in one batch, with sentAt and writeKey beside."""
    edge = Edge()
    body = {
        "batch": [
            {
                "integrations": {},
                "anonymousId": None,
                "properties": {"price": 99.84},
                "timestamp": "2026-01-05T09:59:59.123+00:00",
                "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
                "userId": "019mr8mf4r",
                "type": "track",
                "event": "Item Purchased",
                "messageId": "d4e8b0c2-0f3c-4f8b-9a51-4c7d2c2b1f7e",
            }
        ],
        "sentAt": "2026-01-05T10:00:00.000000+00:00",
        "writeKey": KEY,
    }
    assert (await edge.post("/v1/batch", body)).status_code == 200
    assert [identifier.value for identifier in edge.collector.accepted[0].identifiers] == ["019mr8mf4r"]
