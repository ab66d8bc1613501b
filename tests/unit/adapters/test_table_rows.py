"""A row becomes the event that the mapping says, or a reason and a line; never something else, never a crash."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2 as pb
from mangrove.privacy.v1 import options_pb2
from services.adapters.account import Mapped, Skipped, Unmapped
from services.adapters.tables.cells import CellUnfit, Row, convert_of
from services.adapters.tables.rows import RowMapper
from tests.unit.adapters.tables import a_mapping, one_of, outcomes_of, reasons

AT = "2026-01-05T08:00:00Z"
JSONL = {"kind": "jsonl"}


def mapped(row: dict[str, Any], **parts: Any) -> pb.Event:
    outcome = RowMapper(a_mapping(**parts)).map(Row(2, 1, {"id": "r", "at": AT, "text": "hi"} | row))
    assert isinstance(outcome, Mapped), outcome
    return outcome.events[0]


def reason(row: dict[str, Any], **parts: Any) -> str:
    outcome = RowMapper(a_mapping(**parts)).map(Row(2, 1, {"id": "r", "at": AT, "text": "hi"} | row))
    assert isinstance(outcome, Unmapped), outcome
    return outcome.reason


def test_ids_of_several_columns_do_not_run_into_each_other() -> None:
    rows = [{"a": "x:y", "b": "z"}, {"a": "x", "b": "y:z"}, {"a": "x\\", "b": ":y:z"}, {"a": "x\\:", "b": "y:z"}]
    ids = {mapped(row, id={"columns": ["a", "b"]}).event_id for row in rows}
    assert len(ids) == len(rows)


def test_a_row_without_a_key_is_named_by_its_place_in_the_data_set(tmp_path: Path) -> None:
    mapping = a_mapping(id={"dataset": "crm-2026"})
    found = outcomes_of(tmp_path, f"id,at,text\n\n1,{AT},a\n\n2,broken,b\n3,{AT},c\n", mapping)
    assert [one.events[0].event_id for one in found if isinstance(one, Mapped)] == ["crm-2026:1", "crm-2026:3"]


def test_the_place_of_a_row_counts_rows_that_cannot_be_read_too(tmp_path: Path) -> None:
    mapping = a_mapping(format=JSONL, id={"dataset": "d"})
    good = json.dumps({"at": AT, "text": "x"})
    found = outcomes_of(tmp_path, f"{good}\nbroken\n\n{'x' * 1_200_000}\n{good}\n", mapping)
    assert [one.events[0].event_id for one in found if isinstance(one, Mapped)] == ["d:1", "d:4"]
    assert reasons(found) == [(2, "row:NOT_JSON"), (4, "row:LINE_TOO_LONG")]


@pytest.mark.parametrize("cell", ["", "  ", None])
def test_a_row_whose_key_is_empty_is_refused(cell: str | None) -> None:
    assert reason({"id": cell}) == "id:EMPTY"


def test_rows_without_a_time_share_the_one_that_is_declared() -> None:
    event = mapped({"at": "never"}, occurred_at={"fixed": "2026-01-05T09:00:00.5+01:00"})
    assert event.occurred_at_unix_nano == 1767600000_500_000_000


def test_identifiers_are_taken_from_each_column_that_holds_one() -> None:
    event = mapped({"p1": " 13912345678 ", "p2": "", "no": 4711}, identifiers={"phone": ["p1", "p2"], "customer": "no"})
    assert [(one.type, one.value) for one in event.identifiers] == [
        (options_pb2.IDENTIFIER_TYPE_PHONE, "13912345678"),
        (options_pb2.IDENTIFIER_TYPE_CUSTOMER, "4711"),
    ]


def test_a_number_that_json_cannot_hold_exactly_names_nobody(tmp_path: Path) -> None:
    mapping = a_mapping(format=JSONL, identifiers={"customer": "no"})
    line = f'{{"id": "1", "at": "{AT}", "no": 123456789012345678901234567890}}'
    assert reasons(outcomes_of(tmp_path, line, mapping)) == [(1, "identifiers.customer:NOT_TEXT")]


@pytest.mark.parametrize(
    ("consent", "cell", "allowed"),
    [
        ({"purposes": ["analytics"]}, "", ["analytics"]),
        ({"purposes": []}, "yes", []),
        ({"column": "c"}, "service, Analytics", ["service", "analytics"]),
        ({"column": "c", "separator": " "}, "service  learning", ["service", "learning"]),
        ({"column": "c"}, ["service"], ["service"]),
        ({"column": "c"}, "", []),
        ({"column": "c"}, None, []),
        ({"column": "c", "purposes": ["service"]}, "TRUE", ["service"]),
        ({"column": "c", "purposes": ["service"]}, True, ["service"]),
        ({"column": "c", "purposes": ["service"]}, 1, ["service"]),
        ({"column": "c", "purposes": ["service"]}, "0", []),
        ({"column": "c", "purposes": ["service"]}, False, []),
        ({"column": "c", "purposes": ["service"], "values": {"ja": "true", "nein": "no"}}, "ja", ["service"]),
        ({"column": "c", "purposes": ["service"], "values": {"ja": "true", "nein": "no"}}, "nein", []),
        ({"column": "c", "values": {"voll": "service,analytics"}}, "voll", ["service", "analytics"]),
    ],
)
def test_consent_is_what_the_row_says(consent: dict[str, Any], cell: Any, allowed: list[str]) -> None:
    told = mapped({"c": cell}, consent=consent).consent.purposes
    assert [pb.Purpose.Name(purpose).removeprefix("PURPOSE_").lower() for purpose in told] == allowed


@pytest.mark.parametrize(
    ("consent", "cell"),
    [
        ({"column": "c"}, "everything"),
        ({"column": "c"}, "service;analytics"),
        ({"column": "c"}, {"service": True}),
        ({"column": "c", "purposes": ["service"]}, "maybe"),
        ({"column": "c", "purposes": ["service"], "values": {"ja": "true"}}, "true"),
    ],
)
def test_consent_that_is_not_understood_refuses_the_row(consent: dict[str, Any], cell: Any) -> None:
    assert reason({"c": cell}, consent=consent).startswith("consent:")


def test_the_first_rule_that_holds_chooses_the_body() -> None:
    rules = [
        {"body": "searched", "when": {"column": "kind", "equals": ["s", "q"]}},
        {"body": "store_visited", "when": {"column": "store", "empty": False}},
        {"body": "complaint_filed"},
    ]
    bodies = [
        mapped(row, event=rules, fields={}).WhichOneof("body")
        for row in ({"kind": "q", "store": "SH-1"}, {"kind": "x", "store": "SH-1"}, {"kind": "x"}, {"kind": ["q"]})
    ]
    assert bodies == ["searched", "store_visited", "complaint_filed", "complaint_filed"]


def test_a_row_that_no_rule_takes_is_told() -> None:
    rules = [{"body": "message_sent", "when": {"column": "kind", "equals": "chat"}}]
    assert reason({"kind": "fax"}, event=rules) == "event:NO_RULE"


def test_fields_of_another_body_are_left_alone() -> None:
    rules = [{"body": "searched", "when": {"column": "kind", "equals": "s"}}, {"body": "message_sent"}]
    fields = {"searched.result_count": "count", "message_sent.party": {"fixed": "bot"}}
    assert mapped({"kind": "m", "count": "not a number"}, event=rules, fields=fields).message_sent.party == pb.PARTY_BOT


def test_rows_are_skipped_on_purpose() -> None:
    mapper = RowMapper(
        a_mapping(skip_when=[{"column": "test", "empty": False}, {"column": "state", "equals": "draft"}])
    )
    cells = [{"test": "x"}, {"state": "draft"}, {"state": "sent"}]
    found = [mapper.map(Row(n, n, {"id": "1", "at": AT, **row})) for n, row in enumerate(cells)]
    assert [type(one) for one in found] == [Skipped, Skipped, Mapped]


@pytest.mark.parametrize(
    ("field", "cell", "rule"),
    [
        ("message_sent.turn", "many", "NOT_A_NUMBER"),
        ("message_sent.turn", "1_000", "NOT_A_NUMBER"),
        ("message_sent.turn", "1,000", "NOT_A_NUMBER"),
        ("message_sent.turn", "１２", "NOT_A_NUMBER"),
        ("message_sent.turn", "NaN", "NOT_A_NUMBER"),
        ("message_sent.turn", True, "NOT_A_NUMBER"),
        ("message_sent.turn", [1], "NOT_A_NUMBER"),
        ("message_sent.turn", "1e999999999999", "NOT_A_NUMBER"),
        ("message_sent.turn", "9" * 5000, "NOT_A_NUMBER"),
        ("message_sent.turn", "1.5", "NOT_WHOLE"),
        ("message_sent.turn", 1.5, "NOT_WHOLE"),
        ("message_sent.turn", "1e-300", "NOT_WHOLE"),
        ("message_sent.turn", "-1", "RANGE"),
        ("message_sent.turn", "1e300", "RANGE"),
        ("message_sent.turn", str(2**32), "RANGE"),
        ("message_sent.emotion.sentiment", "1e999", "RANGE"),
        ("message_sent.party", "machine", "UNKNOWN_VALUE"),
        ("message_sent.party", "unspecified", "UNKNOWN_VALUE"),
        ("message_sent.party", 1, "UNKNOWN_VALUE"),
        ("message_sent.text", {"a": 1}, "NOT_TEXT"),
        ("message_sent.text", ["a"], "NOT_TEXT"),
        ("message_sent.text", "\ud800", "ENCODING"),
        ("custom.properties", "{", "NOT_JSON"),
        ("custom.properties", "[1]", "NOT_AN_OBJECT"),
        ("custom.properties", '{"a":' * 40 + "1" + "}" * 40, "MAX_DEPTH"),
        ("custom.properties", '{"a":' + "[" * 5000 + "]" * 5000 + "}", "NOT_JSON"),
        ("custom.labels", '{"a": {"b": 1}}', "NOT_TEXT"),
    ],
)
def test_a_cell_that_does_not_fit_its_field_is_told_by_field_and_rule(field: str, cell: Any, rule: str) -> None:
    body = field.partition(".")[0]
    assert reason({"x": cell}, event=[{"body": body}], fields={field: "x"}) == f"{field}:{rule}"


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("message_sent.turn", " 12 ", 12),
        ("message_sent.turn", "1.2e1", 12),
        ("message_sent.turn", "12.0", 12),
        ("message_sent.turn", 12.0, 12),
        ("message_sent.emotion.sentiment", "-.25", -0.25),
        ("message_sent.party", " Bot ", "PARTY_BOT"),
        ("message_sent.text", " as it is\n", " as it is\n"),
        ("message_sent.text", 12, "12"),
        ("message_sent.text", True, "true"),
        ("custom.properties", '{"a": [1, null, {"b": "c"}]}', {"a": [1, None, {"b": "c"}]}),
        ("custom.properties", {"a": 1.5}, {"a": 1.5}),
        ("custom.labels", '{"a": 1}', {"a": "1"}),
        ("consent_changed.withdrawn", ["learning"], ["PURPOSE_LEARNING"]),
    ],
)
def test_a_cell_becomes_what_the_field_holds(field: str, cell: Any, value: Any) -> None:
    body = field.partition(".")[0]
    event = mapped({"x": cell}, event=[{"body": body}], fields={field: "x"})
    found = MessageToDict(event, preserving_proto_field_name=True)
    for name in field.split("."):
        found = found[name]
    assert found == value


def test_hundredths_are_exact() -> None:
    fields = {"payment_made.amount.amount_minor": {"column": "x", "times": 100}}
    body = [{"body": "payment_made"}]
    assert mapped({"x": "19.99"}, event=body, fields=fields).payment_made.amount.amount_minor == 1999
    assert mapped({"x": 0.29}, event=body, fields=fields).payment_made.amount.amount_minor == 29
    assert reason({"x": "19.999"}, event=body, fields=fields).endswith("NOT_WHOLE")


def test_columns_become_a_struct_without_the_empty_ones() -> None:
    fields = {"custom.properties": {"columns": {"Plan": "p", "Ort": "address.city", "leer": "e"}}}
    event = mapped({"p": "gold", "address": {"city": "上海"}, "e": ""}, event=[{"body": "custom"}], fields=fields)
    assert dict(event.custom.properties) == {"Plan": "gold", "Ort": "上海"}


def test_a_truth_is_read_where_a_schema_has_one() -> None:
    convert = convert_of(options_pb2.Limits.DESCRIPTOR.fields_by_name["required"])
    assert [convert(cell) for cell in ("yes", "F", True, 0)] == [True, False, True, False]
    with pytest.raises(CellUnfit):
        convert("perhaps")


def test_words_that_stand_for_nothing_are_nothing(tmp_path: Path) -> None:
    mapping = a_mapping(format={"kind": "csv", "empty": ["", "NULL", "\\N"]}, identifiers={"customer": "no"})
    assert not one_of(tmp_path, f"id,at,text,no\n1,{AT},\\N,NULL\n", mapping).identifiers


def test_an_event_that_no_batch_can_hold_is_refused() -> None:
    assert reason({"text": "好" * 1_100_000}) == "event:TOO_LARGE"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
ROWS = st.dictionaries(st.sampled_from(["id", "at", "text", "n", "who", "props", "c", "ok"]), json_values)
ANYTHING = RowMapper(
    a_mapping(
        event=[{"body": "message_sent", "when": {"column": "n", "equals": "1"}}, {"body": "custom"}],
        channel={"column": "c", "values": {"": "web"}},
        identifiers={"phone": ["text", "n"]},
        conversation="who",
        consent={"column": "ok"},
        fields={
            "context.location.latitude": "n",
            "message_sent.party": "who",
            "message_sent.turn": "n",
            "custom.properties": "props",
            "custom.labels": "props",
        },
    )
)


@given(row=ROWS)
def test_no_row_makes_the_mapping_fail_and_no_value_is_in_a_reason(row: dict[str, Any]) -> None:
    outcome = ANYTHING.map(Row(7, 1, row))
    assert outcome.number == 7
    if isinstance(outcome, Unmapped):
        field, _, rule = outcome.reason.rpartition(":")
        assert rule.isupper() and field in {
            "id", "channel", "occurred_at", "identifiers.phone", "conversation", "consent", "context.location.latitude",
            "message_sent.party", "message_sent.turn", "custom.properties", "custom.labels",
        }  # fmt: skip
