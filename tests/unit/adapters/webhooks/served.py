"""The three webhooks behind a real Starlette application, with secrets made for the test."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette

from services.adapters.webhooks import routes
from services.edge.ports import EventSink
from services.settings import Home
from tests.unit.adapters.webhooks import wechat_says

CONFIGURATION = """
[edge]
max_body_bytes = 65536
{edge}
[edge.webhooks.shop]
kind = "chatwoot"
api_key = "file:secrets/api_key"
secret = "file:secrets/secret"
purposes = ["service", "analytics"]
[edge.webhooks.page]
kind = "messenger"
api_key = "file:secrets/api_key"
secret = "file:secrets/secret"
token = "file:secrets/token"
purposes = ["service", "analytics"]
[edge.webhooks.account]
kind = "wechat"
api_key = "file:secrets/api_key"
secret = "file:secrets/aes_key"
token = "file:secrets/token"
app_id = "wx0000000000000001"
purposes = ["service", "analytics"]
[edge.webhooks.plain]
kind = "wechat"
api_key = "file:secrets/api_key"
secret = ""
token = "file:secrets/token"
app_id = "wx0000000000000002"
purposes = ["service", "analytics"]
"""


@dataclass(frozen=True)
class Secrets:
    secret: str
    token: str
    aes_key: str
    api_key: str


def declare(folder: Path, api_key: str = "", edge: str = "") -> Secrets:
    """Add the webhooks to a home folder's configuration and write their secrets."""
    made = Secrets(secrets.token_hex(), secrets.token_hex(8), wechat_says.new_aes_key(), api_key or secrets.token_hex())
    (folder / "secrets").mkdir()
    for name in ("secret", "token", "aes_key", "api_key"):
        (folder / "secrets" / name).write_text(getattr(made, name) + "\n")
    with (folder / "mangrove.toml").open("a") as file:
        file.write(CONFIGURATION.format(edge=edge))
    return made


def application(home: Home, sink: EventSink) -> Starlette:
    return Starlette(routes=routes(home.settings.edge, home, sink))


@asynccontextmanager
async def client_of(home: Home, sink: EventSink) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(home, sink), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge.example.com") as client:
        yield client
