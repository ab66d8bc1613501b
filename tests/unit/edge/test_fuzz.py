"""Whatever anybody sends: no crash, no answer that libraries would retry for ever, no value in an answer."""

import asyncio
import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.edge.build import KEY, Edge, a_message, basic
from tests.unit.edge.test_segment_api import BATCHES, ROUTES

PLANTED = "planted-7c1f@example.com"
PATHS = [path for paths in ROUTES.values() for path in paths] + list(BATCHES)
KEYS = st.sampled_from(
    "type event userId anonymousId previousId groupId messageId timestamp originalTimestamp sentAt name category "
    "properties traits context page device library os consent consentManagement categoryPreferences channel ip locale "
    "location latitude longitude products quantity price currency order_id total email phone url title batch "
    "allowedConsentIds writeKey".split()
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.just(PLANTED),
    st.sampled_from(["track", "page", "Order Completed", "Product Added", "2026-01-05T10:00:00Z", "Analytics"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=10)


def sent(edge: Edge, path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
    return asyncio.run(edge.post(path, body, headers=headers or {}))


def is_settled(told: Any) -> bool:
    return told.status_code in (200, 400, 401, 413) and PLANTED not in told.text + str(told.headers)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_any_json_is_answered_for_good_and_never_echoed(path: str, value: Any) -> None:
    assert is_settled(sent(Edge(), path, orjson.dumps(value)))


@settings(max_examples=100, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=5), st.sampled_from(sorted(ROUTES)))
def test_any_message_is_answered_for_good_and_never_echoed(parts: list[dict[str, Any]], kind: str) -> None:
    messages = [a_message(kind, messageId=None, event=PLANTED) | part for part in parts]
    edge = Edge()
    told = sent(edge, "/v1/batch", orjson.dumps({"batch": messages}))
    assert is_settled(told)
    if told.status_code == 200:
        assert sum(told.json()["events"].values()) == len(messages)
        assert len(edge.collector.accepted) == told.json()["events"].get("accepted", 0)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS), st.binary(max_size=300), st.sampled_from(["", "gzip"]))
def test_any_bytes_are_answered_for_good(path: str, body: bytes, encoding: str) -> None:
    assert is_settled(sent(Edge(), path, body, {"Content-Encoding": encoding}))


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40))
def test_any_authorization_is_answered_for_good(authorization: str) -> None:
    edge = Edge()
    headers = {"Authorization": authorization.encode("latin-1")}
    told = asyncio.run(edge.call("POST", "/v1/track", content=orjson.dumps(a_message("track")), headers=headers))
    assert told.status_code == 401


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/v1/identify"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"batch":' * 1000 + b"1" + b"}" * 1000,
        b'{"context":' * 500 + b"{}" + b"}" * 500,
        b'{"batch":[' + b'{"type":"track","event":"e","properties":' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}]}",
        b'{"batch":[' + b"{}," * 100_000 + b"{}]}",
        b'{"userId":' + b"9" * 5000 + b"}",
        b'{"timestamp":-1e308,"event":"e","type":"track"}',
        b'{"event":"\\u0000\\uffff","type":"track"}',
        b'{"event":"e","properties":{"a":1e308,"b":-0.0,"c":1e-320}}',
        gzip.compress(b"[" * 10_000_000),
    ],
    ids=[
        "open lists",
        "deep batch",
        "deep context",
        "deep properties",
        "many",
        "digits",
        "time",
        "nul",
        "floats",
        "bomb",
    ],
)
def test_hostile_bodies_are_answered_for_good(path: str, body: bytes) -> None:
    headers = {"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    assert is_settled(sent(Edge(), path, body, headers | {"Authorization": basic(KEY)}))
