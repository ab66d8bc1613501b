"""`mangrove import`: foreign files become events."""

from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home

if TYPE_CHECKING:
    from services.adapters.account import Account

app = typer.Typer(no_args_is_help=True, help="Send foreign files through the collector.")


class Purpose(StrEnum):
    """What a customer can allow."""

    SERVICE = "service"
    ANALYTICS = "analytics"
    LEARNING = "learning"


_Source = Annotated[str, typer.Option(help="The source whose API key is used.")]
_Rejects = Annotated[
    typer.FileTextWrite | None,
    typer.Option(help="Write where and why a record was not taken into this file; nothing of its content."),
]
_Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first record that is not taken.")]
_MaxRejects = Annotated[int, typer.Option(min=0, help="Exit with 0 although so many were not taken.")]


@app.callback()
def _imports() -> None:
    """Send foreign files through the collector."""


@app.command(epilog="Example: mangrove import transcripts dialogues.jsonl --purpose analytics --source demo")
def transcripts(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Dialogues as JSON lines.")],
    home: HomeOption = DEFAULT_HOME,
    source: _Source = "demo",
    purpose: Annotated[
        list[Purpose] | None,
        typer.Option(help="What the customers allowed; repeat it. Without analytics the collector refuses everything."),
    ] = None,
    start: Annotated[datetime, typer.Option(help="When the first dialogue began, UTC.")] = datetime(2026, 1, 5),
) -> None:
    """Send dialogues (`dialogue_id`, `turns` of `user`, `agent`, `satisfaction`) to a running collector.

    The files say nothing of what the customers allowed, so --purpose has to; nothing is allowed by itself.
    """
    from services.adapters.account import Account, Mapped
    from services.adapters.sending import send, watched
    from services.adapters.transcripts import read_transcripts

    began = start.replace(tzinfo=UTC)
    allowed = [one.value for one in purpose or ()]
    total = sum(1 for _ in groupby(read_transcripts(file, began, allowed), lambda event: event.conversation_id))
    dialogues = groupby(read_transcripts(file, began, allowed), lambda event: event.conversation_id)
    outcomes = (Mapped(number, tuple(events)) for number, (_, events) in enumerate(dialogues, 1))
    account = Account("dialogue")
    send(watched(outcomes, account, total, lambda: account.records), Home(home), source, account)


@app.command(epilog="Example: mangrove import table orders.csv.gz --mapping import-orders.toml --source webshop")
def table(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, TSV or JSON lines; gzip is fine.")],
    mapping: Annotated[Path, typer.Option(help="What becomes what, a TOML file: see docs/adapters.md.")],
    home: HomeOption = DEFAULT_HOME,
    source: _Source = "demo",
    rejects: _Rejects = None,
    strict: _Strict = False,
    max_rejects: _MaxRejects = 0,
    dry_run: Annotated[
        int, typer.Option(min=0, metavar="ROWS", help="Show what so many rows become, without values; send nothing.")
    ] = 0,
) -> None:
    """Send the rows of a table to a running collector, each as the event that the mapping makes of it.

    Rows that cannot be mapped and events that are refused are counted by reason, with their lines; the others go
    on. The exit code is 1 if there were more of them than --max-rejects. Importing the same file again changes
    nothing: the lake keeps each event once, whether it is told as DUPLICATE or, by another worker of the collector,
    as ACCEPTED. With --dry-run the whole file is read and nothing is sent.
    """
    from services.adapters.account import Account, Unmapped
    from services.adapters.sending import send, watched
    from services.adapters.tables.files import TableFile
    from services.adapters.tables.mapping import load_mapping
    from services.adapters.tables.preview import show
    from services.adapters.tables.rows import RowMapper

    rules = load_mapping(mapping)
    mapper = RowMapper(rules)
    account = Account("line", rejects)
    with TableFile(file, rules.format, mapper.columns) as rows:
        outcomes = (row if isinstance(row, Unmapped) else mapper.map(row) for row in rows.rows())
        seen = watched(outcomes, account, rows.total, lambda: rows.done)
        if dry_run:
            show(seen, dry_run, account)
        else:
            send(seen, Home(home), source, account, strict=strict)
    _exit(account, max_rejects)


@app.command(epilog="Example: mangrove import mail inbox/ archive.mbox --own-domain example.com --purpose analytics")
def mail(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Mails (.eml), mboxes, or folders of them.")],
    own_domain: Annotated[
        list[str], typer.Option(help="A domain or an address of the company: who writes from there is an agent.")
    ],
    purpose: Annotated[
        list[Purpose] | None,
        typer.Option(help="What the customers allowed. Without analytics the collector refuses every mail."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    source: _Source = "demo",
    rejects: _Rejects = None,
    strict: _Strict = False,
    max_rejects: _MaxRejects = 0,
) -> None:
    """Send e-mails to a running collector as messages of conversations.

    Mails of machines (automatic answers, bounces, mailing lists) and those inside the company are skipped and
    counted. Mails that cannot be read are told by their number: the order is that of the paths, within a folder by
    path. Give --own-domain and --purpose once for each value.
    """
    from services.adapters.account import Account, Unmapped
    from services.adapters.mail.files import MailFiles
    from services.adapters.mail.mapper import MailMapper
    from services.adapters.sending import send, watched

    files = MailFiles(paths)
    mapper = MailMapper(own_domain, [one.value for one in purpose or ()])
    account = Account("mail", rejects)
    outcomes = (one if isinstance(one, Unmapped) else mapper.map(*one) for one in files.mails())
    seen = watched(outcomes, account, files.total, lambda: files.done)
    send(seen, Home(home), source, account, strict=strict)
    _exit(account, max_rejects)


@app.command("check-mapping", epilog="Example: mangrove import check-mapping import-orders.toml")
def check_mapping(
    mapping: Annotated[Path, typer.Argument(help="The mapping file.")],
) -> None:
    """Say whether a mapping fits the schema of events, and which columns it needs; no data is read."""
    from services.adapters.tables.mapping import load_mapping
    from services.adapters.tables.rows import RowMapper

    rules = load_mapping(mapping)
    bodies = ", ".join(dict.fromkeys(rule.body for rule in rules.event))
    typer.echo(f"The mapping holds: {rules.format.kind} becomes {bodies}.")
    typer.echo(f"Columns: {', '.join(RowMapper(rules).columns)}")


def _exit(account: "Account", max_rejects: int) -> None:
    if account.rejected > max_rejects:
        raise typer.Exit(1)
