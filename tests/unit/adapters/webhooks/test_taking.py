import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from mangrove.collector.v1 import collector_pb2
from services.adapters.webhooks.delivery import Authentic
from services.adapters.webhooks.replay import TakenDeliveries
from services.clients.collector_async import CollectorBusy, CollectorRefused
from services.settings import Home
from tests.unit.adapters.webhooks import chatwoot_says, meta_says, served, wechat_says
from tests.unit.adapters.webhooks.sink import FakeSink


@pytest_asyncio.fixture
async def edge(tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    made = served.declare(tmp_path)
    sink = FakeSink()
    async with served.client_of(Home(tmp_path), sink) as client:
        yield SimpleNamespace(client=client, sink=sink, secrets=made, folder=tmp_path)


def chatwoot_delivery(secret: str, **more: object) -> dict[str, object]:
    body = chatwoot_says.body_of(chatwoot_says.message(**more))
    return {"url": "/webhooks/shop", "content": body, "headers": chatwoot_says.signed(body, secret, time.time())}


def meta_delivery(secret: str, text: str = "hello") -> dict[str, object]:
    said = meta_says.item(message={"mid": "m_1", "text": text})
    body = meta_says.body_of(meta_says.notification(said, time_ms=int(time.time() * 1000)))
    return {"url": "/webhooks/page", "content": body, "headers": meta_says.signed(body, secret)}


def wechat_delivery(made: served.Secrets, content: str = "你好") -> dict[str, object]:
    query, body = wechat_says.enveloped(wechat_says.text(content), made.token, made.aes_key, time.time())
    return {"url": "/webhooks/account", "content": body, "params": query}


def plain_delivery(made: served.Secrets, content: str = "你好") -> dict[str, object]:
    query = wechat_says.signed(made.token, time.time())
    return {"url": "/webhooks/plain", "content": wechat_says.text(content), "params": query}


def deliveries(made: served.Secrets) -> list[dict[str, object]]:
    return [
        chatwoot_delivery(made.secret),
        meta_delivery(made.secret),
        wechat_delivery(made),
        plain_delivery(made),
    ]


async def test_every_platforms_delivery_is_taken_and_answered_as_it_wants(edge):
    answers = [await edge.client.post(**delivery) for delivery in deliveries(edge.secrets)]
    assert [(a.status_code, a.text) for a in answers] == [
        (200, "taken"),
        (200, "taken"),
        (200, "success"),
        (200, "success"),
    ]
    assert [event.WhichOneof("body") for event in edge.sink.events] == ["message_sent"] * 4
    assert edge.sink.keys == {edge.secrets.api_key}


async def test_a_repeated_delivery_is_answered_as_taken_and_not_handed_over_again(edge):
    for delivery in deliveries(edge.secrets):
        first = await edge.client.post(**delivery)
        again = await edge.client.post(**delivery)
        assert (again.status_code, again.text) == (first.status_code, first.text)
    assert len(edge.sink.events) == 4


async def test_a_recorded_delivery_under_another_name_is_not_handed_over_again(edge):
    delivery = chatwoot_delivery(edge.secrets.secret)
    await edge.client.post(**delivery)
    delivery["headers"]["x-chatwoot-delivery"] = "00000000-0000-0000-0000-000000000000"
    assert (await edge.client.post(**delivery)).status_code == 200
    assert len(edge.sink.events) == 1


async def test_a_message_sent_again_with_a_new_signature_is_the_same_event(edge):
    for _ in range(2):
        await edge.client.post(**plain_delivery(edge.secrets))
        await edge.client.post(**wechat_delivery(edge.secrets))
    plain, encrypted, *again = [event.event_id for event in edge.sink.events]
    assert again == [plain, encrypted]


async def test_a_signature_of_plain_mode_cannot_carry_another_message(edge):
    delivery = plain_delivery(edge.secrets)
    await edge.client.post(**delivery)
    answer = await edge.client.post(**{**delivery, "content": wechat_says.text("forged")})
    assert answer.status_code == 401
    assert len(edge.sink.events) == 1


@pytest.mark.parametrize(
    "failure",
    [
        CollectorBusy("OVERLOADED", "busy", 2.5),
        CollectorBusy("QUOTA_EXCEEDED", "too much", 7.0),
        CollectorRefused("UNAUTHENTICATED", "no key"),
        CollectorRefused("PERMISSION_DENIED", "not this channel"),
        TimeoutError(),
    ],
)
async def test_what_the_collector_did_not_take_is_to_be_sent_again_and_then_taken(edge, failure):
    delivery = chatwoot_delivery(edge.secrets.secret)
    edge.sink.fails = failure
    answer = await edge.client.post(**delivery)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    edge.sink.fails = None
    assert (await edge.client.post(**delivery)).status_code == 200
    assert len(edge.sink.events) == 1


@pytest.mark.parametrize(
    "code", [collector_pb2.VERDICT_CODE_REFUSED_UNMASKABLE, collector_pb2.VERDICT_CODE_UNSPECIFIED]
)
async def test_a_verdict_that_is_not_final_asks_for_the_delivery_again(edge, code):
    delivery = meta_delivery(edge.secrets.secret)
    edge.sink.code = code
    assert (await edge.client.post(**delivery)).status_code == 503
    edge.sink.code = collector_pb2.VERDICT_CODE_ACCEPTED
    assert (await edge.client.post(**delivery)).status_code == 200


@pytest.mark.parametrize(
    "code",
    [
        collector_pb2.VERDICT_CODE_DUPLICATE,
        collector_pb2.VERDICT_CODE_REFUSED_INVALID,
        collector_pb2.VERDICT_CODE_REFUSED_CONSENT,
    ],
)
async def test_a_final_verdict_ends_a_delivery(edge, code):
    edge.sink.code = code
    assert (await edge.client.post(**meta_delivery(edge.secrets.secret))).status_code == 200


async def test_an_unsigned_delivery_is_refused_whatever_it_holds(edge):
    for delivery in deliveries(edge.secrets):
        for content in (delivery["content"], b"", b"{", b"\xff"):
            answer = await edge.client.post(delivery["url"], content=content)
            assert answer.status_code == 401
    assert edge.sink.events == []


async def test_a_header_or_parameter_that_comes_twice_counts_as_none(edge):
    delivery = chatwoot_delivery(edge.secrets.secret)
    twice = [("X-Chatwoot-Signature", "sha256=0"), *delivery["headers"].items()]
    assert (await edge.client.post(**{**delivery, "headers": twice})).status_code == 401
    delivery = plain_delivery(edge.secrets)
    params = [("signature", "0"), *delivery["params"].items()]
    assert (await edge.client.post(**{**delivery, "params": params})).status_code == 401
    assert edge.sink.events == []


async def test_a_body_over_the_limit_is_refused(edge):
    delivery = chatwoot_delivery(edge.secrets.secret, content="a" * 65_536)
    assert (await edge.client.post(**delivery)).status_code == 413


async def test_a_packed_body_is_refused_because_what_is_signed_is_the_body_as_it_comes(edge):
    delivery = chatwoot_delivery(edge.secrets.secret)
    delivery["headers"]["content-encoding"] = "gzip"
    assert (await edge.client.post(**delivery)).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 50_000,
        b'{"event":"message_created"}',
        b'{"event":"message_created","id":[],"created_at":"x","message_type":1,"conversation":[]}',
        b'{"event":"contact_created","id":"\\ud800"}',
    ],
)
async def test_a_signed_delivery_that_is_odd_is_malformed(edge, body):
    headers = chatwoot_says.signed(body, edge.secrets.secret, time.time())
    answer = await edge.client.post("/webhooks/shop", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "PAYLOAD_MALFORMED")


async def test_platforms_that_ask_first_are_answered_and_chatwoot_does_not_ask(edge):
    question = {"hub.mode": "subscribe", "hub.verify_token": edge.secrets.token, "hub.challenge": "1158201444"}
    answer = await edge.client.get("/webhooks/page", params=question)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    asked = wechat_says.signed(edge.secrets.token, time.time(), echostr="5885463215469823")
    assert (await edge.client.get("/webhooks/account", params=asked)).text == "5885463215469823"
    refused = await edge.client.get("/webhooks/page", params={**question, "hub.verify_token": "guess"})
    assert refused.status_code == 403
    assert (await edge.client.get("/webhooks/shop", params=question)).status_code == 405


async def test_neither_an_answer_nor_a_log_line_repeats_a_value(edge):
    marker = "planted-value-7391"
    question = {"hub.mode": marker, "hub.verify_token": marker, "hub.challenge": marker}
    chat = chatwoot_delivery(edge.secrets.secret, content=marker)
    odd = chatwoot_says.body_of(chatwoot_says.message(id=[marker]))
    with capture_logs() as lines:
        answers: list[httpx.Response] = [
            await edge.client.post(**chat),
            await edge.client.post(**chat),
            await edge.client.post("/webhooks/shop", content=marker, headers={"x-chatwoot-signature": marker}),
            await edge.client.post(
                "/webhooks/shop", content=odd, headers=chatwoot_says.signed(odd, edge.secrets.secret, time.time())
            ),
            await edge.client.get("/webhooks/page", params=question),
            await edge.client.post("/webhooks/plain", params={"signature": marker}, content=marker),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 400, 403, 401]
    assert marker not in "".join(answer.text + str(answer.headers) for answer in answers)
    assert lines
    assert marker not in str(lines)
    assert edge.secrets.secret not in str(lines)


async def test_a_client_that_leaves_in_the_middle_of_a_body_breaks_nothing(edge):
    sent: list[dict[str, object]] = []
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(parts)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/shop",
        "query_string": b"",
        "headers": [],
    }
    await served.application(Home(edge.folder), edge.sink)(scope, receive, send)
    assert sent[0]["status"] == 408
    assert edge.sink.events == []


def test_the_memory_of_deliveries_is_bounded_and_forgets_the_oldest():
    taken = TakenDeliveries(most=2)
    one, two, three = (Authentic(str(number), b"") for number in range(3))
    for authentic in (one, two, three):
        taken.remember(authentic)
    assert [taken.has(authentic) for authentic in (one, two, three)] == [False, True, True]


async def answered(edge: SimpleNamespace, delivery: Callable[[], dict[str, object]], status: int) -> None:
    """Deliver anew until the answer has a status: files are looked at again within a second."""
    deadline = time.monotonic() + 20
    while (await edge.client.post(**delivery())).status_code != status:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_renewed_secret_and_api_key_count_without_a_restart(edge):
    before = chatwoot_delivery(edge.secrets.secret)
    (edge.folder / "secrets/secret").write_text("renewed")
    (edge.folder / "secrets/api_key").write_text("mgs_renewed")
    await answered(edge, lambda: chatwoot_delivery("renewed"), 200)
    assert edge.sink.keys == {"mgs_renewed"}
    assert (await edge.client.post(**before)).status_code == 401


async def test_secrets_that_cannot_be_used_leave_those_before_in_use_and_are_logged(edge):
    with capture_logs() as logs:
        (edge.folder / "secrets/secret").unlink()
        (edge.folder / "secrets/aes_key").write_text("too short")
        deadline = time.monotonic() + 20
        while len(logs) < 2:
            assert time.monotonic() < deadline
            assert (await edge.client.post(**chatwoot_delivery(edge.secrets.secret))).status_code == 200
            assert (await edge.client.post(**wechat_delivery(edge.secrets))).status_code == 200
    told = {(line["webhook"], line["event"]) for line in logs}
    assert told == {("shop", "webhook_secrets_unusable"), ("account", "webhook_secrets_unusable")}
    (edge.folder / "secrets/secret").write_text("renewed")
    await answered(edge, lambda: chatwoot_delivery("renewed"), 200)
