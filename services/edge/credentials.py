"""Finds the write key of a request: it is the API key of a source, and the edge only hands it through."""

import base64
import binascii
import re

from services.edge.errors import WriteKeyMissing

# What gRPC metadata can carry, and longer than any key that is given out.
_KEY = re.compile(r"[\x21-\x7e]{1,256}")


def write_key(authorization: str | None, in_body: object) -> str:
    """Return the write key: the user name of basic authentication, a bearer token, or the body's `writeKey`.

    The header goes first: clients that send both mean the same.

    Raises:
        WriteKeyMissing: if there is none, or it has a form that no key has.
    """
    key = _of_header(authorization) if authorization is not None else in_body
    if not isinstance(key, str) or _KEY.fullmatch(key) is None:
        raise WriteKeyMissing
    return key


def _of_header(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    credentials = credentials.strip()
    match scheme.lower():
        case "bearer":
            return credentials
        case "basic":
            try:
                return base64.b64decode(credentials, validate=True).decode("ascii").partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                raise WriteKeyMissing from None
    raise WriteKeyMissing
