"""Transfer in the report: each entry once, called as the attacks that found its texts."""

from dataclasses import replace
from pathlib import Path

import pytest
from report_tables import rows
from run_directory import attack_run, fallen, training, transfer, write, write_attack

from robustbench_mt.records import TrainingRecord, TransferRecord
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.statistics import wilson


def test_transfer_is_the_last_line_of_each_entry(tmp_path: Path) -> None:
    a, b = training("vanilla", 0), training("match", 0)
    early = transfer(a, b, "pwws", found=3, n=3, fooled=3)
    entries = [
        early,
        transfer(b, a, "pwws", n=0, fooled=0),
        replace(early, found=9, n=8, fooled=2),
        transfer(a, b, "input-reduction"),
    ]
    write(tmp_path / "train.jsonl", TrainingRecord, [a, b])
    write(tmp_path / "transfer.jsonl", TransferRecord, entries)
    summary = summarize([tmp_path, tmp_path])
    (matrix,) = summary.transfers
    assert matrix.sources == matrix.targets == ["reviews-vanilla-seed0", "reviews-match-seed0"]
    first, second = rows(summary, "transfer")
    assert (first["source"], first["target"], first["found"]) == (a.checkpoint, b.checkpoint, "9")
    expected = wilson(2, 8)
    assert [float(first[key]) for key in ("fooled", "fooled_low", "fooled_high", "fooled_n")] == [
        *(expected.value, expected.low, expected.high, 8)
    ]
    assert (second["fooled"], second["fooled_n"]) == ("", "0")
    page = report([tmp_path]).page.read_text(encoding="utf-8")
    assert (tmp_path / "report" / "figures" / "transfer-reviews-pwws.svg").exists()
    assert 'id="transfer"' in page


def test_two_checkpoints_of_one_name_are_two_rows_of_the_matrix(tmp_path: Path) -> None:
    target = training("vanilla", 0)
    for name, rate in (("a", 1e-4), ("b", 2e-5)):
        source = training("match", 0, settings={"learning_rate": rate})
        write(tmp_path / name / "train.jsonl", TrainingRecord, [source, target])
        write(tmp_path / name / "transfer.jsonl", TransferRecord, [transfer(source, target, "pwws")])
    (matrix,) = summarize([tmp_path / "a", tmp_path / "b"]).transfers
    assert matrix.sources == [
        "reviews-match-seed0, match (learning_rate=2e-05)",
        "reviews-match-seed0, match (learning_rate=0.0001)",
    ]
    assert matrix.targets == ["reviews-vanilla-seed0"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_transfers_are_called_as_their_attacks(tmp_path: Path, order: tuple[str, str]) -> None:
    one, other = training("vanilla", 0), training("match", 0)
    for name, budget, fooled in (("a", 50, 1), ("b", 500, 9)):
        run = attack_run(one.checkpoint, "pwws", max_queries=budget)
        write(tmp_path / name / "train.jsonl", TrainingRecord, [one, other])
        write_attack(tmp_path / name, run, [fallen()])
        entry = transfer(one, other, "pwws", n=10, fooled=fooled)
        write(tmp_path / name / "transfer.jsonl", TransferRecord, [entry])
    summary = summarize([tmp_path / name for name in order])
    budgets = {row.recipe: row.budget for row in summary.attacks}
    assert set(budgets) == {"pwws", "pwws #2"}
    found = {matrix.recipe: matrix.rows[0].fooled.value for matrix in summary.transfers}
    assert {budgets[recipe]: share for recipe, share in found.items()} == {"50 queries": 0.1, "500 queries": 0.9}
    told = {row["recipe"]: row["fooled"] for row in rows(summary, "provenance_transfer")}
    assert {budgets[recipe]: fooled for recipe, fooled in told.items()} == {"50 queries": "1", "500 queries": "9"}


def test_texts_whose_attack_is_gone_are_called_by_their_data(tmp_path: Path) -> None:
    one, other = training("vanilla", 0), training("match", 0)
    write(tmp_path / "train.jsonl", TrainingRecord, [one, other])
    write_attack(tmp_path, attack_run(one.checkpoint, "pwws", data="new"), [fallen()])
    entries = [transfer(one, other, "pwws"), transfer(other, one, "pwws", data="older")]
    write(tmp_path / "transfer.jsonl", TransferRecord, entries)
    matrices = summarize([tmp_path]).transfers
    # The attack that is there is pwws itself, and found none of these.
    assert sorted(matrix.recipe for matrix in matrices) == ["pwws #2", "pwws #3"]


def test_two_checkpoints_from_elsewhere_are_told_apart(tmp_path: Path) -> None:
    made = training("vanilla", 0)
    for name in ("a", "b"):
        write_attack(tmp_path / name, attack_run("theirs", "pwws", victim=f"{name} weights"), [fallen()])
        entry = replace(transfer(made, made, "pwws"), source="theirs", target="theirs")
        entry = replace(entry, attacked=f"{name} weights", victim=f"{name} weights")
        write(tmp_path / name / "transfer.jsonl", TransferRecord, [entry])
    summary = summarize([tmp_path / "a", tmp_path / "b"])
    (matrix,) = summary.transfers
    assert matrix.sources == matrix.targets == ["theirs (a weight)", "theirs (b weight)"]
    assert [row.method for row in summary.attacks] == matrix.sources
    assert [(row.source, row.target) for row in matrix.rows] == [(name, name) for name in matrix.sources]
    assert len(summarize([tmp_path / "a", tmp_path / "a"]).transfers[0].rows) == 1
