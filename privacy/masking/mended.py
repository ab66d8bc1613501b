"""Checks and masks the masked tree of an event again, by today's rules: it is trusted no more than what comes in.

Tokens are tokens, and placeholders count as the texts that they are. Masking what is masked changes nothing.
"""

import ipaddress
import math
import re
from typing import Any

from google.protobuf.struct_pb2 import Struct

from privacy.consent import may_store
from privacy.linkage import is_written
from privacy.masking.limits import Kind, Violation
from privacy.masking.plan import TRAITS, UNKNOWN, FieldPlan, MessagePlan, Treatment, known_names
from privacy.masking.quarantine import Content, settle
from privacy.masking.run import Run
from privacy.masking.treat import NO_ADDRESS, TEXTS, put_texts, put_unknown
from privacy.masking.unknown import UnknownFields
from privacy.masking.validate import NO_BODY, UNKNOWN_FIELD
from privacy.pseudonyms import PERSON_TYPES

# 52 characters of base32 hold 260 bits, of which the last four of an HMAC-SHA256 are zero.
_TOKEN = re.compile(r"([a-z_]+)\.[1-9][0-9]{0,2}\.[A-Z2-7]{51}[AQ]")
_NO_CONSENT = Violation("consent", "REQUIRED", "The customer does not allow that it is stored.")
_MISFIT = ("MISFIT", "What was kept of it is not what the schema says it is.")


def mend(run: Run, content: Content, plan: MessagePlan, unknown_fields: UnknownFields) -> list[Violation]:
    """Check and mask what was kept of an event, in place; return which rules it breaks today.

    Args:
        run: Takes the texts.
        content: What was kept; its fields stand there masked again when the run has masked them.
        plan: Today's plan of the event.
        unknown_fields: Whether fields that the schema does not have break a rule.
    """
    broken = list(settle(content, plan))
    mending = _Mending(run)
    unknown = content.fields.pop(UNKNOWN, None)
    fields = content.fields = mending.message(content.fields, plan)
    broken += mending.broken
    if len(bodies_of(fields, plan)) != 1:
        broken.append(NO_BODY)
    if unknown is not None and unknown_fields == "refuse":
        broken.append(UNKNOWN_FIELD)
    elif isinstance(unknown, dict) and all(isinstance(value, (str, int)) for value in unknown.values()):
        put_unknown(run, fields, list(unknown.items()))
    elif unknown is not None:
        broken.append(Violation(UNKNOWN, *_MISFIT))
    if not may_store("".join(bodies_of(fields, plan)[:1]), fields.get("consent", {}).get("purposes", ())):
        broken.append(_NO_CONSENT)
    return broken


def bodies_of(fields: dict[str, Any], plan: MessagePlan) -> list[str]:
    """Return which bodies an event's tree has."""
    return [one.name for one in plan.fields.values() if one.oneof == "body" and one.name in fields]


class _Mending:
    """Goes over a tree once.

    Args:
        run: Takes the texts.

    Attributes:
        broken: Which rules it breaks, in the order of its fields.
    """

    def __init__(self, run: Run) -> None:
        self.broken: list[Violation] = []
        self._run = run

    def message(self, fields: dict[str, Any], plan: MessagePlan, path: str = "") -> dict[str, Any]:
        """Return the fields of a message, checked and masked again.

        Args:
            fields: The message's masked fields by name.
            plan: Its plan.
            path: What stands before the paths of its fields.
        """
        out: dict[str, Any] = {}
        names = {one.name for one in plan.fields.values() if one.trait is None}
        if plan.holds_traits and is_written(fields.get(TRAITS, [])):
            names.add(TRAITS)
            out |= {TRAITS: fields[TRAITS]} if TRAITS in fields else {}
        if fields.keys() - names:
            self.broken.append(Violation(path.rstrip(".") or "event", *_MISFIT))
        for one in (plan.fields[number] for number in sorted(plan.fields)):
            value: Any = fields.get(one.name)
            if one.trait is not None:
                continue
            if one.name not in fields:
                if one.limits.required:
                    self.broken.append(Violation(f"{path}{one.name}", "REQUIRED", "It must be set."))
            elif one.child is not None:
                self._child(out, one, one.child, f"{path}{one.name}", value)
            elif one.treatment is Treatment.IDENTIFIER:
                self._identifier(out, one, fields, path, value)
            elif (broken := self._breaks(one, value)) is not None:
                self.broken.append(Violation(f"{path}{one.name}", *broken))
            elif one.treatment in TEXTS:
                put_texts(self._run, out, one, f"{path}{one.name}", value)
            elif one.treatment not in (Treatment.DROP, Treatment.UNKNOWN):
                out[one.name] = round(value, 1) if one.treatment is Treatment.LOCATION else value
        return out

    def _child(self, out: dict[str, Any], one: FieldPlan, child: MessagePlan, path: str, value: Any) -> None:
        items = value if one.repeated else [value]
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self.broken.append(Violation(path, *_MISFIT))
        elif one.repeated and (broken := one.check(items)) is not None:
            self.broken.append(Violation(path, *broken))
        elif one.repeated:
            out[one.name] = [self.message(item, child, f"{path}[{index}].") for index, item in enumerate(items)]
        else:
            out[one.name] = self.message(value, child, f"{path}.")

    def _identifier(self, out: dict[str, Any], one: FieldPlan, fields: dict[str, Any], path: str, value: Any) -> None:
        """Put a token of the type that it must have, or none for a value that names nobody."""
        kind = one.identifier_type or fields.get("type")
        token = _TOKEN.fullmatch(value) if isinstance(value, str) else None
        if (value is None and kind in PERSON_TYPES) or (token is not None and token[1] == kind):
            out[one.name] = value
        else:
            self.broken.append(Violation(f"{path}{one.name}", *_MISFIT))

    @staticmethod
    def _breaks(one: FieldPlan, value: Any) -> tuple[str, str] | None:
        """Return the rule that a value breaks, or None."""
        if one.treatment is Treatment.UNKNOWN:
            return one.check(value)
        if one.kind in (Kind.INTEGER, Kind.NUMBER) and not one.repeated and isinstance(value, str):
            return one.check(math.nan)
        items: Any = value if one.repeated else [value]
        if not isinstance(items, list) or not all(_fits(one, item) for item in items):
            return _MISFIT
        if one.kind is Kind.ENUM:
            numbers = {name: number for number, name in known_names(one).items()}
            items = [numbers[item] for item in items]
        elif one.kind is Kind.STRUCT:
            items = [_struct(item) for item in items]
        return one.check(items if one.repeated else items[0])


def _fits(one: FieldPlan, value: Any) -> bool:
    """Say whether a value is of the kind that a field holds."""
    if one.kind is Kind.ENUM:
        return value in known_names(one).values()
    if one.treatment is Treatment.IP:
        return isinstance(value, str) and (value == NO_ADDRESS or _is_network(value))
    if one.kind is Kind.MAP:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if one.kind in (Kind.INTEGER, Kind.NUMBER) and isinstance(value, bool):
        return False
    return isinstance(value, _TYPES.get(one.kind, ()))


def _is_network(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        return False
    return network.prefixlen == (24 if network.version == 4 else 48)


def _struct(value: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(value)
    return struct


_TYPES: dict[Kind, type | tuple[type, ...]] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.NUMBER: (int, float),
    Kind.BOOL: bool,
    Kind.STRUCT: dict,
}
