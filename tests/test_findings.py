"""How comparisons become sentences, and which of these stand where."""

from pathlib import Path

import pytest
from pages import Page
from report_tables import on_terminal
from run_directory import evaluation, training, transfer, write
from scored_trainings import noise, scored, trained, write_scores

from robustbench_mt.records import EvaluationRecord, TrainingRecord, TransferRecord
from robustbench_mt.reporting.finding import KINDS, Comparison, told_together
from robustbench_mt.reporting.page import render_page
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.terminal import MOST_FINDINGS
from robustbench_mt.reporting.verdicts import UNTOLD, Verdict, by_test


def test_methods_without_another_stand_behind_what_differs_and_are_cut_on_a_terminal(tmp_path: Path) -> None:
    made = [training("vanilla", 0, task=f"task{number:02}", checkpoint=f"c{number}") for number in range(12)]
    made.append(training("r3f", 0, task="task11", checkpoint="better"))
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    scored = [evaluation(each, 950 if each.method == "r3f" else 800, task=each.task) for each in made]
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, scored)
    summary = summarize([tmp_path])
    assert [finding.kind for finding in summary.findings] == ["told", *["alone"] * 11]
    assert "task11: clean accuracy of r3f against vanilla: higher" in summary.findings[0].headline
    shown = " ".join(on_terminal(summary, 200).split())
    assert shown.count("no other method to compare it with.") == MOST_FINDINGS - 1
    assert " 2 more findings are in the report." in shown


def test_an_average_on_several_splits_is_one_finding(tmp_path: Path) -> None:
    made = [trained(task, spec, seed) for task in ("rte", "mrpc") for spec in ("vanilla", "r3f") for seed in (0, 1)]
    both = [
        scored(each, noise(each.seed, split, each.method), split=split)
        for each in made
        for split in ("test", "validation")
    ]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, both)
    (average,) = [each for each in summarize([tmp_path]).findings if each.headline.startswith("average")]
    assert average.headline.endswith(f" score of r3f against vanilla: higher in 1 of 2 splits; in 1 {UNTOLD}.")
    assert [detail.split(":")[0] for detail in average.details] == ["test", "validation"]


@pytest.mark.parametrize(
    ("transfers", "said"), [(True, "nothing that methods are compared by"), (False, "trainings only")]
)
def test_a_page_without_findings_says_why(transfers: bool, said: str, tmp_path: Path) -> None:
    made = [training("vanilla", seed) for seed in (0, 1)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    if transfers:
        write(tmp_path / "transfer.jsonl", TransferRecord, [transfer(*made, "pwws")])
    assert f"These records hold {said}" in Page(render_page(summarize([tmp_path]), [])).text


HIGHER = by_test(0.02, True, "t", 3)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            [Verdict(UNTOLD), by_test(0.2, True, "t", 3)],
            f"{UNTOLD}, in both attacks (smallest p = 0.200, t, Holm over 3)",
        ),
        ([HIGHER, by_test(0.04, True, "t", 3)], "higher, in both attacks (largest p = 0.040, t, Holm over 3)"),
        # What intervals alone tell has no p, which may well be larger than those that are known.
        ([HIGHER, HIGHER, Verdict("higher")], "higher, in all 3 attacks"),
        ([HIGHER, by_test(0.02, False, "t", 3)], "higher in 1 of 2 attacks; in 1 lower"),
    ],
)
def test_a_p_is_said_only_where_it_is_of_all(verdicts: list[Verdict], said: str) -> None:
    (finding,) = told_together([Comparison("rte: accuracy", "r3f", "vanilla", "attacks", verdicts, [])])
    assert finding.headline == f"rte: accuracy of r3f against vanilla: {said}."


@pytest.mark.parametrize("others", [1, 3, 7])
def test_methods_that_cannot_be_told_from_another_are_one_sentence(tmp_path: Path, others: int) -> None:
    specs = ("vanilla", *(f"match:self_mass=0.{digit}" for digit in range(1, 1 + others)))
    made = [trained("rte", spec, seed) for spec in specs for seed in (0, 1)]
    write_scores(tmp_path, [(each, scored(each, noise(each.seed, each.method))) for each in made])
    summary = summarize([tmp_path])
    text = Page(render_page(summary, [])).text
    (untold,) = [finding for finding in summary.findings if finding.kind == "untold"]
    assert untold.count == len(untold.details) == others and untold.headline in text
    several = f"{', '.join(specs[1:-1])} and {specs[-1]}, each" if others == 3 else "7 methods, each"
    named = several if others > 1 else specs[1]
    assert untold.headline.startswith(
        f"rte: accuracy of {named} against vanilla: no difference can be told at this n ("
    )
    least = min(row.p_holm for row in summary.methods if row.p_holm is not None)
    assert f"{'smallest ' * (others > 1)}p = {least:.3f}, paired t over 2 seeds" in untold.headline
    assert all(detail in text for detail in untold.details)


def test_many_findings_that_tell_no_difference_are_folded(tmp_path: Path) -> None:
    tasks = [f"task{number}" for number in range(12)]
    made = [trained(task, spec, seed) for task in tasks for spec in ("vanilla", "r3f") for seed in (0, 1)]
    write_scores(tmp_path, [(each, scored(each, noise(each.seed, each.method))) for each in made])
    summary = summarize([tmp_path])
    text = Page(render_page(summary, [])).text
    untold = [finding for finding in summary.findings if finding.kind == "untold"]
    assert len(untold) == 13 and "No difference can be told at this n in 13 comparisons" in text
    # A terminal has no room for all that is not told.
    shown = " ".join(on_terminal(summary, 200).split())
    assert sum(finding.headline in shown for finding in summary.findings) == MOST_FINDINGS
    assert f" {len(summary.findings) - MOST_FINDINGS} more findings are in the report." in shown
    # First what is told, then what is not; of averages too.
    kinds = [finding.kind for finding in summary.findings]
    assert kinds == sorted(kinds, key=KINDS.index)
    (average,) = [row for row in summary.averages if row.against]
    assert any(f"p = {average.p_holm:.3f}" in finding.headline for finding in untold if "average" in finding.headline)
