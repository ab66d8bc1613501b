"""A request that ends gRPC's own server for good: another one takes its place."""

import contextlib
import socket
from pathlib import Path

from services.clients.collector import CollectorClient
from services.installation import api_key_of
from tests.chaos.frames import octets_of, odd_metadata
from tests.generated import an_event
from tests.servers import collecting, new_home


def test_a_method_that_is_no_text_does_not_end_the_collector(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    address = home.settings.collector.address
    host, _, port = address.rpartition(":")
    deadly = octets_of(dict(odd_metadata())["a path that is no text"])
    with collecting(home), CollectorClient(address, api_key_of(home, "web")) as client:
        for number in range(3):
            client.send_all([an_event(event_id=f"before-{number}")])
            with socket.create_connection((host, int(port))) as hostile, contextlib.suppress(OSError):
                hostile.settimeout(1)
                hostile.sendall(deadly)
                while hostile.recv(4096):
                    pass
            client.send_all([an_event(event_id=f"after-{number}")])
        assert dict(client.tally.verdicts) == {"ACCEPTED": 6}
    log = (home.folder / "collector.log").read_text()
    assert log.count("server_fell") == 3
    assert "planted" not in log
