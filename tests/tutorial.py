"""Runs docs/private-tutorial.md: its commands and its Python, in order, against a service of its own.

`python -m tests.tutorial` writes the page anew with what was printed.
"""

import contextlib
import io
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from typer.testing import CliRunner

from services.commands import app
from services.demo.servers import free_port
from services.settings import Home
from tests.servers import serving

PAGE = Path(__file__).parents[1] / "docs/private-tutorial.md"
ADDRESS = "127.0.0.1:50052"
BLOCK = re.compile(r"^```(\w+)( \w+)?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A part of the page: `sh` and `python` are run, `text` is what that printed, `text noisy` but for its numbers."""

    kind: str
    noisy: bool
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(kind, bool(noisy), text) for kind, noisy, text in BLOCK.findall(page)]


def printed(page: str) -> Iterator[str]:
    """Run the page in a folder of its own, and give what each block that is followed by a text printed."""
    parts = blocks(page)
    address = f"127.0.0.1:{free_port()}"
    told: dict[str, object] = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_elsewhere(stack.enter_context(TemporaryDirectory(prefix="mangrove-tutorial-"))))
        for part, after in zip(parts, [*parts[1:], None], strict=True):
            out = io.StringIO()
            if part.kind == "sh":
                for line in part.text.replace("\\\n", " ").splitlines():
                    out.write(_command(line, address, stack))
            elif part.kind == "python":
                with contextlib.redirect_stdout(out):
                    exec(part.text.replace(ADDRESS, address), told)
            if after is not None and after.kind == "text":
                yield out.getvalue()


def _command(line: str, address: str, stack: contextlib.ExitStack) -> str:
    """Run one line as a shell would: `export`, `mangrove …`, `mangrove … &` and `mangrove … > FILE`."""
    words = shlex.split(line)
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        os.environ[name] = value
        return ""
    assert words.pop(0) == "mangrove"
    if words[-1] == "&":
        home = words[words.index("--home") + 1]
        stack.enter_context(serving(Home(Path(home)), *words[:2], "--address", address, address=address))
        return ""
    file = Path(words[-1]) if words[-2] == ">" else None
    done = CliRunner().invoke(app, words[:-2] if file else words, env={"MANGROVE_QUERY_ADDRESS": address})
    assert done.exit_code == 0, done.output
    if file is None:
        return done.output
    file.write_text(done.output)
    return ""


@contextlib.contextmanager
def _elsewhere(folder: str) -> Iterator[None]:
    before, here = dict(os.environ), Path.cwd()
    os.chdir(folder)
    os.environ["COLUMNS"] = "110"
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    page = PAGE.read_text()
    found = printed(page)

    def renewed(match: re.Match[str]) -> str:
        return f"```text{match[2] or ''}\n{next(found).rstrip()}\n```" if match[1] == "text" else match[0]

    PAGE.write_text(BLOCK.sub(renewed, page))
