"""Sends the events of a file while it is read: progress on the way, an account at the end."""

from collections.abc import Callable, Iterable, Iterator

import typer
from rich.console import Console
from rich.progress import Progress

from services.adapters.account import Account, Mapped, Outcome
from services.clients.collector import CollectorClient
from services.clients.own_collector import address_of, tls_of
from services.installation import api_key_of
from services.settings import Home

_PROGRESS_EVERY = 100
_INTERRUPTED = 130


def watched(outcomes: Iterable[Outcome], account: Account, total: int, done: Callable[[], int]) -> Iterator[Outcome]:
    """Yield what is read, counted in the account, while a bar on standard error shows how far it is.

    Args:
        outcomes: What became of each record.
        account: Counts them.
        total: Where the end is.
        done: Says how far the reading is, in the unit of `total`.
    """
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task("reading", total=total)
        for number, outcome in enumerate(outcomes):
            account.note(outcome)
            yield outcome
            if number % _PROGRESS_EVERY == 0:
                progress.update(task, completed=done())


def send(outcomes: Iterable[Outcome], home: Home, source: str, account: Account, *, strict: bool = False) -> None:
    """Send events to the installation's collector, and print the account whatever ends it.

    Args:
        outcomes: What is read, already counted in the account.
        home: The installation whose collector is asked.
        source: The source whose API key is used.
        account: Keeps count of what was not taken.
        strict: Whether to stop at the first record that is not taken.

    Raises:
        CollectorRefused: if a batch was refused for good.
        CollectorBusy: if a batch could not be delivered in time.
    """
    client = _client_of(home, source, account)
    try:
        with client:
            for outcome in outcomes:
                if isinstance(outcome, Mapped):
                    account.expect(outcome)
                    for event in outcome.events:
                        client.send(event)
                if strict and account.rejected:
                    break
    except KeyboardInterrupt:
        typer.echo("Interrupted. Import it again: what was taken is not taken twice.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        typer.echo("\n".join(account.lines(client.tally)))


def _client_of(home: Home, source: str, account: Account) -> CollectorClient:
    api_key = api_key_of(home, source)
    return CollectorClient(address_of(home), api_key, tls=tls_of(home), on_verdicts=account.note_verdicts)
