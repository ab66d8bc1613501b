"""Chatwoot's deliveries, after its "Webhook Events" and what version 4 sends; all values are made up."""

import hashlib
import hmac
import json
from typing import Any

CREATED = "2026-03-02T08:15:30.250Z"
CREATED_NS = 1_772_439_330_250_000_000

CONTACT = {
    "additional_attributes": {},
    "custom_attributes": {},
    "email": "kim@example.com",
    "id": 14,
    "identifier": "K-100",
    "name": "Kim Example",
    "phone_number": "+8613800138000",
    "thumbnail": "",
    "blocked": False,
}
USER = {"id": 7, "name": "Agent", "email": "agent@example.com", "type": "user"}
BOT = {"id": 3, "name": "Bot", "type": "agent_bot"}


def conversation(**more: Any) -> dict[str, Any]:
    return {
        "additional_attributes": {
            "browser": {"device_name": "Unknown", "browser_name": "Chrome"},
            "browser_language": "zh-CN",
            "referer": "https://shop.example.com/",
            "initiated_at": {"timestamp": "Mon Mar 02 2026 16:15:30 GMT+0800"},
        },
        "can_reply": True,
        "channel": "Channel::WebWidget",
        "contact_inbox": {"id": 12, "contact_id": 14, "inbox_id": 1, "source_id": "405f1d30", "hmac_verified": False},
        "id": 10,
        "inbox_id": 1,
        "messages": [],
        "labels": [],
        "meta": {"sender": {**CONTACT, "type": "contact"}, "assignee": None, "team": None, "hmac_verified": False},
        "status": "open",
        "custom_attributes": {},
        "unread_count": 1,
        "agent_last_seen_at": 0,
        "contact_last_seen_at": 0,
        "last_activity_at": 1_772_439_330,
        "timestamp": 1_772_439_330,
        "created_at": 1_772_439_300,
        **more,
    }


def message(event: str = "message_created", **more: Any) -> dict[str, Any]:
    return {
        "account": {"id": 1, "name": "Shop"},
        "additional_attributes": {},
        "content_attributes": {},
        "content_type": "text",
        "content": "Where is my order?",
        "conversation": conversation(),
        "created_at": CREATED,
        "id": 118,
        "inbox": {"id": 1, "name": "Shop Support"},
        "message_type": "incoming",
        "private": False,
        "sender": {"account": {"id": 1, "name": "Shop"}, "avatar": "", **CONTACT},
        "source_id": None,
        "event": event,
        **more,
    }


def survey(rating: int, comment: str | None) -> dict[str, Any]:
    answered = {"csat_survey_response": {"rating": rating, "feedback_message": comment}}
    return message(
        "message_updated",
        content_type="input_csat",
        message_type="template",
        sender=None,
        content_attributes={"submitted_values": answered},
    )


def changed(event: str, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**conversation(**more), "event": event, "changed_attributes": list(changes)}


def change(attribute: str, before: Any, after: Any) -> dict[str, Any]:
    return {attribute: {"previous_value": before, "current_value": after}}


def contact(event: str, **more: Any) -> dict[str, Any]:
    return {"account": {"id": 1, "name": "Shop"}, "avatar": "", **CONTACT, "event": event, **more}


def widget() -> dict[str, Any]:
    return {
        "id": 12,
        "contact": {"account": {"id": 1, "name": "Shop"}, **CONTACT},
        "inbox": {"id": 1, "name": "Shop Support"},
        "account": {"id": 1, "name": "Shop"},
        "current_conversation": None,
        "source_id": "405f1d30-1af3-4fa0-8ffd-11ea3f86101e",
        "event": "webwidget_triggered",
        "event_info": {
            "widget_language": "en",
            "browser_language": "en",
            "referer": "https://shop.example.com/help",
            "browser": {"browser_name": "Chrome"},
        },
    }


def body_of(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def signed(body: bytes, secret: str, at_s: float) -> dict[str, str]:
    """The headers of a delivery, as "Verify webhook signatures" says."""
    timestamp = str(int(at_s))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-chatwoot-timestamp": timestamp,
        "x-chatwoot-signature": f"sha256={digest}",
        "x-chatwoot-delivery": "6e0cde2e-74fd-4a0a-9a05-0d4f4a5b2a11",
    }
