"""Executing the notebooks, and what they gave when they were committed."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


def read(path: Path) -> nbformat.NotebookNode:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def kinds(cell: nbformat.NotebookNode) -> set[str]:
    """Of what a cell shows."""
    return {kind for output in cell.outputs for kind in output.get("data", {})}


def execute(path: Path, directory: Path) -> None:
    """Run a notebook; its cells must show the kinds of things that are committed.

    Args:
        path: the notebook.
        directory: becomes like the repository; runs in its ``notebooks/runs`` are gone on with.
    """
    # As they lie in the repository, where one reads an experiment's file.
    shutil.copytree(ROOT / "experiments", directory / "experiments")
    (directory / "notebooks").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(directory / name))
        book, committed = read(path), read(path)
        resources = {"metadata": {"path": str(directory / "notebooks")}}
        NotebookClient(book, timeout=500, kernel_name="python3", resources=resources).execute()
    for cell, before in zip(code_cells(book), code_cells(committed), strict=True):
        assert kinds(cell) == kinds(before), cell.source
    assert list((directory / "notebooks").iterdir()) == [directory / "notebooks" / "runs"]
