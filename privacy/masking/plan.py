"""Compiles the schema's treatments and limits into one plan per message type.

The plan is made once from the descriptors, so that no event is handled by rules that the schema does not state.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from privacy.errors import MangroveError
from privacy.linkage import TRAITS as KNOWN_TRAITS
from privacy.masking.limits import Check, Kind, Limits, check_of, kind_of, limits_of
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES

STRUCT = "google.protobuf.Struct"

UNKNOWN = "unknown"
"""What fields that the schema does not have are kept under; no field may be called so."""

TRAITS = "traits"
"""What the encodings of a body's traits are kept under; no field may be called so."""


class SchemaUntreated(MangroveError):
    """A field that can hold personal data has no treatment, or one that does not fit its type."""

    reason = "SCHEMA_UNTREATED"


class Treatment(Enum):
    """How a field is treated; the names are those of `mangrove.privacy.v1.Treatment`.

    UNKNOWN is a treatment that this version does not know: an event that sets such a field is refused.
    """

    UNSPECIFIED = "UNSPECIFIED"
    IDENTIFIER = "IDENTIFIER"
    FREE_TEXT = "FREE_TEXT"
    URL = "URL"
    IP = "IP"
    LOCATION = "LOCATION"
    EMOTION = "EMOTION"
    DROP = "DROP"
    KEEP = "KEEP"
    TRAIT = "TRAIT"
    UNKNOWN = "UNKNOWN"


_OF_TEXTS = (Treatment.IDENTIFIER, Treatment.FREE_TEXT, Treatment.URL, Treatment.IP)


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """What is done with one field.

    `identifier_type` is set for identifiers whose type the schema states, `trait` for traits; `enum_names` maps enum
    numbers to lower-case names without prefix; `child` is the plan of a message field; `oneof` is the choice that it is
    one of. A field is `explicit` if it can be set to its zero value.
    """

    name: str
    kind: Kind
    treatment: Treatment
    identifier_type: str | None
    trait: str | None
    enum_names: dict[int, str] | None
    child: "MessagePlan | None"
    repeated: bool
    explicit: bool
    oneof: str | None
    limits: Limits
    check: Check


@dataclass(frozen=True, slots=True)
class MessagePlan:
    """What is done with a message: its fields by number, and those that must be set."""

    fields: dict[int, FieldPlan]
    required: dict[int, str]

    @property
    def holds_traits(self) -> bool:
        """Whether fields of the message itself are traits."""
        return any(one.trait is not None for one in self.fields.values())


def compile_plan(descriptor: Descriptor) -> MessagePlan:
    """Compile the plan of a message type and of all message types below it.

    Raises:
        SchemaUntreated: if a string, bytes, map or Struct field has no treatment, if a treatment does not fit
            the field's type, or if a string is kept without a pattern.
    """
    # Options are read with the pool of the options themselves, whatever pool the message comes from.
    return _Compiler(descriptor.GetOptions().DESCRIPTOR.file.pool).message(descriptor, descriptor.name)


def known_names(one: FieldPlan | None) -> dict[int, str]:
    """Return the names of an enum's numbers that say something; none for other fields."""
    names = one.enum_names if one is not None else None
    return {number: name for number, name in names.items() if number in one.limits.known} if one and names else {}


def type_field(plan: MessagePlan) -> FieldPlan | None:
    """Return the field by which a message says of which type its identifier is, if it has one."""
    return next((one for one in plan.fields.values() if one.name == "type" and one.enum_names), None)


class _Compiler:
    def __init__(self, pool: Any) -> None:
        find = pool.FindExtensionByName
        self._treatment = find("mangrove.privacy.v1.treatment")
        self._identifier_type = find("mangrove.privacy.v1.identifier_type")
        self._limits = find("mangrove.privacy.v1.limits")
        self._trait = find("mangrove.privacy.v1.trait")
        self._traits = _enum_names(pool.FindEnumTypeByName("mangrove.privacy.v1.Trait"))
        self._treatments = pool.FindEnumTypeByName("mangrove.privacy.v1.Treatment").values_by_number
        self._types = _enum_names(pool.FindEnumTypeByName("mangrove.privacy.v1.IdentifierType"))

    def message(self, descriptor: Descriptor, path: str) -> MessagePlan:
        fields: dict[int, FieldPlan] = {}
        required: dict[int, str] = {}
        for field in descriptor.fields:
            where = f"{path}.{field.name}"
            fields[field.number] = self._field(field, where)
            if field.GetOptions().Extensions[self._limits].required:
                required[field.number] = field.name
        plan = MessagePlan(fields, required)
        for one in fields.values():
            if one.treatment is Treatment.IDENTIFIER and not one.identifier_type and type_field(plan) is None:
                raise SchemaUntreated(
                    f"The field {path}.{one.name} has no identifier type, and no sibling `type` says it."
                )
        _refuse_misplaced_traits(plan, path)
        return plan

    def _field(self, field: FieldDescriptor, path: str) -> FieldPlan:
        options = field.GetOptions()
        treatment = self._treatment_of(options.Extensions[self._treatment])
        declared = options.Extensions[self._limits]
        limits = limits_of(field, declared)
        message = field.message_type
        is_map = message is not None and message.GetOptions().map_entry
        is_struct = message is not None and message.full_name == STRUCT
        kind = kind_of(field, is_struct=is_struct, is_map=is_map)
        repeated = field.is_repeated and not is_map
        type_number = options.Extensions[self._identifier_type]
        identifier_type = self._types[type_number] if type_number else None
        trait = self._traits.get(options.Extensions[self._trait]) if treatment is Treatment.TRAIT else None
        self._refuse_misfit(field, treatment, identifier_type, limits.pattern is not None, path)
        if treatment is Treatment.TRAIT and (trait not in KNOWN_TRAITS or kind is not Kind.TEXT or repeated):
            raise SchemaUntreated(f"The field {path} is treated as a trait and is no string that says which.")
        nested = message if kind is Kind.MESSAGE and treatment is Treatment.UNSPECIFIED else None
        return FieldPlan(
            name=field.name,
            kind=kind,
            treatment=treatment,
            identifier_type=identifier_type,
            trait=trait,
            enum_names=_enum_names(field.enum_type) if field.enum_type is not None else None,
            child=self.message(nested, path) if nested is not None else None,
            repeated=repeated,
            explicit=field.has_presence,
            oneof=field.containing_oneof.name if field.containing_oneof is not None else None,
            limits=limits,
            check=_refuse_unknown if treatment is Treatment.UNKNOWN else check_of(kind, limits, repeated=repeated),
        )

    def _treatment_of(self, number: int) -> Treatment:
        value = self._treatments.get(number)
        name = value.name.removeprefix("TREATMENT_") if value is not None else "UNKNOWN"
        return Treatment[name] if name in Treatment.__members__ else Treatment.UNKNOWN

    @staticmethod
    def _refuse_misfit(
        field: FieldDescriptor, treatment: Treatment, identifier_type: str | None, has_pattern: bool, path: str
    ) -> None:
        message = field.message_type
        is_text = field.type in (field.TYPE_STRING, field.TYPE_BYTES)
        is_open = message is not None and (
            message.GetOptions().map_entry or message.full_name.startswith("google.protobuf.")
        )
        problem = None
        if field.name in (UNKNOWN, TRAITS):
            problem = "has a name under which something is kept that is no field"
        elif (is_text or is_open) and treatment is Treatment.UNSPECIFIED:
            problem = "can hold personal data and has no treatment"
        elif field.type == field.TYPE_BYTES and treatment not in (Treatment.DROP, Treatment.UNKNOWN):
            problem = "holds bytes, which can only be dropped"
        elif field.type == field.TYPE_STRING and treatment is Treatment.KEEP and not has_pattern:
            problem = "is a string that is kept without a pattern"
        elif is_open and treatment not in (Treatment.FREE_TEXT, Treatment.DROP, Treatment.UNKNOWN):
            problem = "is a map or Struct, which can only be scanned as free text or dropped"
        elif treatment is Treatment.IDENTIFIER and identifier_type not in (None, *PERSON_TYPES, *REFERENCE_TYPES):
            problem = "has an identifier type without a key"
        elif treatment in _OF_TEXTS and not is_text and not is_open:
            problem = "is treated as a text and is none"
        elif treatment is Treatment.IDENTIFIER and field.is_repeated:
            problem = "names several things, which is done by a message for each"
        elif message is None and not is_text and treatment is Treatment.UNSPECIFIED:
            problem = "has no treatment"
        if problem:
            raise SchemaUntreated(f"The field {path} {problem}. Declare a fitting treatment in its options.")


def _refuse_misplaced_traits(plan: MessagePlan, path: str) -> None:
    """Traits stand in the bodies of events, where their encodings have a column, and each stands there once."""
    traits = [one.trait for one in plan.fields.values() if one.trait is not None]
    held = [one for one in plan.fields.values() if one.child is not None and one.child.holds_traits]
    if len(traits) != len(set(traits)) or any(one.oneof is None for one in held) or (traits and "." not in path):
        raise SchemaUntreated(f"The message {path} has traits twice, or outside of an event's body.")


def _refuse_unknown(_value: Any) -> tuple[str, str]:
    return "TREATMENT_UNKNOWN", "The schema treats it in a way that this collector does not know. Update the collector."


def _enum_names(enum: Any) -> dict[int, str]:
    """Map numbers to names without the enum's prefix, in lower case: PARTY_CUSTOMER → customer."""
    prefix = "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(enum.name)).upper() + "_"
    return {v.number: v.name.removeprefix(prefix).lower() for v in enum.values}
