"""host:port: what can be one, and why nothing can listen there."""

import errno
import re
import socket

from privacy.errors import MangroveError

_PORT = re.compile("[0-9]{1,5}", re.ASCII)
_HIGHEST_PORT = 65_535


class AddressInvalid(MangroveError):
    """What was given is no address to listen at or to call."""

    reason = "ADDRESS_INVALID"

    def __init__(self) -> None:
        super().__init__("An address is host:port with a port from 0 to 65535, such as 127.0.0.1:50051. Give one.")


def checked(address: str) -> str:
    """Return an address if it is host:port, an IPv6 host in brackets; that its host exists is not looked up.

    Raises:
        AddressInvalid: if it is none. Higher ports would silently become others: they are taken modulo 65,536.
    """
    _, colon, port = address.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > _HIGHEST_PORT:
        raise AddressInvalid
    return address


def why_not(error: Exception) -> str:
    """Say why nothing can listen at an address, from what looking it up or binding to it raised."""
    if isinstance(error, socket.gaierror):
        return "its host is not known. Give one of this machine's addresses, or mend the name."
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return "the port is in use. Stop what listens there, or choose another port."
        case errno.EADDRNOTAVAIL:
            return "the address is not one of this machine. Give 127.0.0.1, 0.0.0.0 or one that it has."
        case errno.EACCES | errno.EPERM:
            return "this user may not listen at that port. Choose one from 1024 on."
    return "it is no address to listen at. Give host:port."
