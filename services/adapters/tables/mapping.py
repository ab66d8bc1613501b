"""The mapping file of `mangrove import table`: which column becomes what; unknown keys are refused."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from privacy.errors import MangroveError
from services.adapters.tables.moments import Ambiguous, moments
from services.settings import PurposeName

_PROBLEMS_TOLD = 5
_YEARS = range(2000, 2100)
_PLAINER = {
    "extra_forbidden": "there is no such key",
    "missing": "it is missing",
    "model_type": "write a table such as { column = … } or { fixed = … }",
}


class MappingInvalid(MangroveError):
    """The mapping file is missing or breaks a rule."""

    reason = "MAPPING_INVALID"

    def __init__(self, *problems: tuple[str, str]) -> None:
        told = "; ".join(f"{where}: {what}" for where, what in problems[:_PROBLEMS_TOLD])
        super().__init__(f"The mapping breaks a rule. {told}. See docs/adapters.md.")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Column = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_many)]
Columns = Annotated[tuple[Column, ...], BeforeValidator(_many)]


class Format(_Part):
    """How the file is written.

    `delimiter` and `quote` are for csv and tsv; an empty `quote` means that nothing is quoted. `empty` lists the
    texts that stand for nothing.
    """

    kind: Literal["csv", "tsv", "jsonl"]
    encoding: str = "utf-8-sig"
    delimiter: str = Field("", max_length=1)
    quote: str = Field('"', max_length=1)
    empty: tuple[str, ...] = ("",)

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            "a\n".encode(name)
        except (LookupError, ValueError):
            raise ValueError("there is no such encoding; write one such as utf-8, gb18030 or utf-16") from None
        return name

    @model_validator(mode="after")
    def _delimits(self) -> "Format":
        if self.kind == "jsonl" and self.model_fields_set & {"delimiter", "quote"}:
            raise ValueError("delimiter and quote are for csv and tsv")
        if self.separator in {self.quote, "\n", "\r"} or self.quote in {"\n", "\r", " "}:
            raise ValueError("delimiter and quote must be two different characters, and no line ends")
        return self

    @property
    def separator(self) -> str:
        """What stands between two cells."""
        return self.delimiter or {"tsv": "\t"}.get(self.kind, ",")


class Id(_Part):
    """What makes a row's event id: the columns that are its key, or the data set's name and the row's number."""

    columns: Columns = ()
    dataset: str = Field("", pattern="^([A-Za-z0-9_.-]{1,64})?$")

    @model_validator(mode="after")
    def _is_stable(self) -> "Id":
        if not self.columns and not self.dataset:
            raise ValueError("name the columns that tell rows apart, or a dataset if only the row's number does")
        return self


class OccurredAt(_Part):
    """When it happened: a column, its form and the time zone of local times; or one moment for all rows."""

    column: str = ""
    format: str = Field("iso", min_length=1)
    time_zone: str = ""
    ambiguous: Ambiguous = "refuse"
    fixed: AwareDatetime | None = None

    @model_validator(mode="after")
    def _can_be_read(self) -> "OccurredAt":
        if bool(self.column) == (self.fixed is not None):
            raise ValueError("give one of column and fixed")
        if self.fixed is not None and len(self.model_fields_set) > 1:
            raise ValueError("format, time_zone and ambiguous are for a column")
        if self.fixed is not None and self.fixed.year not in _YEARS:
            raise ValueError("fixed must be a moment of this century")
        moments(self.format, self.time_zone, self.ambiguous)
        return self


class Value(_Part):
    """Where a value comes from: a column, several columns by key (for a Struct or a map), or the mapping itself.

    `values` says what the column's words mean here; a word that it does not hold refuses the row. `times` is what
    a number is multiplied by.
    """

    column: str = ""
    columns: dict[str, Column] = {}
    fixed: str | int | float | None = None
    values: dict[str, str] = {}
    times: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _is_one(self) -> "Value":
        if bool(self.column) + bool(self.columns) + (self.fixed is not None) != 1:
            raise ValueError("give one of column, columns and fixed")
        if not self.column and self.model_fields_set & {"values", "times"}:
            raise ValueError("values and times are for a column")
        return self


ValueOrColumn = Annotated[Value, BeforeValidator(_as_column)]


class Condition(_Part):
    """Whether a row's column holds one of some texts, or whether it holds nothing."""

    column: Column
    equals: Texts = ()
    empty: bool | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Condition":
        if bool(self.equals) == (self.empty is not None):
            raise ValueError("give one of equals and empty")
        return self


class EventRule(_Part):
    """Which body a row becomes, and when; without `when` it is every row that comes so far."""

    body: str
    when: Condition | None = None


class ConsentRule(_Part):
    """What the customer allowed.

    `purposes` alone: the same for all rows. `column` alone: it lists purposes, with `separator` between them.
    Both: the column says yes or no, and yes allows `purposes`. `values` says what the column's words mean.
    """

    purposes: tuple[PurposeName, ...] | None = None
    column: str = ""
    values: dict[str, str] = {}
    separator: str = Field(",", min_length=1)

    @model_validator(mode="after")
    def _says_something(self) -> "ConsentRule":
        if self.purposes is None and not self.column:
            raise ValueError("give purposes, or the column that tells them; purposes = [] if nothing was allowed")
        if not self.column and self.model_fields_set & {"values", "separator"}:
            raise ValueError("values and separator are for a column")
        return self


class TableMapping(_Part):
    """Everything a mapping file says. Columns of JSON lines may be paths such as customer.address.city."""

    format: Format
    id: Id
    occurred_at: OccurredAt
    channel: Value
    event: tuple[EventRule, ...] = Field(min_length=1)
    identifiers: dict[str, Columns] = {}
    conversation: str = ""
    consent: ConsentRule
    fields: dict[str, ValueOrColumn] = {}
    skip_when: tuple[Condition, ...] = ()

    @field_validator("event")
    @classmethod
    def _are_reached(cls, rules: tuple[EventRule, ...]) -> tuple[EventRule, ...]:
        if any(rule.when is None for rule in rules[:-1]):
            raise ValueError("a rule without `when` takes every row; put it last")
        return rules


def load_mapping(path: Path) -> TableMapping:
    """Read a mapping file.

    Raises:
        MappingInvalid: if it cannot be read or breaks a rule, with the key and what is wrong there.
    """
    try:
        return TableMapping.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError:
        raise MappingInvalid(("the file", "it cannot be read; check its path")) from None
    except UnicodeDecodeError:
        raise MappingInvalid(("the file", "it is not UTF-8")) from None
    except tomllib.TOMLDecodeError:
        raise MappingInvalid(("the file", "it is not valid TOML")) from None
    except ValidationError as error:
        raise MappingInvalid(*map(_problem, error.errors(include_input=False, include_url=False))) from None


def _problem(error: Any) -> tuple[str, str]:
    where = ".".join(f'"{part}"' if "." in str(part) else str(part) for part in error["loc"]) or "the file"
    return where, _PLAINER.get(error["type"], error["msg"].removeprefix("Value error, "))
