"""From the configuration to routes: which webhooks there are, with which secrets."""

import re
from functools import partial

from starlette.routing import Route

from mangrove.event.v1 import event_pb2
from services.adapters.webhooks.chatwoot import Chatwoot
from services.adapters.webhooks.delivery import Verifiable, Webhook
from services.adapters.webhooks.endpoint import Endpoint, verification
from services.adapters.webhooks.messenger import Messenger
from services.adapters.webhooks.origin import Origin
from services.adapters.webhooks.renewal import Renewing, Secrets
from services.adapters.webhooks.secrets import secret_of
from services.adapters.webhooks.wechat import WeChat
from services.adapters.webhooks.wechat_crypto import MessageCipher
from services.edge.bodies import Bodies
from services.edge.ports import EventSink
from services.settings import EdgeSettings, Home, SettingsInvalid, WebhookSettings

_NAME = re.compile("[A-Za-z0-9_-]{1,64}")
_API_KEY = re.compile(r"[\x21-\x7e]{1,256}")


def routes(settings: EdgeSettings, home: Home, collector: EventSink) -> list[Route]:
    """Return the routes `/webhooks/NAME` of all configured webhooks; their secrets are read now and again later.

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
        renewing = Renewing(name, partial(_secrets, name, declared, home), partial(_webhook, name, declared))
        path = f"/webhooks/{name}"
        made.append(Route(path, Endpoint(name, renewing, collector, bodies).post, methods=["POST"]))
        if isinstance(renewing.current()[0], Verifiable):
            made.append(Route(path, verification(renewing), methods=["GET"]))
    return made


def _secrets(name: str, declared: WebhookSettings, home: Home) -> Secrets:
    setting = f"edge.webhooks.{name}"
    # Without an EncodingAESKey a WeChat account is in plain mode; Chatwoot has no token.
    is_plain = declared.kind == "wechat" and not declared.secret
    api_key = secret_of(declared.api_key, home, setting=f"{setting}.api_key")
    if not _API_KEY.fullmatch(api_key):
        raise SettingsInvalid(f"What {setting}.api_key names is not an API key. `mangrove access add` makes one.")
    return Secrets(
        secret="" if is_plain else secret_of(declared.secret, home, setting=f"{setting}.secret"),
        token="" if declared.kind == "chatwoot" else secret_of(declared.token, home, setting=f"{setting}.token"),
        api_key=api_key,
    )


def _webhook(name: str, declared: WebhookSettings, secrets: Secrets) -> Webhook:
    purposes = tuple(event_pb2.Purpose.Value(f"PURPOSE_{purpose.upper()}") for purpose in declared.purposes)
    match declared.kind:
        case "chatwoot":
            origin = Origin(f"chatwoot:{declared.app_id or name}", purposes)
            return Chatwoot(secrets.secret, origin, declared.tolerance_s)
        case "messenger":
            app_id = declared.app_id
            return Messenger(secrets.secret, secrets.token, purposes, declared.tolerance_s, bot_app_id=app_id)
        case "wechat":
            if not declared.app_id:
                raise SettingsInvalid(f"edge.webhooks.{name}.app_id is missing: it is the account's AppID.")
            cipher = MessageCipher(secrets.secret, declared.app_id) if secrets.secret else None
            return WeChat(secrets.token, cipher, Origin(f"wechat:{declared.app_id}", purposes), declared.tolerance_s)
