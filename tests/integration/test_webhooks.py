"""Webhooks as platforms meet them: over HTTP, and through a real collector into the lake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path

import httpx
import pytest
import uvicorn
from deltalake import DeltaTable

from services.clients.collector_async import AsyncCollectorClient
from services.collector.bootstrap import lander_at
from services.demo.scan import Needles, scan
from services.demo.servers import free_port
from services.edge.ports import EventSink
from services.installation import api_key_of
from services.settings import Home
from spark_jobs.lake import tables
from tests.servers import collecting, new_home
from tests.unit.adapters.webhooks import chatwoot_says, meta_says, served, wechat_says
from tests.unit.adapters.webhooks.sink import FakeSink

READY_S = 30

PLANTED = {
    "phone": "13912345678",
    "email": "zhang.wei.7391@example.com",
    "openid": "oAAAAplanted_openid_0000073",
    "psid": "6100000000007391",
    "identifier": "K-7391-planted",
    "card": "6222021234567894",
}


@asynccontextmanager
async def listening(home: Home, sink: EventSink) -> AsyncIterator[httpx.AsyncClient]:
    """The webhooks behind a real HTTP server on loopback."""
    port = free_port()
    app = served.application(home, sink)
    configuration = uvicorn.Config(app, port=port, log_level="critical", access_log=False, lifespan="off")
    server = uvicorn.Server(configuration)
    running = asyncio.create_task(server.serve())
    deadline = time.monotonic() + READY_S
    while not server.started and not running.done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await running


def chatwoot_posts(made: served.Secrets) -> list[tuple[str, bytes, dict[str, str], dict[str, str]]]:
    named = {
        **chatwoot_says.CONTACT,
        "identifier": PLANTED["identifier"],
        "email": PLANTED["email"],
        "phone_number": PLANTED["phone"],
    }
    talk = chatwoot_says.conversation(meta={"sender": named})
    payloads = [
        {**talk, "event": "conversation_created"},
        chatwoot_says.message(content=f"我的电话是{PLANTED['phone']}，卡号{PLANTED['card']}", conversation=talk),
        chatwoot_says.message(content=f"note: {PLANTED['email']}", conversation=talk, private=True, id=119),
        {**chatwoot_says.survey(5, f"write to {PLANTED['email']}"), "conversation": talk},
        {**chatwoot_says.contact("contact_created"), **named},
        {**talk, "event": "conversation_status_changed", "status": "resolved"},
    ]
    bodies = [chatwoot_says.body_of(payload) for payload in payloads]
    return [("shop", body, chatwoot_says.signed(body, made.secret, time.time()), {}) for body in bodies]


def meta_posts(made: served.Secrets) -> list[tuple[str, bytes, dict[str, str], dict[str, str]]]:
    said = meta_says.item(message={"mid": "m_7391", "text": f"mail me at {PLANTED['email']}"})
    said["sender"] = {"id": PLANTED["psid"]}
    body = meta_says.body_of(meta_says.notification(said, time_ms=int(time.time() * 1000)))
    return [("page", body, meta_says.signed(body, made.secret), {})]


def wechat_posts(made: served.Secrets) -> list[tuple[str, bytes, dict[str, str], dict[str, str]]]:
    openid = PLANTED["openid"]
    messages = [
        wechat_says.event("subscribe", FromUserName=openid),
        wechat_says.text(f"电话{PLANTED['phone']}", FromUserName=openid),
    ]
    envelopes = [wechat_says.enveloped(message, made.token, made.aes_key, time.time()) for message in messages]
    return [("account", body, {}, query) for query, body in envelopes]


def posts(made: served.Secrets) -> list[tuple[str, bytes, dict[str, str], dict[str, str]]]:
    return [*chatwoot_posts(made), *meta_posts(made), *wechat_posts(made)]


async def deliver(client: httpx.AsyncClient, made: served.Secrets) -> list[int]:
    return [
        (await client.post(f"/webhooks/{name}", content=body, headers=headers, params=query)).status_code
        for name, body, headers, query in posts(made)
    ]


async def test_all_three_platforms_deliver_over_http(tmp_path: Path):
    (tmp_path / "mangrove.toml").write_text("")
    made, sink = served.declare(tmp_path), FakeSink()
    async with listening(Home(tmp_path), sink) as client:
        assert set(await deliver(client, made)) == {200}
        question = wechat_says.signed(made.token, time.time(), echostr="5885463215469823")
        assert (await client.get("/webhooks/account", params=question)).text == "5885463215469823"
        forged = await client.post("/webhooks/shop", content=b"{}", headers={"x-chatwoot-signature": "sha256=0"})
        assert forged.status_code == 401
    said = [event.message_sent.text for event in sink.events if event.HasField("message_sent")]
    assert len(sink.events) == 8
    assert said[0].startswith("我的电话是")


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path):
    (tmp_path / "mangrove.toml").write_text("")
    served.declare(tmp_path)
    async with listening(Home(tmp_path), FakeSink()) as client:
        assert (await client.post("/webhooks/shop", content=b"a" * 65_537)).status_code == 413


@pytest.mark.slow
async def test_deliveries_reach_bronze_once_and_nothing_personal_is_written(tmp_path: Path):
    new_home(tmp_path)
    made = served.declare(tmp_path, api_key=api_key_of(Home(tmp_path), "web"))
    home = Home(tmp_path)
    with collecting(home):
        for _ in range(2):  # what is sent again, here with new signatures and to a new edge, is told as a duplicate
            async with AsyncCollectorClient(home.settings.collector.address) as sink, listening(home, sink) as client:
                assert set(await deliver(client, made)) == {200}
    lander_at(home).drain()
    events = DeltaTable(str(Path(home.lake_root) / tables.BRONZE_EVENTS.path)).to_pyarrow_table().to_pylist()
    assert len(events) == 8
    assert len({event["event_id"] for event in events}) == 8
    texts = "".join(event["body"] for event in events)
    assert "<PHONE_NUMBER>" in texts
    assert "<EMAIL_ADDRESS>" in texts
    written = scan(home.folder, Needles([*PLANTED.values(), *astuple(made)[:3]]))
    assert {path for path in written if not path.startswith("secrets/")} == set()
