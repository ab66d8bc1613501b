"""The tutorial notebook runs from its first cell to its last, as a reader would run it."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path("docs/models-tutorial.ipynb")


@pytest.mark.slow
def test_notebook_runs_and_tells_what_it_told_its_readers(monkeypatch):
    paths = [str(Path.cwd()), str(Path("protos/gen/python").resolve()), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = _said(notebook)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    said = _said(notebook)
    assert said.keys() == kept.keys()
    for told in (kept, said):
        everything = "\n".join(told.values())
        assert "Promoted: it beats majority" in everything
        assert everything.count("Not promoted: ") >= 2
        assert "champion: version 1" in everything
        assert "drifted: True" in everything


def _said(notebook):
    """What each cell with an output printed or showed as text; libraries' warnings are no part of it."""
    told = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                continue
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            told[cell["id"]] = told.get(cell["id"], "") + text
    return told
