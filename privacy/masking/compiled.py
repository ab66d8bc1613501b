"""Compiles a plan into Python that reads an event in one pass: the quick way, for events that are as they should be.

For each message of the schema a function is written that fetches its fields by name, compares them with their limits
and puts them into the columns. What it does not see to be valid at a glance it gives back: then the plain way
(`treat.py`, `validate.py`) has a closer look. Both agree on every event, which tests show.
"""

import math
from collections.abc import Callable
from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.unknown_fields import UnknownFieldSet

from privacy.masking.envelope import Envelope, Reader, Remembered, Token
from privacy.masking.limits import Kind
from privacy.masking.plan import FieldPlan, MessagePlan, SchemaUntreated, Treatment, known_names
from privacy.masking.treat import TEXTS, put_field, truncated
from privacy.masking.unknown import has_unknown_fields

_CONVERTED = {
    Treatment.KEEP: "v",
    Treatment.EMOTION: "v",
    Treatment.IP: "truncated(v)",
    Treatment.LOCATION: "round(v, 1)",
}
# Identifiers come with each event of a customer's; what the others say is mostly the same.
_REMEMBERED, _REMEMBERED_NAMES = 2_048, 16_384


def compile_reader(plan: MessagePlan, token: Token, envelope: Envelope) -> Reader:
    """Return the function that reads whole events into records.

    A record begins as a copy of the run's `blank`. What is set of a choice is put under the name of the choice.

    Args:
        plan: The plan of the event message.
        token: Makes tokens.
        envelope: How the fields of an event stand in its record.

    Raises:
        SchemaUntreated: if there are texts where the envelope has no room for any.
    """
    return _Compiler(token, envelope).message(plan, "")


class _Compiler:
    """Makes one function a message; what their code mentions stands in `_names`."""

    def __init__(self, token: Token, envelope: Envelope) -> None:
        self._names: dict[str, Any] = {
            "unknown_in": UnknownFieldSet,
            "is_set": _method("HasField"),
            "which_of": _method("WhichOneof"),
            "written": _method("SerializeToString"),
            "has_unknown_fields": has_unknown_fields,
            "put_field": put_field,
            "truncated": truncated,
            "token": token,
            "inf": math.inf,
        }
        self._envelope = envelope

    def message(self, plan: MessagePlan, path: str, *, remembered: bool = False) -> Reader:
        """Make the function of a message and those of all below it.

        Args:
            plan: The message's plan.
            path: What stands before the paths of its fields.
            remembered: Whether what it returns is kept for other events.
        """
        lines = [
            "if unknown_in(m):",
            "    return None",
            "fields = run.fields",
            "out = {}" if path else "out = run.blank.copy()",
        ]
        types = self._types_of(plan)
        for one in (plan.fields[number] for number in sorted(plan.fields)):
            if one.kind is Kind.MESSAGE and one.child is not None:
                lines += [] if one.oneof else self._child(one, one.child, f"{path}{one.name}")
            else:
                lines += self._value(one, f"{path}{one.name}", types, "token" if remembered else "run.token")
        for choice in dict.fromkeys(one.oneof for one in plan.fields.values() if one.oneof and one.child):
            lines += self._choice(plan, choice, path)
        name = f"read_{path.replace('.', '_')}event"
        source = "\n".join([f"def {name}(m, run):", *_inside([*lines, "return out"])])
        exec(compile(source, f"<plan of {path or 'event'}>", "exec"), self._names)
        reader: Reader = self._names[name]
        return reader

    def _constant(self, hint: str, value: Any) -> str:
        name = f"{hint}_{len(self._names)}"
        self._names[name] = value
        return name

    def _column(self, one: FieldPlan, path: str) -> str:
        return self._envelope.columns.get(path, one.name) if path == one.name else one.name

    def _types_of(self, plan: MessagePlan) -> str:
        """Name the map of the types that a message can say its identifier has."""
        one = next((f for f in plan.fields.values() if f.name == "type" and f.enum_names), None)
        return self._constant("types", {} if one is None else known_names(one))

    def _child(self, one: FieldPlan, child: MessagePlan, path: str) -> list[str]:
        if path in self._envelope.shapes and _holds_texts(child):
            raise SchemaUntreated(f"The field {path} holds texts, and its column is made before they are masked.")
        if _holds_texts(child):
            read = self._constant("read", self.message(child, f"{path}."))
            look = [f"known = {read}(c, run)", "if known is None:", "    return None"]
        else:
            recent, remembered = self._remembered(one, child, path)
            look = [
                f"known = {recent}.get(w)",
                "if known is None:",
                f"    known = {remembered}.look(c, w, run)",
                "    if known is None:",
                "        return None",
            ]
            look.insert(0, "w = written(c)")
        if one.repeated:
            return _each(one, self._column(one, path), look)
        missing = ["else:", "    return None"] if one.limits.required else []
        put = [f"c = m.{one.name}", *look, f"out[{self._column(one, path)!r}] = known"]
        return [f"if is_set(m, {one.name!r}):", *_inside(put), *missing]

    def _remembered(self, one: FieldPlan, child: MessagePlan, path: str) -> tuple[str, str]:
        names_somebody = any(field.treatment is Treatment.IDENTIFIER for field in child.fields.values())
        remembered = Remembered(
            self.message(child, f"{path}.", remembered=True),
            self._envelope.shapes.get(path),
            _REMEMBERED_NAMES if names_somebody else _REMEMBERED,
        )
        return self._constant("recent", remembered.recent), self._constant("remembered", remembered)

    def _choice(self, plan: MessagePlan, choice: str, path: str) -> list[str]:
        """Write how the field is read that is set of several."""
        readers = {
            one.name: self.message(one.child, f"{path}{one.name}.")
            for one in plan.fields.values()
            if one.oneof == choice and one.child is not None
        }
        return [
            f"which = which_of(m, {choice!r})",
            "if which is None:",
            "    return None",
            f"known = {self._constant('readers', readers)}[which](getattr(m, which), run)",
            "if known is None:",
            "    return None",
            f"out[{choice!r}] = known",
            f"out[{self._envelope.columns.get(choice, choice + '_type')!r}] = which",
        ]

    def _value(self, one: FieldPlan, path: str, types: str, token: str) -> list[str]:
        """Write how a field is read that holds no message of ours."""
        is_set = f"is_set(m, {one.name!r})" if one.explicit else "v"
        if one.treatment is Treatment.UNKNOWN or one.oneof:
            return [f"v = m.{one.name}", f"if {'len(v)' if one.repeated else is_set}:", "    return None"]
        if one.repeated or one.kind in (Kind.STRUCT, Kind.MAP):
            return self._many(one, path)
        checks, put = self._checks(one), self._put(one, path, types, token)
        if one.limits.required:
            unset = [f"not {is_set}"] if one.kind is not Kind.ENUM else []
            return [f"v = m.{one.name}", f"if {' or '.join([*unset, *checks])}:", "    return None", *put]
        broken = [f"if {' or '.join(checks)}:", "    return None"] if checks else []
        return [f"v = m.{one.name}", f"if {is_set}:", *_inside([*broken, *put] or ["pass"])]

    def _many(self, one: FieldPlan, path: str) -> list[str]:
        """Write how lists, maps and Structs are read: by what the plain way does too."""
        plan, check = self._constant("plan", one), self._constant("check", one.check)
        if one.repeated and one.kind is Kind.ENUM:
            known = self._constant("names", known_names(one)) + ".get"
            put = [
                "v = v[:]",
                *(
                    [f"if len(v) > {one.limits.max_items}:", "    return None"]
                    if one.limits.max_items < math.inf
                    else []
                ),
                f"v = [*map({known}, v)]",
                "if None in v:",
                "    return None",
                *([f"out[{one.name!r}] = v"] if one.treatment is not Treatment.DROP else []),
            ]
            return [f"v = m.{one.name}", "if v:", *_inside(put)]
        unknown = ""
        if one.kind is Kind.STRUCT:
            unknown = " or any(map(has_unknown_fields, v))" if one.repeated else " or has_unknown_fields(v)"
        is_set = f"is_set(m, {one.name!r})" if one.kind is Kind.STRUCT and not one.repeated else f"len(m.{one.name})"
        return [
            f"if {is_set}:",
            f"    v = m.{one.name}",
            f"    if {check}(v) is not None{unknown}:",
            "        return None",
            f"    put_field(run, out, {plan}, {path!r}, v)",
            *(["else:", "    return None"] if one.limits.required else []),
        ]

    def _checks(self, one: FieldPlan) -> list[str]:
        limits = one.limits
        broken: list[str] = []
        if one.kind in (Kind.TEXT, Kind.BYTES) and limits.max_length < math.inf:
            broken.append(f"len(v) > {limits.max_length}")
        if one.kind is Kind.TEXT and limits.pattern is not None:
            broken.append(f"{self._constant('fullmatch', limits.pattern.fullmatch)}(v) is None")
        if one.kind is Kind.TEXT and limits.required:
            broken.append("v.isspace()")
        if one.kind in (Kind.INTEGER, Kind.NUMBER):
            broken.append(f"not {_number(limits.low)} <= v <= {_number(limits.high)}")
        if one.kind is Kind.ENUM:
            broken.append(f"(name := {self._constant('name_of', known_names(one).get)}(v)) is None")
        return broken

    def _put(self, one: FieldPlan, path: str, types: str, token: str) -> list[str]:
        out = f"out[{self._column(one, path)!r}]"
        if one.treatment in TEXTS:
            put = "url" if one.treatment is Treatment.URL else "text"
            return [
                f"f = fields[{path!r}]",
                "if f is not None:",
                f"    {out} = known = f.recent.get(v)",
                "    if known is None:",
                f"        run.{put}(f, out, {one.name!r}, v)",
            ]
        if path == self._envelope.event_id:
            return [f"{out} = v"]
        if one.treatment is Treatment.IDENTIFIER and one.identifier_type:
            return [f"{out} = {token}({one.identifier_type!r}, v)"]
        if one.treatment is Treatment.IDENTIFIER:
            return [f"kind = {types}.get(m.type)", "if kind is None:", "    return None", f"{out} = {token}(kind, v)"]
        if one.kind is Kind.ENUM and one.treatment is not Treatment.DROP:
            return [f"{out} = name"]
        value = _CONVERTED.get(one.treatment)
        return [f"{out} = {value}"] if value else []


def _method(name: str) -> Callable[..., Any]:
    """Return a method of all messages, to be called without being looked for among the names of fields."""
    found: Callable[..., Any] | None = vars(Struct.__mro__[1]).get(name)
    return found or (lambda message, *arguments: getattr(message, name)(*arguments))


def _each(one: FieldPlan, column: str, look: list[str]) -> list[str]:
    """Write how a list of messages is read."""
    most = one.limits.max_items
    return [
        f"items = m.{one.name}",
        "count = len(items)",
        "if count:",
        *([f"    if count > {most}:", "        return None"] if most < math.inf else []),
        f"    many = out[{column!r}] = []",
        "    for place in range(count):",
        *_inside(_inside(["c = items[place]", *look, "if known:", "    many.append(known)"])),
        *(["else:", "    return None"] if one.limits.required else []),
    ]


def _number(number: float) -> str:
    return repr(int(number) if math.isfinite(number) and number == int(number) else number)


def _inside(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _holds_texts(plan: MessagePlan) -> bool:
    """Say whether anywhere in a message there is what has to wait for others, or may be anything."""
    return any(
        one.treatment in TEXTS or (one.child is not None and _holds_texts(one.child)) for one in plan.fields.values()
    )
