"""Meta's deliveries, after the Messenger Platform's "Webhook Events Reference"; all values are made up."""

import hashlib
import hmac
import json
from typing import Any

PAGE, PERSON = "105550000000001", "6100000000000001"
AT_MS = 1_772_439_330_250
AT_NS = AT_MS * 1_000_000


def item(**what: Any) -> dict[str, Any]:
    """What a person did."""
    return {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": AT_MS, **what}


def echo(**message: Any) -> dict[str, Any]:
    """What the page said."""
    said = {"mid": "m_echo", "is_echo": True, "text": "hello", **message}
    return {"sender": {"id": PAGE}, "recipient": {"id": PERSON}, "timestamp": AT_MS, "message": said}


def notification(*items: dict[str, Any], of: str = "page", time_ms: int = AT_MS, **more: Any) -> dict[str, Any]:
    return {"object": of, "entry": [{"id": PAGE, "time": time_ms, "messaging": list(items), **more}]}


def body_of(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def signed(body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
