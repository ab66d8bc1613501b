"""The policy of masking: what stands in the place of what was found, for each entity, field and source.

It is a TOML file that is read once and validated whole: unknown keys, entities and fields are refused, so that a
typing error never leaves data readable.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from privacy.errors import MangroveError
from privacy.masking.actions import PARTIAL, Action
from privacy.masking.rules.placeholder import ENTITIES

DROP, MASK = "drop", "mask"
_OWN_NAME = re.compile("[A-Z][A-Z0-9_]{1,39}")


class PolicyInvalid(MangroveError):
    """The policy of masking is missing or breaks a rule; nothing is masked by half a policy."""

    reason = "POLICY_INVALID"


class OnFailure(Enum):
    """What becomes of an event one of whose texts a detector could not search."""

    REFUSE = "refuse"
    DROP_FIELD = "drop_field"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Detectors(_Section):
    """Detectors beside the rules, and what happens when one fails.

    `entities` names what the recognizers find that Mangrove does not know; `timeout_s` is for one text, seconds.
    """

    name_model: str = Field("", pattern="^((spacy|transformers):.+)?$")
    recognizers: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    timeout_s: float = Field(2.0, gt=0, le=60)
    on_failure: OnFailure = OnFailure.REFUSE

    @field_validator("recognizers")
    @classmethod
    def _are_classes(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            module, _, cls_name = name.partition(":")
            if not (cls_name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
                raise ValueError("each one is written 'package.module:Class'")
        return names

    @field_validator("entities")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_OWN_NAME.fullmatch(name) for name in names):
            raise ValueError("names are 2 to 40 capitals, digits and _")
        return names


_Field = dict[str, str]


class _Source(_Section):
    entities: dict[str, Action] = {}
    fields: dict[str, _Field] = {}


class _File(_Source):
    sources: dict[str, _Source] = {}
    detectors: Detectors = Detectors()

    @model_validator(mode="after")
    def _fits(self) -> "_File":
        known = {*ENTITIES, *self.detectors.entities}
        for where, layer in (("", self), *((f"sources.{name}.", one) for name, one in self.sources.items())):
            for entity, action in layer.entities.items():
                _check(f"{where}entities.{entity}", entity, action, known)
            for path, table in layer.fields.items():
                for key, value in table.items():
                    _check_field(f'{where}fields."{path}".{key}', key, value, known)
        return self


def _check_field(where: str, key: str, value: str, known: Collection[str]) -> None:
    if key != "action":
        if value not in {action.value for action in Action}:
            raise ValueError(f"{where}: an action is one of {', '.join(a.value for a in Action)}")
        _check(where, key, Action(value), known)
    elif value not in (DROP, MASK):
        raise ValueError(f"{where}: a whole field has the action '{DROP}' or '{MASK}'")


def _check(where: str, entity: str, action: Action, known: Collection[str]) -> None:
    if entity not in known:
        raise ValueError(
            f"{where}: this entity is not known; the masking.toml that `mangrove init` writes lists them all"
        )
    if action is Action.KEEP and entity != "ORDER_NUMBER":
        raise ValueError(f"{where}: only ORDER_NUMBER can be kept")
    if action is Action.PARTIAL and entity not in PARTIAL:
        raise ValueError(f"{where}: it has no part that may stay; partial is for {', '.join(sorted(PARTIAL))}")
    if action is Action.TOKEN and entity not in ENTITIES:
        raise ValueError(f"{where}: there is no key for an entity of your own; replace or drop it")


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """What happens to the texts of one field that one source sends.

    Attributes:
        dropped: The whole field is not stored.
        actions: What is done with an entity; those that are not named are replaced.
    """

    dropped: bool
    actions: Mapping[str, Action]

    def action(self, entity: str) -> Action:
        """Return what is done with what was found."""
        return self.actions.get(entity, Action.REPLACE)


class Policy:
    """A validated policy.

    The most specific statement counts: a source's field, else the source, else the field, else the entities.

    Args:
        tables: The policy as nested tables, as TOML gives them; empty for the default.
        name: What it is called in error sentences.

    Raises:
        PolicyInvalid: if it breaks a rule.
    """

    def __init__(self, tables: Mapping[str, Any] | None = None, name: str = "The masking policy") -> None:
        self._name = name
        try:
            self._file = _File.model_validate(tables or {})
        except ValidationError as error:
            raise PolicyInvalid(f"{name} breaks a rule: {_told(error)}") from None
        self.for_field = cache(self._for_field)

    @staticmethod
    def load(path: Path) -> "Policy":
        """Read a policy from a TOML file.

        Raises:
            PolicyInvalid: if the file is missing, not TOML, or breaks a rule.
        """
        try:
            return Policy(tomllib.loads(path.read_text()), path.name)
        except (OSError, UnicodeDecodeError):
            raise PolicyInvalid(
                f'{path.name} cannot be read, though mangrove.toml names it. Restore it, or set masking = "" there.'
            ) from None
        except tomllib.TOMLDecodeError as error:
            line = re.search("line [0-9]+", str(error))
            raise PolicyInvalid(f"{path.name} is not valid TOML ({line.group() if line else 'at its end'}).") from None

    @property
    def detectors(self) -> Detectors:
        """Detectors beside the rules, and what happens when one fails."""
        return self._file.detectors

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that have statements of their own."""
        return tuple(self._file.sources)

    def tokenised(self) -> frozenset[str]:
        """Return the entities that become tokens anywhere."""
        tables: list[Mapping[str, str]] = []
        for layer in (self._file, *self._file.sources.values()):
            tables += (layer.entities, *layer.fields.values())
        return frozenset(entity for table in tables for entity, action in table.items() if action == Action.TOKEN)

    def check_fields(self, known: Collection[str]) -> None:
        """Refuse statements on fields that are none.

        Args:
            known: The paths of all fields that hold free text or a URL.

        Raises:
            PolicyInvalid: if a path is not among them.
        """
        for layer in (self._file, *self._file.sources.values()):
            for path in layer.fields:
                if path not in known:
                    raise PolicyInvalid(
                        f"{self._name} breaks a rule: the schema has no text field '{path}'. Write paths in quotes, as "
                        '[fields."message_sent.text"]; `mangrove masking check --fields` lists them.'
                    )

    def _for_field(self, source: str | None, path: str | None) -> FieldPolicy:
        own = self._file.sources.get(source or "", _Source())
        layers: tuple[Mapping[str, str], ...] = (
            self._file.fields.get(path or "", {}),
            own.entities,
            own.fields.get(path or "", {}),
        )
        actions: dict[str, Action] = {"ORDER_NUMBER": Action.KEEP, **self._file.entities}
        dropped = False
        for layer in layers:
            actions |= {entity: Action(value) for entity, value in layer.items() if entity != "action"}
            dropped = layer["action"] == DROP if "action" in layer else dropped
        return FieldPolicy(dropped, actions)


def _told(error: ValidationError) -> str:
    """Say what is wrong and where; the policy is the operator's own text and holds no data."""
    problems = []
    for one in error.errors(include_url=False, include_input=False)[:5]:
        where = ".".join(str(part) for part in one["loc"])
        if one["type"] == "extra_forbidden":
            problems.append(f"{where}: there is no such setting")
        else:
            what = one["msg"].removeprefix("Value error, ")
            problems.append(f"{where}: {what}" if where else what)
    return "; ".join(problems) + "."
