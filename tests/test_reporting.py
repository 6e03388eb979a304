"""The report: its numbers are the records', and a user's mistake is told."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_tables import table
from run_directory import (
    attack_only,
    attack_run,
    evaluation,
    fallen,
    outcomes,
    training,
    write,
    write_attack,
    write_run,
)
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests

from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_run import Outcome
from robustbench_mt.records import (
    EvaluationRecord,
    TrainingRecord,
)
from robustbench_mt.reporting.attack_rows import BUDGETS
from robustbench_mt.reporting.plain_tables import plain_tables, to_csv
from robustbench_mt.reporting.printing import print_evaluation
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.runs import read_runs
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.table import Cell, Column, Table
from robustbench_mt.statistics import wilson


def read_json(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_attack_numbers_are_the_records(run: Path, page: str) -> None:
    rows = [row for row in table(run / "report", "attacks") if not row["recipe"].startswith("worst case")]
    assert len(rows) == 6
    for row in rows:
        lines = [
            line
            for path in sorted(run.glob(f"attacks/reviews-{row['method']}-seed*/reviews/{row['recipe']}.jsonl"))
            for line in read_json(path)
        ]
        tried = [line for line in lines if line["status"] != "error"]
        right = [line for line in tried if line["scores"][line["label"]] == max(line["scores"])]
        fallen = [line for line in tried if line["status"] == "success"]
        attacked = fallen + [line for line in tried if line["status"] == "failed"]
        assert int(row["left_out"]) == len(lines) - len(tried) == 6
        assert len(tried) == 174
        assert int(row["n"]) == int(row["clean_accuracy_n"]) == len({line["index"] for line in tried}) == 58
        assert float(row["clean_accuracy"]) == len(right) / len(tried)
        assert float(row["accuracy_under_attack"]) == (len(right) - len(fallen)) / len(tried)
        assert float(row["success_rate"]) == len(fallen) / len(attacked)
        assert float(row["queries"]) == pytest.approx(np.mean([line["queries"] for line in attacked]))
        shares = [line["words_changed"] / line["words"] for line in fallen]
        # A mean over seeds, where no example fell for all of them.
        assert float(row["share_changed"]) == pytest.approx(np.mean(shares), rel=0.01)
        assert float(row["accuracy_under_attack_low"]) < float(row["accuracy_under_attack"])


def test_recipes_that_keep_the_label_stand_apart(run: Path, page: str) -> None:
    recipes = {row["recipe"] for row in table(run / "report", "attacks")}
    assert recipes == {"textfooler", "deepwordbug", "pwws", "worst case of 3 recipes"}
    (vanilla, _) = table(run / "report", "input_reduction")
    lines = [line for path in sorted(run.glob("attacks/*vanilla*/*/input-reduction.jsonl")) for line in read_json(path)]
    shares = [line["words_changed"] / line["words"] for line in lines if line["status"] == "success"]
    assert float(vanilla["share_removed"]) == pytest.approx(np.mean(shares))
    assert all(float(row["share_removed_high"]) <= 1 for row in table(run / "report", "input_reduction"))


def test_curve_and_evaluation_numbers_are_the_records(run: Path, page: str) -> None:
    points = read_json(run / "imbalance.jsonl")
    rows = table(run / "report", "imbalance")
    assert len(rows) == 10
    for row in rows:
        keys = (row["method"], float(row["ratio"]))
        f1 = [point["metrics"]["minority_f1"] for point in points if (point["method"], point["ratio"]) == keys]
        assert float(row["minority_f1"]) == pytest.approx(np.mean(f1))
        assert int(row["minority_f1_n"]) == len(f1) == 3
    points = read_json(run / "label_noise.jsonl")
    rows = table(run / "report", "label_noise")
    assert len(rows) == 10
    for row in rows:
        keys = (row["method"], float(row["share"]))
        (flipped,) = {point["flipped"] for point in points if (point["method"], point["share"]) == keys}
        accuracy = [point["metrics"]["accuracy"] for point in points if (point["method"], point["share"]) == keys]
        assert float(row["accuracy"]) == pytest.approx(np.mean(accuracy))
        assert (int(row["accuracy_n"]), int(row["flipped"])) == (len(accuracy), flipped) == (3, round(4000 * keys[1]))
        assert float(row["accuracy_low"]) < float(row["accuracy"]) < float(row["accuracy_high"])
    (vanilla, _) = table(run / "report", "evaluations")
    assert float(vanilla["accuracy"]) == pytest.approx(0.841)
    assert int(vanilla["accuracy_n"]) == 3
    assert int(vanilla["n"]) == 1000


def test_curves_fall_from_clean_accuracy_to_accuracy_under_attack(run: Path) -> None:
    for row in summarize([run]).attacks:
        values = [point.value for point in row.curve]
        assert len(values) == len(BUDGETS)
        assert values == sorted(values, reverse=True)
        assert values[0] == row.clean_accuracy.value
        assert values[-1] == row.accuracy_under_attack.value
        records = [r for p in sorted(run.glob(f"attacks/*-{row.method}-*/*/{row.recipe}.jsonl")) for r in read_json(p)]
        within = sum(r["status"] == "success" and r["words_changed"] * 5 <= r["words"] for r in records)
        counted = sum(r["status"] != "error" for r in records)
        assert values[20] == pytest.approx(values[0] - within / counted)


def test_an_error_is_no_attack_withstood(tmp_path: Path) -> None:
    fell, stood = fallen(), fallen(index=1, status="failed")
    broke = fallen(index=2, status="error", message="ValueError: broken")
    write_attack(tmp_path, attack_run("mine", "textfooler"), [fell, stood, broke])
    (row,) = summarize([tmp_path]).attacks
    assert (row.n, row.left_out, row.accuracy_under_attack.value, row.success_rate.value) == (2, 1, 0.5, 0.5)


def test_an_example_that_could_not_be_tried_is_no_attack_withstood(tmp_path: Path) -> None:
    nothing = fallen(status="skipped", message="not attacked: no word that may change")
    missed = fallen(index=1, status="skipped", scores=[0.9, 0.1], message="misclassified before the attack")
    # Wrong before as well: if these counted and the others not, the texts that are too long would all be wrong.
    both = fallen(index=2, status="skipped", scores=[0.9, 0.1], message="not attacked: 9000 characters, over the limit")
    write_attack(tmp_path, attack_run("mine", "textfooler"), [nothing, missed, both])
    summary = summarize([tmp_path])
    (row,) = summary.attacks
    assert (row.n, row.left_out, row.accuracy_under_attack.value, row.success_rate.n) == (1, 2, 0.0, 0)
    assert any("could not be tried" in doubt for doubt in summary.doubts)


def test_findings_over_seeds_claim_no_more_than_the_test_over_seeds_and_examples(run: Path) -> None:
    """Examples of one training are not independent: intervals over all of them would claim some of the attacks."""
    summary = summarize([run])
    under_attack, worst_case, *_ = [finding for finding in summary.findings if finding.kind == "untold"]
    # Before the attack, under three recipes, and in the worst case.
    tested = [row for row in summary.paired_seeds if row.p is not None]
    _, corrected, *_ = multipletests([row.p for row in tested], method="holm")
    ps = {row.condition: p for row, p in zip(tested, corrected, strict=True)}
    assert {row.condition: row.p_holm for row in tested} == pytest.approx(ps)
    names, worst = [row.recipe for row in summary.attacks if row.method == "match"], "worst case of 3 recipes"
    assert [detail.split(":")[0] for detail in under_attack.details] == names
    least = f"p = {min(ps[name] for name in names):.3f}, t over 3 seeds and 58 examples, Holm over {len(tested)}"
    assert under_attack.headline == (
        "reviews: accuracy under attack of match against vanilla: "
        f"no difference can be told at this n, in all 3 attacks (smallest {least})."
    )
    assert " of match against vanilla: no difference can be told at this n (p = " in worst_case.headline
    for detail, name in zip([*under_attack.details, *worst_case.details], [*names, worst], strict=True):
        p = "p < 0.001" if ps[name] < 0.001 else f"p = {ps[name]:.3f}"
        assert detail.endswith(f" ({p}, t over 3 seeds and 58 examples, Holm over {len(tested)}).")
        assert ("no difference" in detail) == (ps[name] >= 0.05)
    assert all((row.difference.low > 0) == (row.p < 0.05) for row in tested)


def test_findings_of_one_seed_claim_no_more_than_the_intervals(tmp_path: Path) -> None:
    under_attack, *_ = summarize([write_run(tmp_path, seeds=(0,))]).findings
    assert under_attack.headline == (
        "reviews: accuracy under attack of match against vanilla: "
        "higher in 1 of 3 attacks; in 2 no difference can be told at this n."
    )
    assert under_attack.details[1].endswith("no difference can be told at this n.")
    assert under_attack.details[2].endswith("37.9 points higher.")


def test_findings_on_static_sets_are_over_seeds(tmp_path: Path) -> None:
    """Each of 3,000 examples an independent one, 3 points would be a difference."""
    correct = {"vanilla": (700, 730, 790), "match": (745, 740, 825)}
    made = [training(method, seed) for method in correct for seed in range(3)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    scored = [evaluation(each, correct[each.method][each.seed], split="static hard", n=1000) for each in made]
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, scored)
    static, *_ = summarize([tmp_path]).findings
    p = ttest_rel(correct["match"], correct["vanilla"]).pvalue
    assert p > 0.05
    assert static.details[0].endswith(f"no difference can be told at this n (p = {p:.3f}, paired t over 3 seeds).")


def test_directories_merge_and_count_once(tmp_path: Path) -> None:
    both = write_run(tmp_path / "both", seeds=(0, 1))
    parts = [write_run(tmp_path / f"seed{seed}", seeds=(seed,)) for seed in (0, 1)]
    # Each part has scored its own checkpoints only.
    (both / "transfer.jsonl").write_text("".join((part / "transfer.jsonl").read_text() for part in parts))
    merged = summarize([*parts, parts[0]])
    assert plain_tables(merged) == plain_tables(summarize([both]))


def test_one_name_for_two_trainings_is_told_apart(tmp_path: Path) -> None:
    for name, rate in (("a", 1e-4), ("b", 2e-5)):
        made = training("vanilla", 0, settings={"learning_rate": rate})
        write(tmp_path / name / "train.jsonl", TrainingRecord, [made])
        run = attack_run(made.checkpoint, "pwws", victim=name)
        write_attack(tmp_path / name, run, outcomes("pwws", 10, 0.5))
    rows = summarize([tmp_path / "a", tmp_path / "b"]).attacks
    assert [row.method for row in rows] == ["vanilla (learning_rate=2e-05)", "vanilla (learning_rate=0.0001)"]


def test_a_half_written_last_line_is_no_record(tmp_path: Path) -> None:
    path = write_attack(tmp_path, attack_run("mine", "textfooler"), outcomes("textfooler", 3, 0.5))
    with path.open("a") as stream:
        stream.write('{"record": "attack", "ind')
    assert summarize([tmp_path]).attacks[0].n == 3


def test_a_report_is_of_records_that_were_read_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read: list[Any] = []
    monkeypatch.setattr(
        "robustbench_mt.reporting.summary.read_runs", lambda paths: read.append(paths) or read_runs(paths)
    )
    assert main(["report", str(run), "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith(f"report: {tmp_path / 'index.html'}\n")
    done = Outcome(report([run], tmp_path), [], 0)
    monkeypatch.setattr("robustbench_mt.experiment_run.run_experiment", lambda *_: done)
    assert main(["quickstart", "--smoke", "--out", str(run)]) == 0
    assert capsys.readouterr().out == shown
    assert len(read) == 2, "once each"


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = write_attack(tmp_path, attack_run("mine", "textfooler"), outcomes("textfooler", 3, 0.5))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + "garbage\n" + lines[2])
    with pytest.raises(UserError, match=r"textfooler\.jsonl, line 2"):
        report([tmp_path])
    assert not (tmp_path / "report").exists()


def test_mistakes_of_the_user_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run directory"):
        report([tmp_path / "missing"])
    with pytest.raises(UserError, match="has no records"):
        report([tmp_path])
    attack_only(tmp_path, fallen())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="choose another --out"):
        report([tmp_path], tmp_path / "file" / "report")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠"])
def test_cells_that_spreadsheets_would_compute_are_quoted(start: str) -> None:
    """Text with an apostrophe before it is shown as it is; numbers stay numbers."""
    formula = f"{start}1+cmd|' /C calc'!A0"
    columns = [Column("name", "name"), Column("x", "x", "number"), Column(formula, formula, "percent")]
    rows: list[list[Cell]] = [[formula, -0.5, wilson(4, 9)], ["plain = -1", 2.0, None]]
    head, hostile, plain = csv.reader(io.StringIO(to_csv(Table("t", "t", "c", columns, rows)), newline=""))
    assert head == ["name", "x", *(f"'{formula}{end}" for end in ("", "_low", "_high", "_n"))]
    assert hostile[0].startswith("'")
    assert plain[0] == "plain = -1"
    assert (float(hostile[1]), float(plain[1])) == (-0.5, 2)


def test_an_evaluation_on_the_terminal_fits_and_names_its_intervals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    metrics = {"accuracy": 0.5, "macro_f1": 0.4, "matthews": 0.0, "pearson": None}
    intervals = {"accuracy": (0.4, 0.6), "macro_f1": (0.3, 0.5)}
    print_evaluation(evaluation(training("vanilla", 0), metrics=metrics, intervals=intervals))
    lines = capsys.readouterr().out.splitlines()
    cells = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]] for line in lines if "│" in line
    }
    assert cells == {
        "accuracy": ["0.500", "0.400 to 0.600", "Wilson over examples"],
        "macro_f1": ["0.400", "0.300 to 0.500", "stratified Wilson over examples"],
        "matthews": ["0.000", "–", "–"],
        "pearson": ["undefined", "–", "–"],
    }
    assert max(map(len, lines)) <= 80
