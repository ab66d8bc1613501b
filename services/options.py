"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path, typer.Option("--home", help="The folder that `mangrove init` made.", envvar="MANGROVE_HOME")
]
DEFAULT_HOME = Path(".mangrove")
