"""A mapping that cannot work is refused before a row is read, and the sentence names the key."""

from pathlib import Path
from typing import Any

import pytest

from services.adapters.tables.mapping import MappingInvalid, load_mapping
from services.adapters.tables.rows import RowMapper
from tests.unit.adapters.tables import a_mapping

EXAMPLES = sorted((Path(__file__).parents[3] / "infra/config").glob("import-*.toml"))
SOUND = """
[format]
kind = "csv"
[id]
columns = ["id"]
[occurred_at]
column = "at"
[channel]
fixed = "chat"
[[event]]
body = "message_sent"
[consent]
purposes = []
"""


def refusal(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "mapping.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(MappingInvalid) as error:
        RowMapper(load_mapping(path))
    return error.value.sentence


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_fit_the_schema(path: Path) -> None:
    assert RowMapper(load_mapping(path)).columns


def test_there_is_an_example_for_each_kind_of_file() -> None:
    assert {load_mapping(path).format.kind for path in EXAMPLES} == {"csv", "jsonl"}


@pytest.mark.parametrize(
    ("line", "becomes", "key"),
    [
        ('kind = "csv"', 'kind = "xlsx"', "format.kind"),
        ('kind = "csv"', 'kind = "csv"\nsheet = 1', "format.sheet"),
        ('kind = "csv"', 'kind = "csv"\nencoding = "klingon"', "format.encoding"),
        ('kind = "csv"', 'kind = "csv"\nencoding = "base64"', "format.encoding"),
        ('kind = "csv"', 'kind = "csv"\ndelimiter = ";;"', "format.delimiter"),
        ('kind = "csv"', 'kind = "csv"\ndelimiter = "\\""', "format"),
        ('kind = "csv"', 'kind = "jsonl"\ndelimiter = ";"', "format"),
        ('columns = ["id"]', "", "id"),
        ('columns = ["id"]', 'dataset = "张伟 2026"', "id.dataset"),
        ('column = "at"', "", "occurred_at"),
        ('column = "at"', "fixed = 2026-01-05T08:00:00", "occurred_at.fixed"),
        ('column = "at"', "fixed = 1026-01-05T08:00:00Z", "occurred_at"),
        ('column = "at"', 'fixed = 2026-01-05T08:00:00Z\nformat = "iso"', "occurred_at"),
        ('column = "at"', 'column = "at"\nformat = "%H:%M"', "occurred_at"),
        ('column = "at"', 'column = "at"\nformat = "%Q"', "occurred_at"),
        ('column = "at"', 'column = "at"\nformat = "%d.%m.%Y"', "occurred_at"),
        ('column = "at"', 'column = "at"\ntime_zone = "Mars/Olympus"', "occurred_at"),
        ('column = "at"', 'column = "at"\ntime_zone = "../../etc/passwd"', "occurred_at"),
        ('column = "at"', 'column = "at"\nformat = "unix_s"\ntime_zone = "Asia/Shanghai"', "occurred_at"),
        ('fixed = "chat"', 'fixed = "fax"', "channel.fixed"),
        ('fixed = "chat"', 'fixed = "chat"\ncolumn = "c"', "channel"),
        ('fixed = "chat"', 'column = "c"\nvalues = { a = "fax" }', "channel.values.a"),
        ('body = "message_sent"', 'body = "message"', "event.0.body"),
        ('body = "message_sent"', 'body = "event_id"', "event.0.body"),
        ('body = "message_sent"', 'body = "message_sent"\n[[event]]\nbody = "custom"', "event"),
        ('body = "message_sent"', 'body = "message_sent"\nwhen = { column = "c" }', "event.0.when"),
        ("purposes = []", 'purposes = ["everything"]', "consent.purposes.0"),
        ("purposes = []", "", "consent"),
        ("purposes = []", 'purposes = []\nseparator = "|"', "consent"),
        ("purposes = []", 'column = "c"\nvalues = { ja = "everything" }', "consent.values.ja"),
    ],
)
def test_what_breaks_a_rule_is_told_by_its_key(tmp_path: Path, line: str, becomes: str, key: str) -> None:
    assert f" {key}: " in refusal(tmp_path, SOUND.replace(line, becomes))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("message_sent.txt", "text"),
        ("message_sent", "text"),
        ("message_sent.emotion", "text"),
        ("message_sent.text.more", "text"),
        ("searched.query", "text"),
        ("event_id", "text"),
        ("identifiers.value", "text"),
        ("custom.attachment", "text"),
        ("message_sent.turn", {"fixed": "many"}),
        ("message_sent.turn", {"fixed": 1.5}),
        ("message_sent.party", {"column": "p", "values": {"x": "machine"}}),
        ("message_sent.text", {"columns": {"a": "b"}}),
        ("message_sent.text", {"column": "a", "times": 100}),
        ("message_sent.party", {"column": "a", "times": 100}),
    ],
)
def test_a_field_that_the_schema_does_not_take_is_refused(path: str, value: Any) -> None:
    mapping = a_mapping(event=[{"body": "message_sent"}], fields={path: value})
    custom = a_mapping(event=[{"body": "custom"}], fields={path: value})
    with pytest.raises(MappingInvalid, match=path):
        RowMapper(custom if path.startswith("custom") else mapping)


@pytest.mark.parametrize("name", ["phone_number", "event", "order", "agent", "unspecified"])
def test_only_identifiers_of_people_can_be_given(name: str) -> None:
    with pytest.raises(MappingInvalid, match=rf"identifiers\.{name}"):
        RowMapper(a_mapping(identifiers={name: "column"}))


@pytest.mark.parametrize("content", ["not toml", b"\xff\xfe", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str | bytes) -> None:
    assert refusal(tmp_path, content)


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid, match="cannot be read"):
        load_mapping(tmp_path)


def test_no_value_of_the_mapping_is_told(tmp_path: Path) -> None:
    needle = "13912345678"
    assert needle not in refusal(tmp_path, SOUND.replace('fixed = "chat"', f'fixed = "{needle}"\ncolumn = "{needle}"'))
    assert needle not in refusal(tmp_path, SOUND.replace('body = "message_sent"', f'body = "{needle}"'))
