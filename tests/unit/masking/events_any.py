"""Any events, valid or not, in strategies of hypothesis: every field of every body, with what breaks its rules."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from tests.generated import KINDS, an_event

BODIES = [f.name for f in event_pb2.Event.DESCRIPTOR.oneofs_by_name["body"].fields]
_FORMS = ["SH-014", "zh-CN", "CNY", "joy", "203.0.113.9", "2001:db8::1", "https://h.example/p?phone=1", " ", "null"]
_TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(_FORMS),
    st.one_of(*KINDS.values()).map("电话 {}，谢谢".format),
    st.sampled_from([65, 129, 257, 513, 8193]).map(lambda size: "长" * size),
)
_NUMBERS = st.sampled_from([1, 5, 10, 11, 1000, 100_001, 1_000_000_001])
_LARGE = st.sampled_from([1, 13800138000, 1_767_571_200_000_000_000, 2**64 - 1])
_DOUBLES = st.sampled_from([0.25, -0.5, 31.2345, 200.0, -1000.5, 13800138000.0, float("nan"), float("inf")])
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _TEXTS, st.integers(-(10**12), 10**12), st.floats(allow_nan=False)),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(st.text(max_size=5), values, max_size=3)),
    max_leaves=8,
)


def _value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """What a field may be set to, by its name and type."""
    message = field.message_type
    if message is not None:
        if message.GetOptions().map_entry:
            return st.dictionaries(_TEXTS, _TEXTS, max_size=3)
        is_struct = message.full_name == "google.protobuf.Struct"
        return st.dictionaries(st.text(max_size=5), _JSON, max_size=3) if is_struct else _fields(message)
    if field.enum_type is not None:
        return st.sampled_from([*(v.number for v in field.enum_type.values), 99, 300])
    return {
        field.TYPE_STRING: _TEXTS,
        field.TYPE_BYTES: st.binary(max_size=8),
        field.TYPE_DOUBLE: _DOUBLES,
        field.TYPE_FIXED64: _LARGE,
        field.TYPE_UINT64: _LARGE,
    }.get(field.type, _NUMBERS)


def _fields(message: Descriptor) -> st.SearchStrategy[dict[str, Any]]:
    """Some fields of a message, as keywords that make it."""
    return st.fixed_dictionaries(
        {},
        optional={
            field.name: st.lists(_value(field), max_size=3) if _is_list(field) else _value(field)
            for field in message.fields
            if field.containing_oneof is None
        },
    )


def _is_list(field: FieldDescriptor) -> bool:
    return field.is_repeated and not (field.message_type is not None and field.message_type.GetOptions().map_entry)


def _made(changes: dict[str, Any], body: str, fields: dict[str, Any]) -> event_pb2.Event:
    return an_event(**changes, **{body: fields})


any_events: st.SearchStrategy[event_pb2.Event] = st.sampled_from(BODIES).flatmap(
    lambda body: st.builds(
        _made,
        _fields(event_pb2.Event.DESCRIPTOR),
        st.just(body),
        _fields(event_pb2.Event.DESCRIPTOR.fields_by_name[body].message_type),
    )
)
"""Events of every body; most of them break a rule."""
