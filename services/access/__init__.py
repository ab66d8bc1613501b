"""Who may call: sources and partners, their API keys as keyed hashes, and what each key is good for.

A key is shown once, when it is made. What is stored is HMAC-SHA256 under a secret of this installation,
so that a stolen access file opens nothing.
"""

from services.access.authenticator import Authenticator, Caller, Unauthenticated
from services.access.file import AccessFileInvalid
from services.access.keys import Role, hash_api_key, new_api_key

__all__ = ["AccessFileInvalid", "Authenticator", "Caller", "Role", "Unauthenticated", "hash_api_key", "new_api_key"]
