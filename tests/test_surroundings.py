"""Where a command is started: with closed streams, in a directory that is gone, without a home or room for files."""

import os
import sys
import tempfile
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from command_line import mistake, run

from robustbench_mt.cli import main
from robustbench_mt.resources.places import cache_folder
from robustbench_mt.standard_streams import make_streams_safe


def test_no_file_is_given_the_number_of_a_closed_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = os.dup(0)
    try:
        os.close(0)
        # As Python has it then.
        monkeypatch.setattr(sys, "stdin", None)
        make_streams_safe()
        assert not sys.stdin.isatty()
        with (tmp_path / "records").open("wb") as stream:
            assert stream.fileno() > 2
        assert os.get_inheritable(0), "for workers"
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_what_a_terminal_cannot_show_is_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(shown, "latin-1"))
    monkeypatch.setattr("robustbench_mt.listing.print_tasks", lambda: print("é – ✓", flush=True))
    assert run("list", "tasks") == 0
    assert shown.getvalue() == b"\xe9 \\u2013 \\u2713\n"


def test_the_current_directory_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    assert "was removed: go to another one" in mistake(capsys, "list", "tasks")


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What needs none does its work, and anything else says so."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc"])
    assert main(["list", "recipes"]) == 0
    capsys.readouterr()
    monkeypatch.setattr("robustbench_mt.listing.print_tasks", tempfile.mkdtemp)
    assert "name a folder as TMPDIR" in mistake(capsys, "list", "tasks")


def test_an_account_without_a_home_gets_no_directory_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROBUSTBENCH_MT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", str)
    with pytest.raises(OSError, match="Not a directory"):
        cache_folder().mkdir(parents=True)
    assert list(tmp_path.iterdir()) == []
