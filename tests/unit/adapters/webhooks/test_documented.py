"""The delivery that docs/adapters.md shows is taken as it stands there."""

import re
import subprocess
from pathlib import Path

from services.settings import Home
from tests.unit.adapters.webhooks import served
from tests.unit.adapters.webhooks.sink import FakeSink

DOCS = Path(__file__).parents[4] / "docs/adapters.md"


async def test_the_documented_delivery_is_taken(tmp_path: Path) -> None:
    made, sink = served.declare(tmp_path), FakeSink()
    [script] = re.findall(r"```sh\n(body='.*?)curl ", DOCS.read_text(), flags=re.DOTALL)
    shown = script + 'printf "%s\\n%s\\n%s" "$at" "$signature" "$body"'
    environment = {"PATH": "/usr/bin:/bin", "CHATWOOT_SECRET": made.secret}
    printed = subprocess.run(["bash", "-c", shown], env=environment, check=True, capture_output=True, text=True)
    at, signature, body = printed.stdout.split("\n")
    headers = {"X-Chatwoot-Timestamp": at, "X-Chatwoot-Signature": f"sha256={signature}"}
    async with served.client_of(Home(tmp_path), sink) as client:
        answer = await client.post("/webhooks/shop", content=body, headers=headers)
    assert (answer.status_code, answer.text) == (200, "taken")
    assert [event.message_sent.text for event in sink.events] == ["Where is my order?"]
