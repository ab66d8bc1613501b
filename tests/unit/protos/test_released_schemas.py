"""Clients that were built with a released schema can talk to a collector of today."""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor

from mangrove.collector.v1 import collector_pb2
from mangrove.event.v1 import event_pb2
from tests.generated import an_event, identifier

RELEASED = sorted((Path(__file__).parents[3] / "protos/released").glob("*.binpb"))


@pytest.fixture(params=RELEASED, ids=lambda path: path.stem)
def pool(request: pytest.FixtureRequest) -> descriptor_pool.DescriptorPool:
    files = descriptor_pb2.FileDescriptorSet.FromString(request.param.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


def shape(descriptor: Descriptor, seen: set[str]) -> dict[str, tuple[object, ...]]:
    """Every field of a message and of those below it: its path's name and type."""
    if descriptor.full_name in seen:
        return {}
    seen.add(descriptor.full_name)
    found: dict[str, tuple[object, ...]] = {}
    for field in descriptor.fields:
        found[f"{descriptor.full_name}#{field.number}"] = (field.name, field.type, field.is_repeated)
        if field.message_type is not None:
            found |= shape(field.message_type, seen)
    return found


def test_there_is_a_released_schema() -> None:
    assert RELEASED


@pytest.mark.parametrize("name", ["CollectRequest", "CollectResponse"])
def test_every_released_field_is_still_what_it_was(pool: descriptor_pool.DescriptorPool, name: str) -> None:
    full = f"mangrove.collector.v1.{name}"
    now = shape(collector_pb2.DESCRIPTOR.message_types_by_name[name], set())
    then = shape(pool.FindMessageTypeByName(full), set())
    assert then.items() <= now.items()


def test_what_an_old_client_sends_is_read_as_it_was_meant(pool: descriptor_pool.DescriptorPool) -> None:
    old = message_factory.GetMessageClass(pool.FindMessageTypeByName("mangrove.collector.v1.CollectRequest"))
    event = an_event(
        conversation_id="c",
        identifiers=[identifier("phone", "13800138000")],
        message_sent=event_pb2.MessageSent(party=1, text="hi", turn=3),
    )
    sent = json_format.ParseDict({"events": [json_format.MessageToDict(event)]}, old()).SerializeToString()
    assert collector_pb2.CollectRequest.FromString(sent).events[0] == event


def test_an_old_client_reads_the_verdicts_of_today(pool: descriptor_pool.DescriptorPool) -> None:
    old = message_factory.GetMessageClass(pool.FindMessageTypeByName("mangrove.collector.v1.CollectResponse"))
    codes = list(collector_pb2.VerdictCode.values())
    told = collector_pb2.CollectResponse(verdicts=[collector_pb2.Verdict(code=code) for code in codes])
    assert [verdict.code for verdict in old.FromString(told.SerializeToString()).verdicts] == codes
