"""Commands as a user gives them, and what a mistake in one must look like."""

from pathlib import Path
from typing import Any

import pytest
from conftest import write_reviews

from robustbench_mt.cli import main

__all__ = ["QUICK", "data", "file_of", "mistake", "run"]

QUICK = ["--steps", "2", "--batch-size", "8", "--train-examples", "40"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy reviews as a user's own CSV file."""
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv")


def run(*arguments: Any) -> int:
    return main([str(argument) for argument in arguments])


def mistake(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """Run a command that must fail, and return the one line it says."""
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.strip()]
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("robustbench-mt: ")
    return lines[0]


def file_of(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
