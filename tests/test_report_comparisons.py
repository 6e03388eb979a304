"""The worst case over recipes, two checkpoints on the same examples, transfer and static sets."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_tables import on_terminal, rows
from run_directory import attack_run, evaluation, fallen, stood, training, transfer, write, write_attack, write_run
from statsmodels.stats.multitest import multipletests

from robustbench_mt.crossed import Crossed
from robustbench_mt.paired_proportions import mcnemar_exact
from robustbench_mt.records import AttackRecord, EvaluationRecord, TrainingRecord, TransferRecord
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import Summary, summarize
from robustbench_mt.statistics import hierarchical_bootstrap_difference, wilson


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), seeds=(0, 1))


def lines(run: Path, checkpoint: str, recipe: str) -> list[dict[str, Any]]:
    path = run / "attacks" / checkpoint / "reviews" / f"{recipe}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def left_standing(run: Path, checkpoint: str, recipes: Sequence[str]) -> dict[int, bool]:
    """Whether each example that all recipes could try is right after all of them, straight from the lines."""
    of_recipes = [lines(run, checkpoint, recipe) for recipe in recipes]
    return {
        records[0]["index"]: all(record["status"] == "failed" for record in records)
        for records in zip(*of_recipes, strict=True)
        if all(record["status"] != "error" for record in records)
    }


def test_worst_case_by_hand(tmp_path: Path) -> None:
    missed = fallen(index=2, status="skipped", scores=[0.9, 0.1], message="misclassified before the attack")
    one = [
        stood(0),
        fallen(index=1, words=10, words_changed=2, queries=5),
        missed,
        fallen(index=3, status="error", scores=None, message="ValueError: broken"),
        stood(5, ended_by="queries", queries=8),
    ]
    other = [
        stood(0),
        fallen(index=1, words=10, words_changed=1, queries=7),
        missed,
        fallen(index=3),
        fallen(index=4),
        stood(5, queries=3),
    ]
    write_attack(tmp_path, attack_run("mine", "pwws", max_queries=8), one)
    write_attack(tmp_path, attack_run("mine", "textfooler"), other)
    write_attack(tmp_path, attack_run("mine", "input-reduction"), [fallen(index=index) for index in range(6)])
    summary = summarize([tmp_path])
    (worst,) = summary.worst_case
    # Standing: 0 and 5; fallen: 1; misclassified: 2; broken: 3; not run by both: 4.
    assert worst.recipe == "worst case of 2 recipes"
    assert (worst.n, worst.left_out) == (4, 1)
    assert worst.accuracy_under_attack == wilson(2, 4)
    assert worst.clean_accuracy == wilson(3, 4)
    assert worst.success_rate == wilson(1, 3)
    assert worst.share_changed.value == pytest.approx(0.1)
    assert worst.queries.value == pytest.approx((24 + 12 + 11) / 3)
    assert (worst.ended_by, worst.budget) == ({"queries": 1}, "each recipe's")
    assert any("run on different examples of mine" in doubt for doubt in summary.doubts)


def test_worst_case_stands_beside_each_recipe(run: Path, summary: Summary) -> None:
    recipes = ("deepwordbug", "pwws", "textfooler")
    by_method = {row["method"]: row for row in rows(summary, "attacks") if row["recipe"].startswith("worst case")}
    for method in ("match", "vanilla"):
        outcomes = [left_standing(run, f"reviews-{method}-seed{seed}", recipes) for seed in (0, 1)]
        row = by_method[method]
        (examples,) = {tuple(each) for each in outcomes}
        expected = Crossed([np.array(examples)] * 2).share([np.array([*each.values()], bool) for each in outcomes])
        assert (float(row["accuracy_under_attack"]), int(row["n"])) == (expected.value, len(examples))
        assert float(row["accuracy_under_attack_low"]) == expected.low
        others = [r for r in rows(summary, "attacks") if r["method"] == method and r["recipe"] in recipes]
        assert all(float(row["accuracy_under_attack"]) <= float(r["accuracy_under_attack"]) for r in others)
    assert len([r for r in rows(summary, "attacks_by_checkpoint") if r["recipe"].startswith("worst case")]) == 4
    head = next(line for line in on_terminal(summary).splitlines() if "clean (test)" in line)
    assert head.split("clean (test)")[1].split() == [*recipes, "worst", "case", "of", "3", "recipes"]


def test_one_recipe_has_no_worst_case_and_unlike_sets_of_recipes_are_told_apart(tmp_path: Path) -> None:
    write_attack(tmp_path, attack_run("a", "pwws"), [fallen()])
    write_attack(tmp_path, attack_run("a", "input-reduction"), [fallen()])
    assert summarize([tmp_path]).worst_case == []
    for checkpoint, recipe in (("a", "deepwordbug"), ("b", "pwws"), ("b", "textfooler")):
        write_attack(tmp_path, attack_run(checkpoint, recipe), [fallen()])
    summary = summarize([tmp_path])
    assert [row.recipe for row in summary.worst_case] == [
        "worst case of deepwordbug, pwws",
        "worst case of pwws, textfooler",
    ]
    assert any("not all checkpoints were attacked by the same recipes" in doubt for doubt in summary.doubts)


def test_paired_rows_are_the_records(run: Path, summary: Summary) -> None:
    paired = rows(summary, "paired")
    found = {(row["condition"], row["checkpoint"], row["other"]): row for row in paired}
    conditions = {
        "pwws": ["pwws"],
        "textfooler": ["textfooler"],
        "deepwordbug": ["deepwordbug"],
        "worst case of 3 recipes": ["deepwordbug", "pwws", "textfooler"],
    }
    assert len(paired) == 2 * (len(conditions) + 1)
    for (condition, recipes), seed in product(conditions.items(), (0, 1)):
        checkpoints = (f"reviews-match-seed{seed}", f"reviews-vanilla-seed{seed}")
        one, other = (left_standing(run, checkpoint, recipes) for checkpoint in checkpoints)
        row = found[condition, *checkpoints]
        shared = one.keys() & other.keys()
        only = (sum(one[i] > other[i] for i in shared), sum(one[i] < other[i] for i in shared))
        assert (int(row["only_right"]), int(row["only_other_right"])) == only
        assert float(row["p"]) == mcnemar_exact(*only)
        assert float(row["difference"]) == pytest.approx((only[0] - only[1]) / len(shared))
        assert int(row["difference_n"]) == len(shared) == 58
        assert float(row["difference_low"]) <= float(row["difference"]) <= float(row["difference_high"])
    family = [float(row["p"]) for row in paired]
    assert [float(row["p_holm"]) for row in paired] == pytest.approx(multipletests(family, method="holm")[1])
    caption = plain_tables(summary)["paired.md"]
    assert (
        f"corrected by Holm for the number of comparisons that this table makes of the task (reviews: {len(paired)})"
        in (caption)
    )
    before = found["before the attack", "reviews-match-seed0", "reviews-vanilla-seed0"]
    right = [line["scores"][line["label"]] > 0.5 for line in lines(run, "reviews-match-seed0", "pwws")]
    assert float(before["accuracy"]) == sum(right) / 60


def test_methods_are_paired_over_seeds(run: Path, summary: Summary) -> None:
    found = {row["condition"]: row for row in rows(summary, "paired_seeds")}
    assert len(found) == 5
    row = found["worst case of 3 recipes"]
    recipes = ("deepwordbug", "pwws", "textfooler")
    outcomes = {
        method: [left_standing(run, f"reviews-{method}-seed{seed}", recipes) for seed in (0, 1)]
        for method in ("match", "vanilla")
    }
    shared = sorted(set.intersection(*(set(known) for of_method in outcomes.values() for known in of_method)))
    match, vanilla = ([[known[i] for i in shared] for known in outcomes[name]] for name in ("match", "vanilla"))
    assert (row["method"], row["other"], row["seeds"]) == ("match", "vanilla", "2 (0, 1)")
    assert float(row["accuracy"]) == pytest.approx(np.mean(match))
    expected = hierarchical_bootstrap_difference(match, vanilla)
    columns = ("difference", "difference_low", "difference_high", "difference_n")
    assert [float(row[key]) for key in columns] == [expected.value, expected.low, expected.high, len(shared)]
    assert float(row["over_seeds"]) == pytest.approx(expected.value)
    assert row["over_seeds_n"] == "2"


def test_one_seed_is_not_paired_over_seeds(tmp_path: Path) -> None:
    made = [training("vanilla", 0), training("vanilla", 1), training("match", 0)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    for record in made:
        write_attack(tmp_path, attack_run(record.checkpoint, "pwws"), [stood(0), fallen(index=1)])
    assert summarize([tmp_path]).paired_seeds == []


def test_holm_is_of_each_task_and_the_terminal_tells_it(tmp_path: Path) -> None:
    many = [stood(index) for index in range(10)]
    write_attack(tmp_path, attack_run("a", "pwws"), many)
    write_attack(tmp_path, attack_run("b", "pwws"), [fallen(index=index) for index in range(10)])
    before, after = summarize([tmp_path]).paired
    assert after.p == pytest.approx(2 / 2**10)
    assert (before.p, before.p_holm, before.family) == (1.0, 1.0, 2)
    assert after.p_holm == pytest.approx(2 * after.p)
    assert "McNemar p (Holm of 2)" in on_terminal(summarize([tmp_path]))
    assert "0.002 (0.0039)" in on_terminal(summarize([tmp_path]))


def test_only_examples_of_both_are_paired(tmp_path: Path) -> None:
    write_attack(tmp_path, attack_run("a", "pwws"), [stood(0), fallen(index=1), stood(2), stood(3)])
    write_attack(tmp_path, attack_run("b", "pwws"), [fallen(index=1), fallen(index=2), stood(3), stood(4)])
    before, after = summarize([tmp_path]).paired
    assert (before.condition, before.difference.n, before.p) == ("before the attack", 3, 1.0)
    assert (after.checkpoint, after.other, after.difference.n) == ("b", "a", 3)
    assert (after.accuracy, after.other_accuracy) == (wilson(1, 3), wilson(2, 3))
    assert (after.only_right, after.only_other_right, after.p) == (0, 1, 1.0)
    assert after.difference.value == pytest.approx(-1 / 3)
    assert "b (A) and a (B) on the same examples" in on_terminal(summarize([tmp_path]))


def test_other_data_are_not_paired(tmp_path: Path) -> None:
    write_attack(tmp_path, attack_run("a", "pwws"), [stood(0)])
    write_attack(tmp_path, attack_run("b", "pwws", data="other"), [stood(0)])
    assert summarize([tmp_path]).paired == []


@pytest.mark.parametrize(
    ("made", "pairs"),
    [
        # Each against the vanilla of its seed.
        ({"vanilla": [0, 1], "match": [0, 1, 2], "r3f": [1]}, 3),
        # The only two checkpoints, though they share no seed.
        ({"vanilla": [0], "match": [1]}, 1),
        ({"vanilla": [0, 1]}, 1),
        # Without vanilla all pairs of five methods.
        ({f"m{number}": [0] for number in range(7)}, 10),
    ],
)
def test_which_checkpoints_are_paired(tmp_path: Path, made: dict[str, list[int]], pairs: int) -> None:
    records = [training(method, seed) for method, seeds in made.items() for seed in seeds]
    write(tmp_path / "train.jsonl", TrainingRecord, records)
    for record in records:
        write_attack(tmp_path, attack_run(record.checkpoint, "pwws"), [stood(0), fallen(index=1)])
    after = [row for row in summarize([tmp_path]).paired if row.condition == "pwws"]
    assert len(after) == pairs
    if "vanilla" in made:
        assert all("vanilla" in row.other for row in after)


def test_a_checkpoint_of_unknown_seed_is_paired_with_every_vanilla(tmp_path: Path) -> None:
    records = [training("vanilla", seed) for seed in (0, 1)]
    write(tmp_path / "train.jsonl", TrainingRecord, records)
    for checkpoint in (*(record.checkpoint for record in records), "theirs"):
        write_attack(tmp_path, attack_run(checkpoint, "pwws"), [stood(0)])
    after = [row for row in summarize([tmp_path]).paired if row.condition == "pwws"]
    assert [(row.checkpoint, row.other) for row in after] == [
        ("theirs", "reviews-vanilla-seed0"),
        ("theirs", "reviews-vanilla-seed1"),
    ]


def test_static_sets_are_no_clean_scores(summary: Summary) -> None:
    assert {row["split"] for row in rows(summary, "evaluations")} == {"test"}
    static = rows(summary, "static_sets")
    assert [(row["static_set"], row["method"], row["accuracy"]) for row in static] == [
        ("hard reviews", "vanilla", "0.4"),
        ("hard reviews", "match", "0.4"),
    ]
    headlines = [finding.headline for finding in summary.findings]
    (clean,) = [finding for finding in summary.findings if "clean accuracy" in finding.headline]
    assert [detail.split(":")[0] for detail in clean.details] == ["test"]
    assert any("accuracy on static adversarial sets of match against vanilla" in headline for headline in headlines)


def test_a_checkpoint_with_a_static_set_alone_has_no_clean_accuracy(tmp_path: Path) -> None:
    warning = "2 rows were left out."
    record = evaluation(training("vanilla", 0), 400, split="static hard", n=150, warnings=[warning])
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, [record])
    summary = summarize([tmp_path])
    assert (summary.evaluations, len(summary.static_sets)) == ([], 1)
    assert "clean (test)" not in on_terminal(summary)
    assert "static adversarial sets" in on_terminal(summary)
    assert summary.doubts == [f"reviews-vanilla-seed0 on reviews (static hard, n=150): {warning}"]


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\u202e[red]"
    made = [training(method, 0, checkpoint=f"{hostile}{method}") for method in ("vanilla", "match")]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    write(tmp_path / "transfer.jsonl", TransferRecord, [transfer(*made, hostile)])
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, [evaluation(made[0], split=f"static {hostile}")])
    for number, record in enumerate(made):
        run = attack_run(record.checkpoint, "pwws", warnings=[hostile])
        write(tmp_path / "attacks" / str(number) / "pwws.jsonl", AttackRecord, [fallen()], run)
    page = report([tmp_path]).page.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    summary = summarize([tmp_path])
    for text in (on_terminal(summary), *plain_tables(summary).values()):
        assert "\u202e" not in text
    assert "<script>alert(1)</script>⟨U+202E⟩[red]vanilla" in on_terminal(summary)
