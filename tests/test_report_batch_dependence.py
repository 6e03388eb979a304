"""Dependence on batch-mates in the report: the numbers are the records', each with its n."""

from dataclasses import replace
from pathlib import Path

import pytest
from run_directory import batch_dependence, write
from test_report_comparisons import rows

from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.reporting.printing import print_batch_dependence
from robustbench_mt.reporting.prose import methods_prose
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.statistics import wilson


def test_the_table_has_what_the_record_has(tmp_path: Path) -> None:
    record = batch_dependence("mine (match-inference, batch 8)")
    write(tmp_path / BatchDependenceRecord.file, BatchDependenceRecord, [record])
    made = report([tmp_path])
    (row,) = rows(made.summary, "batch_dependence")
    assert (row["checkpoint"], row["task"], row["split"]) == (record.checkpoint, "reviews", "test")
    assert (row["n"], row["shuffles"]) == ("200", "3")
    for name, expected in (("accuracy_alone", wilson(172, 200)), ("changed", wilson(24, 200))):
        ends = [float(row[key]) for key in (name, f"{name}_low", f"{name}_high", f"{name}_n")]
        assert ends == [expected.value, expected.low, expected.high, 200]
    told = [float(row[name]) for name in ("accuracy", "accuracy_lowest", "accuracy_highest", "differing", "deviation")]
    assert told == pytest.approx([0.85333333, 0.84, 0.87, 0.075, 0.0312])
    (source,) = rows(made.summary, "provenance_batch_dependence")
    assert (source["victim"], source["batch_size"], source["seed"]) == (record.victim, "8", "0")
    page = made.page.read_text(encoding="utf-8")
    assert 'id="batch-mates"' in page and record.checkpoint in page
    assert "95% Wilson score intervals [@wilson1927probable], over examples." in methods_prose(made.summary)
    assert "PyTorch 2.9.0" in methods_prose(made.summary)


def test_a_record_of_two_directories_counts_once_and_another_checkpoint_of_its_name_is_told_apart(
    tmp_path: Path,
) -> None:
    record = batch_dependence("mine")
    for name, victim in (("a", "one"), ("b", "one"), ("c", "another")):
        path = tmp_path / name / BatchDependenceRecord.file
        write(path, BatchDependenceRecord, [replace(record, victim=victim)])
    summary = summarize([tmp_path / name for name in "abc"])
    assert [row["checkpoint"] for row in rows(summary, "batch_dependence")] == ["mine (another)", "mine (one)"]


def test_the_terminal_shows_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_batch_dependence(batch_dependence("mine"))
    shown = " ".join(capsys.readouterr().out.split())
    assert "mine on reviews (test, n=200), 3 shuffles" in shown
    for told in (wilson(172, 200).show(), "85.3% (84.0% to 87.0%)", wilson(24, 200).show(), "7.5%", "0.0312"):
        assert told in shown
