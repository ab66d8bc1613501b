"""`mangrove ask`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.asking.reaching import ADDRESS, KEY_FILE, Reach

if TYPE_CHECKING:
    from services.clients.audits import PublishedAudit
    from services.clients.query import QueryClient
    from services.clients.questions import QueryRefused

_QUESTION, _PRICE, _OUTPUT, _SERVICE = "The question", "The price, one of", "What is printed", "The service"


def ask(  # noqa: PLR0913, PLR0917 - all that can be asked, by name
    dataset: Annotated[str, typer.Argument(help="The dataset's name; --list shows them.", show_default=False)] = "",
    measures: Annotated[
        list[str] | None,
        typer.Argument(
            help="1 to 4 of count, persons, sum:COLUMN, mean:COLUMN, variance:COLUMN, median:COLUMN, histogram:COLUMN, "
            "quantiles:COLUMN:0.5,0.9 and ratio:COLUMN=VALUE, the share of rows that fit."
        ),
    ] = None,
    from_day: Annotated[str, typer.Option("--from", help="The first day.", rich_help_panel=_QUESTION)] = "",
    until_day: Annotated[
        str, typer.Option("--until", help="The first day no longer inside.", rich_help_panel=_QUESTION)
    ] = "",
    by: Annotated[list[str] | None, typer.Option(help="Group by this; up to 3.", rich_help_panel=_QUESTION)] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="What rows have to be: channel=web,app or handed_over=true or turns=5 or turns=1..10 or turns=10..",
            rich_help_panel=_QUESTION,
        ),
    ] = None,
    groups: Annotated[
        int,
        typer.Option(
            min=0, max=1_000_000, help="Most groups of one person; 0: the dataset's.", rich_help_panel=_QUESTION
        ),
    ] = 0,
    rows: Annotated[
        int,
        typer.Option(
            min=0, max=1_000_000, help="Most rows of one in a group; 0: the dataset's.", rich_help_panel=_QUESTION
        ),
    ] = 0,
    top: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Only the largest unknown groups.", rich_help_panel=_QUESTION)
    ] = 0,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Also the share of rows dropped.", rich_help_panel=_QUESTION)
    ] = False,
    target: Annotated[
        str, typer.Option(help="An error of the first measure of ±50 at 95 %: 50.", rich_help_panel=_PRICE)
    ] = "",
    rho: Annotated[str, typer.Option(help="Rho (zCDP), such as 0.01.", rich_help_panel=_PRICE)] = "",
    epsilon: Annotated[str, typer.Option(help="Epsilon at the dataset's delta, at most.", rich_help_panel=_PRICE)] = "",
    preview: Annotated[
        bool, typer.Option("--preview", "--cost", help="What it would cost; nothing is asked.", rich_help_panel=_OUTPUT)
    ] = False,
    as_list: Annotated[
        bool, typer.Option("--list", help="The datasets that you may ask about.", rich_help_panel=_OUTPUT)
    ] = False,
    describe: Annotated[
        bool, typer.Option("--describe", help="The dataset's columns, bounds and budget.", rich_help_panel=_OUTPUT)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.", rich_help_panel=_OUTPUT)] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(
            help="Keep the answer with its receipt there, for `mangrove receipt verify`.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    address: Annotated[
        str, typer.Option(help="host:port.", envvar=ADDRESS, rich_help_panel=_SERVICE)
    ] = "127.0.0.1:50052",
    key_file: Annotated[
        Path | None,
        typer.Option(help="The file of your API key.", envvar=KEY_FILE, rich_help_panel=_SERVICE),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Over TLS; implied by the files.", rich_help_panel=_SERVICE)
    ] = False,
    ca: Annotated[Path | None, typer.Option(help="Its authority, PEM.", rich_help_panel=_SERVICE)] = None,
    cert: Annotated[Path | None, typer.Option(help="Your certificate, PEM.", rich_help_panel=_SERVICE)] = None,
    cert_key: Annotated[Path | None, typer.Option(help="Its key, PEM.", rich_help_panel=_SERVICE)] = None,
) -> None:
    """Ask the private query service, and see the answer with its error bars, what it cost and what is left."""
    from services.asking import tables, told
    from services.asking.reading import AskInvalid
    from services.clients.questions import QueryRefused

    show: Any = told if as_json else tables
    with Reach(address, key_file, tls, ca, cert, cert_key).client() as client:
        if as_list:
            show.datasets(client.datasets())
            return
        if not dataset or not (describe or (measures and from_day and until_day)):
            raise AskInvalid("A question has a dataset, a measure, --from and --until; --list shows the datasets.")
        try:
            if describe:
                show.description(client.describe(dataset), client.budget(dataset), _audit(client))
                return
            bounds = {"max_groups_per_person": groups, "max_rows_per_group": rows, "top": top, "dropped_share": dropped}
            words = {"from_day": from_day, "until_day": until_day, "group_by": by or [], **bounds}
            asked = _asked(client, dataset, measures or [], where or [], words)
            asked |= _price(client, asked, target, rho, epsilon)
            if preview:
                show.preview(client.preview(**asked), client.budget(dataset))
                return
            answer = client.ask(**asked)
            if receipt is not None:
                _keep(receipt, answer.raw)
            show.answer(answer, client.budget(dataset))
        except QueryRefused as refusal:
            raise _in_full(refusal) from None


def _asked(
    client: "QueryClient", dataset: str, measures: list[str], where: list[str], words: dict[str, Any]
) -> dict[str, Any]:
    from services.asking.reading import AskInvalid, condition_of, measure_of

    described = client.describe(dataset)
    conditions = [condition_of(text, described) for text in where]
    if len(dict(conditions)) < len(conditions):
        raise AskInvalid("Each column can have one condition. Join texts with commas, numbers as a range.")
    wanted = [measure_of(text, described) for text in measures]
    return {"dataset": dataset, "measures": wanted, "where": dict(conditions), **words}


def _price(client: "QueryClient", asked: dict[str, Any], target: str, rho: str, epsilon: str) -> dict[str, float]:
    from services.asking.reading import AskInvalid, number_of

    if sum(map(bool, (target, rho, epsilon))) != 1:
        raise AskInvalid("Say what the answer may cost: one of --target, --rho and --epsilon; --preview tells prices.")
    if target:
        return {"target_error": number_of(target, "the target error")}
    if rho:
        return {"rho": number_of(rho, "rho")}
    return {"rho": client.rho_for(number_of(epsilon, "epsilon"), **asked)}


def _audit(client: "QueryClient") -> "PublishedAudit | None":
    """What was measured, or a line on stderr when that cannot be told: a dataset can be described without it."""
    from services.clients.questions import QueryRefused

    try:
        return client.audit()
    except QueryRefused as refusal:
        typer.echo(f"{refusal.reason}: {refusal.sentence}", err=True)
        return None


def _keep(path: Path, answer: bytes) -> None:
    from services.asking.reading import AskInvalid

    try:
        path.write_bytes(answer)
    except OSError:
        raise AskInvalid("The file for --receipt cannot be written. Name another: asking again is free.") from None


def _in_full(refusal: "QueryRefused") -> "QueryRefused":
    """Put what is wrong with single fields into the one sentence that is shown."""
    told = " ".join(f"{field}: {sentence}" for field, _, sentence in refusal.violations)
    return type(refusal)(refusal.reason, told or refusal.sentence, ())
