"""A run and what the report makes of it, once for each file of tests.

A plugin of pytest: see ``pytest_plugins`` in conftest.py. A file whose run is another one has a fixture ``run`` of its
own: the others here are then of that.
"""

from pathlib import Path

import pytest
from run_directory import write_run

from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import Summary, summarize

__all__ = ["page", "run", "summary"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return report([run]).page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def summary(run: Path) -> Summary:
    return summarize([run])
