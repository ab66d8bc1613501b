"""Whatever comes, signed or not: an answer that says what is wrong, never a crash."""

import asyncio
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.settings import Home
from tests.unit.adapters.webhooks import chatwoot_says, meta_says, served, wechat_says
from tests.unit.adapters.webhooks.sink import FakeSink

EXPECTED = {200, 400, 401}
few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = (
    st.none() | st.booleans() | numbers | st.text(max_size=30) | st.sampled_from(["2021-13-45", "9" * 400, "\u0000"])
)
odd_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


class Edge:
    def __init__(self, folder: Path) -> None:
        self.secrets = served.declare(folder)
        self._app = served.application(Home(folder), FakeSink())

    def post(self, name: str, content: bytes, **more: Any) -> int:
        async def post() -> int:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://edge.example.com") as client:
                return (await client.post(f"/webhooks/{name}", content=content, **more)).status_code

        return asyncio.run(post())

    def chatwoot(self, body: bytes) -> int:
        return self.post("shop", body, headers=chatwoot_says.signed(body, self.secrets.secret, time.time()))

    def meta(self, body: bytes) -> int:
        return self.post("page", body, headers=meta_says.signed(body, self.secrets.secret))

    def wechat(self, message: bytes) -> int:
        query, body = wechat_says.enveloped(message, self.secrets.token, self.secrets.aes_key, time.time())
        return self.post("account", body, params=query)


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    return Edge(tmp_path)


def paths_of(payload: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    return [path, *(deeper for key, value in inner for deeper in paths_of(value, (*path, key)))]


def put(payload: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = deepcopy(payload)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


MOVED = chatwoot_says.change("updated_at", None, "2026-03-02")
CHATWOOT = [
    chatwoot_says.message(),
    chatwoot_says.survey(4, "fine"),
    chatwoot_says.changed("conversation_status_changed", chatwoot_says.change("status", "pending", "open")),
    chatwoot_says.changed("conversation_updated", chatwoot_says.change("assignee_id", None, 7)),
    {**chatwoot_says.conversation(), "event": "conversation_created"},
    chatwoot_says.contact(
        "contact_updated", changed_attributes=[chatwoot_says.change("updated_at", None, "2026-03-02")]
    ),
    chatwoot_says.widget(),
]
META = [
    meta_says.notification(what, time_ms=int(time.time() * 1000))
    for what in (
        meta_says.echo(app_id=1),
        meta_says.item(postback={"title": "a", "payload": "b"}),
        meta_says.item(read={"watermark": 1}),
        meta_says.item(reaction={"mid": "m", "action": "react", "reaction": "love"}),
        meta_says.item(pass_thread_control={"new_owner_app_id": "1", "previous_owner_app_id": None}),
        meta_says.item(referral={"source": "ADS"}),
    )
]


def one_value_changed(payloads: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(payloads).flatmap(
        lambda payload: st.builds(put, st.just(payload), st.sampled_from(paths_of(payload)), odd_json)
    )


@few
@given(content=st.binary(max_size=400), name=st.sampled_from(["shop", "page", "account", "plain"]))
def test_unsigned_bytes_are_refused(edge, content, name):
    assert edge.post(name, content) == 401


@few
@given(content=st.binary(max_size=400))
def test_signed_bytes_are_malformed(edge, content):
    assume(not content.strip().startswith(b"{"))
    assert {edge.chatwoot(content), edge.meta(content), edge.wechat(content)} <= {400}


@few
@given(payload=one_value_changed(CHATWOOT) | odd_json)
def test_signed_oddities_of_chatwoot_are_taken_or_malformed(edge, payload):
    assert edge.chatwoot(chatwoot_says.body_of(payload)) in EXPECTED


@few
@given(payload=one_value_changed(META) | odd_json)
def test_signed_oddities_of_meta_are_taken_or_refused(edge, payload):
    assert edge.meta(meta_says.body_of(payload)) in EXPECTED


names = st.sampled_from(
    "ToUserName FromUserName CreateTime MsgType MsgId Event EventKey Content Latitude KfAccount".split()
)
oddities = st.sampled_from(["text", "event", "LOCATION", "kf_create_session", "1772439330", "²", "1e999"])
values = st.text(max_size=20) | oddities


@few
@given(fields=st.dictionaries(names, values, max_size=8), is_whole=st.booleans())
def test_signed_oddities_of_wechat_are_taken_or_malformed(edge, fields, is_whole):
    body = wechat_says.xml(**fields) if is_whole else wechat_says.xml(**fields)[:-9]
    assert edge.wechat(body) in EXPECTED


@few
@given(
    headers=st.dictionaries(
        st.sampled_from(["x-chatwoot-signature", "x-chatwoot-timestamp", "x-hub-signature-256", "content-length-x"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80),
    ),
    query=st.dictionaries(
        st.sampled_from(["signature", "timestamp", "nonce", "msg_signature"]), st.text(max_size=40), max_size=4
    ),
)
def test_odd_signatures_are_refused(edge, headers, query):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    for name in ("shop", "page", "account"):
        assert edge.post(name, b"{}", headers=encoded, params=query) == 401
