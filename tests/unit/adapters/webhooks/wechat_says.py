"""WeChat's deliveries, after its documentation for official accounts; all values are made up."""

import base64
import hashlib
import secrets
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ACCOUNT, PERSON, APP_ID = "gh_000000000001", "oAAAAexample_openid_00000001", "wx0000000000000001"
AT_S = 1_772_439_330


def xml(**fields: object) -> bytes:
    named = {"ToUserName": ACCOUNT, "FromUserName": PERSON, "CreateTime": AT_S, **fields}
    return f"<xml>{''.join(f'<{name}>{escape(str(value))}</{name}>' for name, value in named.items())}</xml>".encode()


def text(content: str, **more: object) -> bytes:
    return xml(MsgType="text", Content=content, MsgId=1234567890123456, **more)


def event(name: str, **more: object) -> bytes:
    return xml(MsgType="event", Event=name, **more)


def new_aes_key() -> str:
    """An EncodingAESKey: 43 letters and digits."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(43))


def encrypted(message: bytes, aes_key: str, app_id: str = APP_ID) -> str:
    """What an Encrypt element holds, step by step as the documentation says."""
    key = base64.b64decode(aes_key + "=")
    plain = secrets.token_bytes(16) + len(message).to_bytes(4, "big") + message + app_id.encode()
    padding = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def signed(token: str, at_s: float, **more: str) -> dict[str, str]:
    """The query of a delivery, or with echostr of the question before the first one."""
    timestamp, nonce = str(int(at_s)), secrets.token_hex(5)
    return {"signature": signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, **more}


def enveloped(message: bytes, token: str, aes_key: str, at_s: float) -> tuple[dict[str, str], bytes]:
    """The query and the body of a delivery in safe mode."""
    query = signed(token, at_s, encrypt_type="aes", openid=PERSON)
    content = encrypted(message, aes_key)
    query["msg_signature"] = signature(token, query["timestamp"], query["nonce"], content)
    return query, f"<xml><ToUserName>{ACCOUNT}</ToUserName><Encrypt><![CDATA[{content}]]></Encrypt></xml>".encode()
