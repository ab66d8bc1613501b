"""Builds the edge over a collector in memory, and messages as the libraries send them."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.adapters.segment import ConsentRules
from services.edge.app import Drain, build_app
from services.edge.bodies import Bodies
from services.edge.segment import SegmentApi
from tests.fakes.collector import FakeCollector, FakeReadiness

KEY = "mgs_a-write-key"
ALLOWED = {"categoryPreferences": {"Analytics": True, "Functional": True}}


@dataclass
class Edge:
    """The application, what stands behind it, and calls to it."""

    collector: FakeCollector = field(default_factory=lambda: FakeCollector(KEY))
    readiness: FakeReadiness = field(default_factory=FakeReadiness)
    drain: Drain = field(default_factory=Drain)
    consent: ConsentRules = field(default_factory=lambda: ConsentRules.of(["service", "analytics"]))
    bodies: Bodies = field(default_factory=lambda: Bodies(512 * 1024, 5.0))
    client_host: str = "127.0.0.1"

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        app = build_app(SegmentApi(self.collector, self.consent, self.bodies).routes(), self.readiness, self.drain)
        transport = httpx.ASGITransport(app, client=(self.client_host, 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://edge.example.com") as client:
            return await client.request(method, path, **request)

    async def post(self, path: str, document: Any, key: str | None = KEY, **request: Any) -> httpx.Response:
        """POST a document as JSON (bytes as they are) with a write key by basic authentication."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = ({"Authorization": basic(key)} if key is not None else {}) | request.pop("headers", {})
        return await self.call("POST", path, content=content, headers=headers, **request)


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def a_message(kind: str, **fields: Any) -> dict[str, Any]:
    """A message with a fresh id of a known person; fields given replace the defaults, None takes one out."""
    message = {
        "type": kind,
        "messageId": uuid.uuid4().hex,
        "userId": "u-1",
        "anonymousId": "c-1",
        "timestamp": "2026-01-05T10:00:00.000Z",
        "context": {"library": {"name": "analytics.js", "version": "2.11.1"}},
    }
    return {key: value for key, value in (message | fields).items() if value is not None}


def a_track(event: str, **fields: Any) -> dict[str, Any]:
    return a_message("track", event=event, **fields)
