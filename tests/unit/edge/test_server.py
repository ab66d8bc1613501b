"""How the edge listens."""

import asyncio
import socket

import pytest

from services.addresses import AddressInvalid
from services.edge.errors import CannotListen
from services.edge.server import listening_at


async def test_answers_leave_without_delay() -> None:
    """Two small writes an answer wait 40 ms for each other where TCP_NODELAY is not set."""
    made: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    with listening_at("127.0.0.1:0") as listener:
        server = await asyncio.get_running_loop().create_server(Accepted, sock=listener)
        with socket.create_connection(listener.getsockname()[:2]):
            assert await asyncio.wait_for(made, 30) != 0
        server.close()


@pytest.mark.parametrize("address", ["", "nowhere", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:70000"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(AddressInvalid, match="0 to 65535"), listening_at(address):
        pass


def test_an_address_of_another_machine_is_told_apart_from_a_port_in_use() -> None:
    with pytest.raises(CannotListen, match="not one of this machine"), listening_at("203.0.113.1:8080"):
        pass
    with (
        listening_at("127.0.0.1:0") as listener,
        pytest.raises(CannotListen, match="in use"),
        listening_at(f"127.0.0.1:{listener.getsockname()[1]}"),
    ):
        pass


def test_version_six_addresses_stand_in_brackets() -> None:
    try:
        with listening_at("[::1]:0") as listener:
            assert listener.family == socket.AF_INET6
    except CannotListen:
        pytest.skip("this machine has no IPv6")
