"""From the configuration to routes: which webhooks there are, with which secrets."""

import re

from starlette.routing import Route

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.chatwoot import Chatwoot
from services.adapters.webhooks.delivery import Verifiable, Webhook
from services.adapters.webhooks.endpoint import Endpoint, verification
from services.adapters.webhooks.messenger import Messenger
from services.adapters.webhooks.origin import Origin
from services.adapters.webhooks.secrets import secret_of
from services.adapters.webhooks.wechat import WeChat
from services.adapters.webhooks.wechat_crypto import MessageCipher
from services.edge.bodies import Bodies
from services.edge.ports import EventSink
from services.settings import EdgeSettings, Home, SettingsInvalid, WebhookSettings

_NAME = re.compile("[A-Za-z0-9_-]{1,64}")
_API_KEY = re.compile(r"[\x21-\x7e]{1,256}")


def routes(settings: EdgeSettings, home: Home, collector: EventSink) -> list[Route]:
    """Return the routes `/webhooks/NAME` of all configured webhooks; their secrets are read now.

    Args:
        settings: The edge's configuration.
        home: The installation, for files with secrets.
        collector: Where the events go.

    Raises:
        SecretMissing: if a secret is not where the configuration says.
        SettingsInvalid: if a webhook's settings do not fit its kind.
    """
    bodies = Bodies(settings.max_body_bytes, settings.timeout_s)
    made = []
    for name, declared in settings.webhooks.items():
        if not _NAME.fullmatch(name):
            raise SettingsInvalid("A webhook's name has 1 to 64 letters, digits, - and _: it is a part of its URL.")
        webhook = _webhook(name, declared, home)
        endpoint = Endpoint(name, webhook, collector, _api_key(name, declared, home), bodies)
        path = f"/webhooks/{name}"
        made.append(Route(path, endpoint.post, methods=["POST"]))
        if isinstance(webhook, Verifiable):
            made.append(Route(path, verification(webhook), methods=["GET"]))
    return made


def _webhook(name: str, declared: WebhookSettings, home: Home) -> Webhook:
    purposes = tuple(event_pb2.Purpose.Value(f"PURPOSE_{purpose.upper()}") for purpose in declared.purposes)
    setting = f"edge.webhooks.{name}"
    if declared.kind == "chatwoot":
        secret = secret_of(declared.secret, home, setting=f"{setting}.secret")
        return Chatwoot(secret, Origin(f"chatwoot:{declared.app_id or name}", purposes), declared.tolerance_s)
    token = secret_of(declared.token, home, setting=f"{setting}.token")
    if declared.kind == "messenger":
        secret = secret_of(declared.secret, home, setting=f"{setting}.secret")
        return Messenger(secret, token, purposes, declared.tolerance_s, bot_app_id=declared.app_id)
    if not declared.app_id:
        raise SettingsInvalid(f"{setting}.app_id is missing: it is the account's AppID.")
    # Without an EncodingAESKey the account is in plain mode.
    key = secret_of(declared.secret, home, setting=f"{setting}.secret") if declared.secret else ""
    cipher = MessageCipher(key, declared.app_id) if key else None
    return WeChat(token, cipher, Origin(f"wechat:{declared.app_id}", purposes), declared.tolerance_s)


def _api_key(name: str, declared: WebhookSettings, home: Home) -> str:
    setting = f"edge.webhooks.{name}.api_key"
    api_key = secret_of(declared.api_key, home, setting=setting)
    if not _API_KEY.fullmatch(api_key):
        raise SettingsInvalid(f"What {setting} names is not an API key of a source. `mangrove init` makes them.")
    return api_key
