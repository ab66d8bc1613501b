"""`mangrove masking`: is the policy sound, and what would it do."""

import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from privacy.errors import MangroveError
from privacy.masking import EventMasker, MaskingFailed, Policy
from privacy.masking.run import Failure, Told
from services.collector import wire
from services.collector.bootstrap import event_masker, policy_at
from services.keys import key_provider
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home

app = typer.Typer(no_args_is_help=True, help="Check the masking policy and see what it does.")

_AT_ONCE = 500
_LONGEST_LINE = 1_000_000
_STANDARD_INPUT = Path("-")


class InputUnreadable(MangroveError):
    """What was handed in to be tried is of no use."""

    reason = "INPUT_UNREADABLE"


@dataclass(slots=True)
class _Seen:
    """What was seen so far: texts, texts with findings, findings by entity and action."""

    texts: int = 0
    with_findings: int = 0
    findings: Counter[str] | None = None


@app.command(epilog="Example: mangrove masking check --home .mangrove")
def check(
    home: HomeOption = DEFAULT_HOME,
    fields: Annotated[bool, typer.Option("--fields", help="List the fields that a policy can speak about.")] = False,
) -> None:
    """Say whether the masking policy holds: known entities and fields, detectors that load, keys that are there."""
    installation = Home(home)
    policy = policy_at(installation)
    masker = event_masker(key_provider(installation), policy)
    if fields:
        typer.echo("\n".join(masker.fields))
        return
    name = installation.settings.masking or "the built-in policy"
    tokens = ", ".join(sorted(policy.tokenised())) or "nothing"
    others = [*policy.detectors.recognizers, *filter(None, [policy.detectors.name_model])]
    typer.echo(f"{name} holds: tokens for {tokens}; detectors beside the rules: {', '.join(others) or 'none'}")
    typer.echo(f"when a detector fails: {policy.detectors.on_failure.value}")


@app.command("dry-run", epilog="Example: mangrove masking dry-run --home .mangrove --source webshop chats.txt")
def dry_run(
    file: Annotated[Path, typer.Argument(help="Texts, one a line, in UTF-8; - for standard input.")] = _STANDARD_INPUT,
    home: HomeOption = DEFAULT_HOME,
    source: Annotated[str, typer.Option(help="Mask as if this source had sent it.")] = "",
    field: Annotated[str, typer.Option(help="Mask as this field, such as message_sent.text.")] = "",
    events: Annotated[bool, typer.Option("--events", help="Each line is an event in JSON, not a text.")] = False,
) -> None:
    """Show what would be masked: entity, position, length and action of each find, and the masked text.

    Nothing is stored or sent, and what was found is not shown. Positions count characters from 0. Lines in which
    nothing is found are left out. In events, what crosses two messages of a conversation shows in the second.
    """
    installation = Home(home)
    policy = policy_at(installation)
    masker = event_masker(key_provider(installation), policy)
    if field and field not in masker.fields:
        raise InputUnreadable(f"There is no text field '{field}'. `mangrove masking check --fields` lists them.")
    if field and events:
        raise InputUnreadable("Events have fields of their own. Leave --field out, or leave --events out.")
    seen = _Seen(findings=Counter())
    lines = enumerate(_lines(file), 1)
    with Progress(transient=True, console=Console(stderr=True), disable=file == _STANDARD_INPUT) as progress:
        task = progress.add_task("masking", total=None)
        while batch := list(itertools.islice(lines, _AT_ONCE)):
            told = _events(batch, masker, source) if events else _texts(batch, masker, policy, source, field)
            for number, one in told:
                _show(number, one, policy, seen)
            progress.update(task, advance=len(batch), description=f"{seen.texts:,} texts")
    counts = ", ".join(f"{count} {name}" for name, count in sorted((seen.findings or {}).items()))
    typer.echo(f"{seen.texts} texts, {seen.with_findings} with finds: {counts or 'none'}", err=True)


def _lines(file: Path) -> Iterator[str]:
    """Give the lines of a file that are not empty, keeping the numbers of the others.

    Raises:
        InputUnreadable: if it cannot be opened, is not UTF-8, or has a line of more than a million bytes.
    """
    try:
        with sys.stdin.buffer if file == _STANDARD_INPUT else file.open("rb") as source:
            number = 0
            while line := source.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise InputUnreadable(f"Line {number} is longer than {_LONGEST_LINE} bytes. Cut it.")
                yield line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise InputUnreadable(f"Line {number} is not UTF-8. Convert the file first.") from None
    except OSError:
        raise InputUnreadable("The file cannot be read. Check its path, or give - for standard input.") from None


_Explained = Told | Failure


def _texts(
    batch: Sequence[tuple[int, str]], masker: EventMasker, policy: Policy, source: str, field: str
) -> Iterator[tuple[int, _Explained]]:
    """Explain lines of text, masked as one field."""
    rules = policy.for_field(source or None, field or None)
    texts = masker.texts
    each = texts.find_each([text for _, text in batch], [])
    for (number, text), found in zip(batch, each, strict=True):
        if isinstance(found, MaskingFailed):
            yield number, Failure(number, field, found)
            continue
        actions = tuple((one.start, one.end, one.entity, rules.action(one.entity)) for one in found)
        shown = "(the field is dropped)" if rules.dropped else texts.apply(text, found, rules).text
        yield number, Told(number, field, shown, actions)


def _events(batch: Sequence[tuple[int, str]], masker: EventMasker, source: str) -> Iterator[tuple[int, _Explained]]:
    """Explain events, each field by itself."""
    for number, line in batch:
        if not line.strip():
            continue
        try:
            event = wire.event_from_json(line)
        except wire.EventMalformed as error:
            raise InputUnreadable(f"Line {number}: {error.sentence}") from None
        told, failures = masker.explain(event.message, source, datetime.now(UTC))
        for one in told:
            yield number, one
        for failure in failures:
            yield number, failure


def _show(number: int, one: _Explained, policy: Policy, seen: _Seen) -> None:
    """Print what was found in one text, and count it."""
    seen.texts += 1
    where = f"line {number}" + (f", {one.path}" if one.path else "")
    findings = seen.findings if seen.findings is not None else Counter()
    if isinstance(one, Failure):
        then = "the event would be refused" if policy.detectors.on_failure.value == "refuse" else "it would be withheld"
        typer.echo(f"{where}: {one.cause.detector} failed ({one.cause.cause}): {then}")
        findings[f"{one.cause.detector} failed"] += 1
        return
    if not one.found:
        return
    seen.with_findings += 1
    typer.echo(f"{where}: {one.text}")
    for start, end, entity, action in one.found:
        typer.echo(f"    {entity} at {start}, {end - start} long: {action.value}")
        findings[f"{entity} {action.value}"] += 1
