"""Compiles a plan into Python that reads an event in one pass: the quick way, for events that are as they should be.

For each message of the schema a function is written that fetches its fields by name, compares them with their limits
and puts them into the columns. What it does not see to be valid at a glance it gives back: then the plain way
(`tree.py`, `validate.py`) has a closer look. Both agree on every event, which tests show. Of a search it is:

    def read_searched_event(m, run):
        if unknown_in(m):
            return None
        fields = run.fields
        out = {}
        v = m.query
        if v:
            if len(v) > 512:
                return None
            f = fields['searched.query']
            if f is not None:
                out['query'] = known = f.recent.get(v)
                if known is None:
                    run.text(f, out, 'query', v)
        v = m.result_count
        if v:
            if not 0 <= v <= 1000000:
                return None
            out['result_count'] = v
        return out
"""

import math
from collections.abc import Callable
from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.unknown_fields import UnknownFieldSet

from privacy.masking.envelope import Envelope, Reader, Remembered, Token
from privacy.masking.limits import Kind
from privacy.masking.plan import TRAITS, FieldPlan, MessagePlan, SchemaUntreated, Treatment, known_names, type_field
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
            *_give_back_if("unknown_in(m)"),
            "fields = run.fields",
            "out = {}" if path else "out = run.blank.copy()",
        ]
        token = "token" if remembered else "run.token"
        if plan.holds_traits:
            lines.append("traits = {}")
        for one in (plan.fields[number] for number in sorted(plan.fields)):
            if one.child is None:
                lines += self._value(one, f"{path}{one.name}", plan, token)
            elif one.oneof is None:
                lines += self._child(one, one.child, f"{path}{one.name}")
        for choice in dict.fromkeys(one.oneof for one in plan.fields.values() if one.oneof and one.child):
            lines += self._choice(plan, choice, path)
        if plan.holds_traits:
            lines += ["if traits:", f"    out[{TRAITS!r}] = run.encode(traits)"]
        name = f"read_{path.replace('.', '_')}event"
        source = "\n".join([f"def {name}(m, run):", *_inside([*lines, "return out"])])
        exec(compile(source, f"<plan of {path or 'event'}>", "exec"), self._names)
        reader: Reader = self._names[name]
        return reader

    def _constant(self, hint: str, value: Any) -> str:
        name = f"{hint}_{len(self._names)}"
        self._names[name] = value
        return name

    def _out(self, one: FieldPlan, path: str) -> str:
        """Write where a field is put: in its column, if it is one of the event itself."""
        column = self._envelope.columns.get(path, one.name) if path == one.name else one.name
        return f"out[{column!r}]"

    def _child(self, one: FieldPlan, child: MessagePlan, path: str) -> list[str]:
        """Write how a message within a message is read."""
        holds_texts = _holds_texts(child)
        if holds_texts and path in self._envelope.shapes:
            raise SchemaUntreated(f"The field {path} holds texts, and its column is made before they are masked.")
        look = self._look(child, path) if holds_texts else self._look_in_memory(child, path)
        if not one.repeated:
            put = [f"c = m.{one.name}", *look, f"{self._out(one, path)} = known"]
            return [f"if is_set(m, {one.name!r}):", *_inside(put), *_else_give_back(one)]
        each = ["c = items[place]", *look, "if known:", "    many.append(known)"]
        many = [f"many = {self._out(one, path)} = []", "for place in range(count):", *_inside(each)]
        return [
            f"items = m.{one.name}",
            "count = len(items)",
            "if count:",
            *_inside([*_give_back_if(_above("count", one.limits.max_items)), *many]),
            *_else_give_back(one),
        ]

    def _look(self, child: MessagePlan, path: str) -> list[str]:
        read = self._constant("read", self.message(child, f"{path}."))
        return [f"known = {read}(c, run)", *_give_back_if("known is None")]

    def _look_in_memory(self, child: MessagePlan, path: str) -> list[str]:
        names_somebody = any(field.treatment is Treatment.IDENTIFIER for field in child.fields.values())
        remembered = Remembered(
            self.message(child, f"{path}.", remembered=True),
            self._envelope.shapes.get(path),
            _REMEMBERED_NAMES if names_somebody else _REMEMBERED,
        )
        return [
            "w = written(c)",
            f"known = {self._constant('recent', remembered.recent)}.get(w)",
            "if known is None:",
            f"    known = {self._constant('remembered', remembered)}.look(c, w, run)",
            *_inside(_give_back_if("known is None")),
        ]

    def _choice(self, plan: MessagePlan, choice: str, path: str) -> list[str]:
        """Write how the field is read that is set of several."""
        readers = {
            one.name: self.message(one.child, f"{path}{one.name}.")
            for one in plan.fields.values()
            if one.oneof == choice and one.child is not None
        }
        return [
            f"which = which_of(m, {choice!r})",
            *_give_back_if("which is None"),
            f"known = {self._constant('readers', readers)}[which](getattr(m, which), run)",
            *_give_back_if("known is None"),
            f"out[{choice!r}] = known",
            f"out[{self._envelope.columns.get(choice, choice + '_type')!r}] = which",
        ]

    def _value(self, one: FieldPlan, path: str, plan: MessagePlan, token: str) -> list[str]:
        """Write how a field is read that holds no message of ours."""
        is_set = f"is_set(m, {one.name!r})" if one.explicit else "v"
        if one.treatment is Treatment.UNKNOWN or one.oneof:
            return [f"v = m.{one.name}", *_give_back_if("len(v)" if one.repeated else is_set)]
        if one.repeated and one.kind is Kind.ENUM:
            return self._enums(one, path)
        if one.repeated or one.kind in (Kind.STRUCT, Kind.MAP):
            return self._many(one, path)
        checks, put = self._checks(one), self._put(one, path, plan, token)
        if one.limits.required:
            unset = [] if one.kind is Kind.ENUM else [f"not {is_set}"]
            return [f"v = m.{one.name}", *_give_back_if(" or ".join([*unset, *checks])), *put]
        return [f"v = m.{one.name}", f"if {is_set}:", *_inside([*_give_back_if(" or ".join(checks)), *put] or ["pass"])]

    def _enums(self, one: FieldPlan, path: str) -> list[str]:
        names = [
            "v = v[:]",
            *_give_back_if(_above("len(v)", one.limits.max_items)),
            f"v = [*map({self._constant('name_of', known_names(one).get)}, v)]",
            *_give_back_if("None in v"),
            f"{self._out(one, path)} = v" if one.treatment is not Treatment.DROP else "pass",
        ]
        return [f"v = m.{one.name}", "if v:", *_inside(names), *_else_give_back(one)]

    def _many(self, one: FieldPlan, path: str) -> list[str]:
        """Write how lists, maps and Structs are read: by what the plain way does too."""
        plan, check = self._constant("plan", one), self._constant("check", one.check)
        is_struct = one.kind is Kind.STRUCT
        is_set = f"is_set(m, {one.name!r})" if is_struct and not one.repeated else f"len(m.{one.name})"
        unknown = "any(map(has_unknown_fields, v))" if one.repeated else "has_unknown_fields(v)"
        broken = [f"{check}(v) is not None", *([unknown] if is_struct else [])]
        put = [f"v = m.{one.name}", *_give_back_if(" or ".join(broken)), f"put_field(run, out, {plan}, {path!r}, v)"]
        return [f"if {is_set}:", *_inside(put), *_else_give_back(one)]

    def _checks(self, one: FieldPlan) -> list[str]:
        """Write what is true of a set value that breaks a rule."""
        limits = one.limits
        if one.kind is Kind.ENUM:
            return [f"(name := {self._constant('name_of', known_names(one).get)}(v)) is None"]
        if one.kind in (Kind.INTEGER, Kind.NUMBER):
            return [f"not {_number(limits.low)} <= v <= {_number(limits.high)}"]
        broken: list[str] = []
        if one.kind in (Kind.TEXT, Kind.BYTES):
            broken.append(_above("len(v)", limits.max_length))
        if one.kind is Kind.TEXT and limits.pattern is not None:
            broken.append(f"{self._constant('fullmatch', limits.pattern.fullmatch)}(v) is None")
        if one.kind is Kind.TEXT and limits.required:
            broken.append("v.isspace()")
        return list(filter(None, broken))

    def _put(self, one: FieldPlan, path: str, plan: MessagePlan, token: str) -> list[str]:
        """Write how a value that breaks no rule is put among the others."""
        out = self._out(one, path)
        if one.treatment in TEXTS:
            put = "url" if one.treatment is Treatment.URL else "text"
            return [
                f"f = fields[{path!r}]",
                "if f is not None:",
                f"    {out} = known = f.recent.get(v)",
                "    if known is None:",
                f"        run.{put}(f, out, {one.name!r}, v)",
            ]
        if one.trait is not None:
            return [f"traits[{one.trait!r}] = v"]
        if path == self._envelope.event_id:
            return [f"{out} = v"]
        if one.treatment is Treatment.IDENTIFIER and one.identifier_type:
            return [f"{out} = {token}({one.identifier_type!r}, v)"]
        if one.treatment is Treatment.IDENTIFIER:
            type_of = self._constant("type_of", known_names(type_field(plan)).get)
            return [f"kind = {type_of}(m.type)", *_give_back_if("kind is None"), f"{out} = {token}(kind, v)"]
        value = "name" if one.kind is Kind.ENUM and one.treatment is Treatment.KEEP else _CONVERTED.get(one.treatment)
        return [f"{out} = {value}"] if value else []


def _method(name: str) -> Callable[..., Any]:
    """Return a method of all messages, to be called without being looked for among the names of fields."""
    found: Callable[..., Any] | None = vars(Struct.__mro__[1]).get(name)
    return found or (lambda message, *arguments: getattr(message, name)(*arguments))


def _give_back_if(condition: str) -> list[str]:
    return [f"if {condition}:", "    return None"] if condition else []


def _else_give_back(one: FieldPlan) -> list[str]:
    return ["else:", "    return None"] if one.limits.required else []


def _above(value: str, most: float) -> str:
    return f"{value} > {most}" if most < math.inf else ""


def _number(number: float) -> str:
    return repr(int(number) if math.isfinite(number) and number == int(number) else number)


def _inside(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _holds_texts(plan: MessagePlan) -> bool:
    """Say whether anywhere in a message there is what has to wait for others, or may be anything."""
    return any(
        one.treatment in TEXTS or (one.child is not None and _holds_texts(one.child)) for one in plan.fields.values()
    )
