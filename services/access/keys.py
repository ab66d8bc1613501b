"""API keys: how they are made and how they are stored."""

import hashlib
import hmac
import secrets
from typing import Literal

Role = Literal["source", "partner"]


def new_api_key(role: Role) -> str:
    """Make an API key: `mgs_` or `mgp_` and 256 random bits."""
    return f"mg{role[0]}_{secrets.token_urlsafe(32)}"


def hash_api_key(api_key: str, secret: bytes) -> str:
    """Hash a key for storage: hex HMAC-SHA256 under the installation's secret."""
    return hmac.new(secret, api_key.encode(errors="replace"), hashlib.sha256).hexdigest()
