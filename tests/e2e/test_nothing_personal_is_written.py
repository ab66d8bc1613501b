"""Everything that collector and lander write, searched for personal data planted in every field of every body."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pyarrow.parquet as pq
import pytest

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker
from services.collector.bootstrap import event_masker, lander_at
from services.installation import api_key_of
from services.keys import key_provider
from services.settings import Home
from tests.servers import collecting, new_home
from tests.unit.masking.test_event import BODIES, NEEDLES, clear_broken, full_event

COLLECT = "/mangrove.collector.v1.CollectorService/Collect"


def events(masker: EventMasker) -> Iterator[event_pb2.Event]:
    """Each body three times: valid, breaking rules, and without consent; personal data in every field."""
    for body in BODIES:
        valid = full_event(body)
        clear_broken(valid, [v.field for v in masker.violations(valid)])
        valid.event_id = f"13912345678-{body}"
        yield valid
        broken = full_event(body)
        broken.event_id = "13912345678" * 20
        yield broken
        silent = full_event(body)
        silent.ClearField("consent")
        yield silent


def send(home: Home, request: bytes, api_key: str) -> None:
    with grpc.insecure_channel(home.settings.collector.address) as channel, suppress(grpc.RpcError):
        channel.unary_unary(COLLECT)(request, metadata=(("authorization", f"Bearer {api_key}"),), timeout=30)


def readable(path: Path) -> bytes:
    """A file's bytes, and what a compressed table holds."""
    data = path.read_bytes()
    return data + pq.read_table(path).to_pandas().to_csv().encode() if path.suffix == ".parquet" else data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    home = new_home(tmp_path_factory.mktemp("home"))
    masker = event_masker(key_provider(home))
    batch = collector_pb2.CollectRequest(events=list(events(masker)))
    with collecting(home):
        send(home, batch.SerializeToString(), api_key_of(home, "web"))
        send(home, batch.SerializeToString(), "mgs_13912345678")
        send(home, b"\xff" + batch.SerializeToString(), api_key_of(home, "web"))
        send(home, batch.SerializeToString() * 400, api_key_of(home, "web"))
        journal = {str(p): readable(p) for p in home.folder.rglob("*") if p.is_file()}
    lander_at(home).drain()
    return {**journal, **{f"{p} landed": readable(p) for p in home.folder.rglob("*") if p.is_file()}}


def test_what_was_written_holds_the_events(written: dict[str, bytes]) -> None:
    tables = b"".join(data for path, data in written.items() if "parquet" in path)
    assert all(body.encode() in tables for body in BODIES)
    assert b"<PHONE_NUMBER>" in tables


def test_no_file_holds_planted_personal_data(written: dict[str, bytes]) -> None:
    hits = [(path, needle) for path, data in written.items() for needle in NEEDLES if needle.encode() in data]
    assert hits == []
