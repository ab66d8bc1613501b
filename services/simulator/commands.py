"""`mangrove simulate`: a world of customers speaks to a running collector, like any adapter."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from services.clients.collector import CollectorClient, Tally
from services.clients.connection import ClientTls
from services.clients.own_collector import address_of, tls_of
from services.installation import api_key_of
from services.options import DEFAULT_HOME, HomeOption
from services.settings import Home
from services.simulator.sharing import LEVELS, SharingLevel
from services.simulator.truth import write_new_truth
from services.simulator.world import DEFAULT_PEOPLE, DEFAULT_SEED, World


def send_world(
    world: World, address: str, api_key: str, on_sent: Callable[[int], None], *, tls: ClientTls | None = None
) -> Tally:
    """Send a world's events in their order; return what became of them.

    Args:
        world: What is sent.
        address: host:port of the collector.
        api_key: The source's API key.
        on_sent: Told how many events were handed to the client so far.
        tls: How the collector is reached over TLS; None for plain text.
    """
    with CollectorClient(address, api_key, tls=tls) as client:
        for count, event in enumerate(world.sent, 1):
            client.send(event)
            on_sent(count)
        client.flush()
        return client.tally


def simulate(
    home: HomeOption = DEFAULT_HOME,
    people: Annotated[
        int, typer.Option(help="How many people, 1 to 100000; each has about 14 events.")
    ] = DEFAULT_PEOPLE,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = DEFAULT_SEED,
    source: Annotated[str, typer.Option(help="The source whose API key is used.")] = "demo",
    sharing: Annotated[
        SharingLevel,
        typer.Option(
            help="What customers share: families a tablet, callers the call centre's number, visitors a kiosk. "
            "heavy adds role accounts, guests, cleared cookies and more of all."
        ),
    ] = SharingLevel.USUAL,
    truth: Annotated[
        Path | None, typer.Option(help="A new file for the truth; HOME/simulator/truth.json by default.")
    ] = None,
) -> None:
    """Send a simulated world to a running collector, and keep the truth about it in a file of its own."""
    installation = Home(home)
    world = World.generate(seed, people, sharing=LEVELS[sharing])
    api_key, tls = api_key_of(installation, source), tls_of(installation)
    truth_path = truth or installation.path("simulator/truth.json")
    truth_path.parent.mkdir(parents=True, exist_ok=True)
    write_new_truth(world, truth_path)
    with Progress(transient=True) as progress:
        task = progress.add_task("sending events", total=len(world.sent))
        tally = send_world(
            world, address_of(installation), api_key, lambda sent: progress.update(task, completed=sent), tls=tls
        )
    typer.echo(f"{len(world.sent)} events: " + ", ".join(f"{n} {name}" for name, n in sorted(tally.verdicts.items())))
    typer.echo(f"the truth is in {truth_path}")
