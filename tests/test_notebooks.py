"""The notebooks: they run as they are, and what is committed of them is small, whole and of no certain machine."""

import re
from pathlib import Path

import nbformat
import pytest
from embedded_packages import needs_embedded
from notebook_runs import NOTEBOOKS, code_cells, execute, kinds, read

MOST_BYTES = 200_000
MACHINE = re.compile(r"(?<![\w.])/(?:tmp|home|root|work|Users|usr|opt)/|site-packages|\b[A-Z]:\\\\")


def test_there_are_three() -> None:
    assert [*NOTEBOOKS] == ["01_evaluate_a_checkpoint", "02_imbalance_curves", "03_reproduce_the_paper"]


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
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


# The third is run where the paper is: it goes on from what the command has done.


@needs_embedded
@pytest.mark.parametrize("name", ["01_evaluate_a_checkpoint", "02_imbalance_curves"])
def test_it_runs(name: str, tmp_path: Path) -> None:
    execute(NOTEBOOKS[name], tmp_path)
