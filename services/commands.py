"""The commands of `mangrove`: composition only. Every command lives beside what it runs."""

from typing import Annotated

import typer

from services.access_commands import app as access_app
from services.adapters.commands import app as import_app
from services.asking.command import ask
from services.bench_commands import app as bench_app
from services.collector.commands import app as collector_app
from services.collector.commands import lander_app
from services.collector.quarantine_commands import app as quarantine_app
from services.demo.commands import demo
from services.edge.commands import app as edge_app
from services.identity.commands import app as identity_app
from services.journeys.commands import app as journeys_app
from services.keys_commands import app as keys_app
from services.lake_commands import app as lake_app
from services.masking_commands import app as masking_app
from services.ml_commands import app as ml_app
from services.options import DEFAULT_HOME, HomeOption
from services.prediction.commands import app as prediction_app
from services.private_audit.commands import app as audit_app
from services.private_query.budget_commands import app as budget_app
from services.private_query.commands import app as query_app
from services.private_query.receipt_commands import app as receipt_app
from services.simulator.commands import simulate

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Mangrove: customer events from every channel, masked, resolved into journeys, answered privately.",
)
app.add_typer(access_app, name="access")
app.add_typer(keys_app, name="keys")
app.add_typer(collector_app, name="collector")
app.add_typer(edge_app, name="edge")
app.add_typer(lander_app, name="lander")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(import_app, name="import")
app.add_typer(lake_app, name="lake")
app.add_typer(identity_app, name="identity")
app.add_typer(journeys_app, name="journeys")
app.add_typer(bench_app, name="bench")
app.add_typer(ml_app, name="ml")
app.add_typer(masking_app, name="masking")
app.add_typer(prediction_app, name="prediction")
app.add_typer(query_app, name="query")
app.add_typer(budget_app, name="budget")
app.add_typer(receipt_app, name="receipt")
app.add_typer(audit_app, name="audit")
app.command(
    epilog="Example: mangrove ask conversations count --by channel --from 2026-01-05 --until 2026-02-02 --target 50"
)(ask)
app.command(epilog="Example: mangrove simulate --home .mangrove --people 500 --seed 7")(simulate)
app.command(epilog="Example: mangrove demo --home .mangrove --people 2500")(demo)


@app.command(epilog="Example: mangrove init --home .mangrove --source webshop --partner insights")
def init(
    home: HomeOption = DEFAULT_HOME,
    source: Annotated[str | None, typer.Option(help="Name of a source of events; demo in a new installation.")] = None,
    partner: Annotated[
        str | None, typer.Option(help="Name of a partner team that may ask; partner in a new installation.")
    ] = None,
) -> None:
    """Make keys, a source, a partner and the configuration; run again, it adds what is missing and who is named."""
    from services.installation import install

    installed = install(home, source=source, partner=partner)
    for name in installed.new_callers:
        typer.echo(f"made the API key of '{name}': {home / 'credentials' / name}.key")
    typer.echo(f"the installation is in {home}; back up keys.json: without it no pseudonym can be made again")
