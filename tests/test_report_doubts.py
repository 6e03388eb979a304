"""What the report doubts: budgets, probes, outcomes that are all or nothing, constraints that cut nearly all."""

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
from report_tables import rows
from run_directory import attack_run, evaluation, fallen, imbalance_point, stood, training, write, write_attack

from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.errors import UserError
from robustbench_mt.records import EvaluationRecord, MatchingSnapshot, MatchingTrace, TrainingRecord
from robustbench_mt.reporting.matching_rows import matching_rows
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize


def test_budgets_stand_beside_what_they_ended(tmp_path: Path) -> None:
    records = [
        fallen(),
        stood(1, ended_by="queries"),
        stood(2, ended_by="seconds"),
        stood(3, ended_by="queries"),
        stood(4),
    ]
    limits = {"max_queries": 50, "max_seconds": 2.5, "max_words": 0.2}
    write_attack(tmp_path / "limited", attack_run("mine", "pwws", **limits), records)
    write_attack(tmp_path / "free", attack_run("mine", "pwws"), records[:1])
    summary = summarize([tmp_path / "limited", tmp_path / "free"])
    told = {row["recipe"]: (row["ended_by_budget"], row["budget"]) for row in rows(summary, "attacks")}
    assert told.pop("worst case of 2 recipes") == ("0", "each recipe's")
    assert sorted(told.values()) == [("0", "no limit"), ("3", "50 queries, 2.5 seconds, 20% of words")]
    assert set(told) == {"pwws", "pwws #2"}
    assert {row["budget"] for row in rows(summary, "provenance_attacks")} == {budget for _, budget in told.values()}
    (doubt,) = [doubt for doubt in summary.doubts if "a budget" in doubt]
    assert "ended 3 of 5 attacks" in doubt and "2 by queries, 1 by seconds" in doubt and "clock" in doubt


def test_times_a_step_that_differ_between_seeds_are_doubted(tmp_path: Path) -> None:
    made = [training("vanilla", seed, seconds=seconds) for seed, seconds in enumerate((60.0, 80.0, 89.0))]
    made += [training("r3f", seed, seconds=seconds) for seed, seconds in enumerate((60.0, 91.0))]
    made += [training("mixout", 0, seconds=600.0)]
    for directory, trainings in (("alike", made[:3]), ("busy", made)):
        write(tmp_path / directory / "train.jsonl", TrainingRecord, trainings)
    assert not [doubt for doubt in summarize([tmp_path / "alike"]).doubts if "a step" in doubt]
    (doubt,) = [doubt for doubt in summarize([tmp_path / "busy"]).doubts if "a step" in doubt]
    assert doubt.startswith("Of 2 methods that were trained with several seeds on a task, 1 took over 1.5 times")


def test_what_probing_brought_up_is_doubted_once(tmp_path: Path) -> None:
    warnings = ["scores depend on batch-mates <b>", "scores are saturated"]
    write_attack(tmp_path, attack_run("mine", "pwws", warnings=warnings), [fallen()])
    write_attack(tmp_path, attack_run("mine", "textfooler", warnings=warnings[:1]), [fallen()])
    resumed = tmp_path / "resumed"
    write_attack(resumed, attack_run("mine", "textfooler", warnings=warnings[1:]), [fallen(index=1)])
    summary = summarize([tmp_path, resumed])
    assert [int(group.columns["index"][-1]) for group in summary.groups] == [0, 1]
    probed = [doubt for doubt in summary.doubts if "scores" in doubt]
    assert probed == [f"reviews: mine, attacked by pwws, textfooler: {warning}" for warning in warnings]
    assert "batch-mates &lt;b&gt;" in report([tmp_path]).page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("recipe", "fell", "n", "doubted"),
    [
        ("pwws", 0, 20, "none of the 20"),
        ("pwws", 20, 20, "all of the 20"),
        ("pwws", 19, 20, ""),
        ("pwws", 0, 19, ""),
        ("input-reduction", 20, 20, ""),
        ("input-reduction", 0, 20, "none of the 20"),
    ],
)
def test_all_or_nothing_is_doubted(tmp_path: Path, recipe: str, fell: int, n: int, doubted: str) -> None:
    records = [fallen(index=index) if index < fell else stood(index) for index in range(n)]
    write_attack(tmp_path, attack_run("mine", recipe), records)
    said = [doubt for doubt in summarize([tmp_path]).doubts if "succeeded on" in doubt]
    assert len(said) == bool(doubted)
    assert all(doubted in doubt for doubt in said)


@pytest.mark.parametrize(("made", "kept", "doubted"), [(50, 2, True), (50, 3, False), (49, 0, False), (0, 0, False)])
def test_constraints_that_cut_nearly_all_are_doubted(tmp_path: Path, made: int, kept: int, doubted: bool) -> None:
    records = [fallen(index=index, candidates=made, candidates_kept=kept) for index in range(2)]
    write_attack(tmp_path, attack_run("mine", "pwws"), records)
    said = [doubt for doubt in summarize([tmp_path]).doubts if "let through 4 of 100 candidates (4.0%)" in doubt]
    assert len(said) == doubted


def trace(hubs: list[float], n: int = 8) -> MatchingTrace:
    """Matrices in which all rows but the last have such a share on the last, and the rest on themselves."""
    snapshots = []
    for place, hub in enumerate(hubs, 1):
        matrix = (1 - hub) * np.eye(n)
        matrix[:, -1] += hub
        snapshots.append(MatchingSnapshot(10 * place, [row % 2 for row in range(n)], matrix.tolist()))
    return MatchingTrace([[step, 0.7, 0.2, 0.1] for step in range(1, 31)], snapshots)


def test_the_hub_is_the_instance_that_takes_most_of_the_other_rows() -> None:
    made = [training("match", seed, matching=trace(hubs)) for seed, hubs in enumerate(([0.1, 0.8, 0.5], [0.3, 0.7]))]
    (row,) = matching_rows(made)
    assert row.hubs == [pytest.approx([0.1, 0.8, 0.5]), pytest.approx([0.3, 0.7])]
    assert row.instances == 8
    found = [row.hub(of_matrices) for of_matrices in (itemgetter(0), itemgetter(-1), max)]
    assert [hub.value for hub in found if hub] == pytest.approx([0.2, 0.6, 0.75])
    even = MatchingTrace([[1, 0.25, 0.25, 0.5]], [MatchingSnapshot(1, [0, 1, 0, 1], [[0.25] * 4] * 4)])
    (row,) = matching_rows([training("match", 0, matching=even)])
    assert row.hubs == [[0.25]]
    (row,) = matching_rows([training("match", 0, matching=MatchingTrace(even.mass))])
    assert (row.hubs, row.hub(max)) == ([], None)


@pytest.mark.parametrize(
    ("method", "hubs", "n", "doubted", "remedied"),
    [
        ("match", [0.9, 0.2], 8, "1 of 2 seeds", True),
        ("match:similarity=distance", [0.9, 0.8], 8, "2 of 2 seeds", False),
        ("match", [0.4, 0.4], 8, "", False),
        ("match", [0.9, 0.9], 4, "", False),
    ],
)
def test_a_hub_is_doubted(method: str, hubs: list[float], n: int, doubted: str, remedied: bool, tmp_path: Path) -> None:
    made = [training(method, seed, matching=trace([0.1, hub, 0.2], n)) for seed, hub in enumerate(hubs)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    summary = summarize([tmp_path])
    said = [doubt for doubt in summary.doubts if "the other rows' mass" in doubt]
    assert len(said) == bool(doubted)
    assert all(doubted in doubt and ("similarity=distance no instance" in doubt) is remedied for doubt in said)
    first, last = rows(summary, "matching")
    assert (float(first["hub"]), float(last["hub"])) == pytest.approx((0.1, 0.2))
    (finding,) = [finding for finding in summary.findings if "a row's mass" in finding.headline]
    assert f"{sum(hubs) / 2:.2f}" in finding.details[-1]


@pytest.mark.parametrize(
    ("methods", "seeds", "told", "headline"),
    [
        (
            2,
            1,
            "training match (1 of 1 seed) and match:layer=1 (1 of 1 seed), one",
            "match:layer=1, from 0.10 to 0.10.",
        ),
        (2, 2, "training match (2 of 2 seeds) and match:layer=1 (2 of 2 seeds), one", "layer=1, from 0.10 to 0.10."),
        (7, 2, "7 methods, in 14 of 14 trainings", "fell in training 0 of 7 methods, rose in 0 and stayed in 7."),
    ],
)
def test_hubs_of_a_task_are_doubted_once(methods: int, seeds: int, told: str, headline: str, tmp_path: Path) -> None:
    names = ["match", *(f"match:layer={number}" for number in range(1, methods))]
    made = [training(name, seed, matching=trace([0.9])) for name in names for seed in range(seeds)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    summary = summarize([tmp_path])
    (said,) = [doubt for doubt in summary.doubts if "the other rows' mass" in doubt]
    assert told in said
    (finding,) = summary.findings
    assert finding.count == methods and len(finding.details) == 4 * methods
    assert finding.headline.endswith(headline)


@pytest.mark.parametrize("seeds", [1, 7])
def test_what_is_to_be_doubted_of_several_checkpoints_is_said_once(seeds: int, tmp_path: Path) -> None:
    made = [training("vanilla", seed) for seed in range(seeds)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    scored = [replace(evaluation(each), warnings=["Nothing was learned."]) for each in made]
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, scored)
    said = [doubt for doubt in summarize([tmp_path]).doubts if "Nothing was learned." in doubt]
    names = ", ".join(each.checkpoint for each in made[:5])
    one = f"{made[0].checkpoint} on reviews (test, n=1000): Nothing was learned."
    several = f"7 checkpoints on reviews (test, n=1000): Nothing was learned. These are {names} and 2 more."
    assert said == [one if seeds == 1 else several]


def test_a_collapse_at_several_points_is_doubted_once(tmp_path: Path) -> None:
    points = [imbalance_point("vanilla", ratio, seed) for ratio in (5.0, 10.0, 20.0) for seed in (0, 1)]
    collapsed = [replace(each, metrics={**each.metrics, "minority_recall": 0.0, "minority_f1": 0.0}) for each in points]
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, collapsed)
    (said,) = [doubt for doubt in summarize([tmp_path]).doubts if "collapsed" in doubt]
    assert ": 2 of 2 seeds of vanilla trained at each of 5:1, 10:1 and 20:1 never rightly predict positive" in said


def curve(directory: Path, tests: list[int], scores: Sequence[tuple[float, float]]) -> list[str]:
    """The doubts about a point whose seeds have these recalls and F1s."""
    points = [
        replace(point, metrics={**point.metrics, "minority_recall": recall, "minority_f1": f1})
        for seed, (recall, f1) in enumerate(scores)
        for point in [replace(imbalance_point("vanilla", 10.0, seed), n=sum(tests), test_counts=tests)]
    ]
    write(directory / "imbalance.jsonl", ImbalanceRecord, points)
    return [doubt for doubt in summarize([directory]).doubts if "one seed a point" not in doubt]


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (
            [(0.0, 0.0), (0.0, 0.0), (0.3, 0.4)],
            ["2 of 3 seeds of vanilla trained at 10:1 never rightly predict positive"],
        ),
        ([(0.0, 0.0), (0.3, 0.4)], ["1 of 2 seeds of vanilla trained at 10:1 never rightly predicts positive"]),
        ([(0.0, 0.0)], ["1 of 1 seed of vanilla trained at 10:1 never rightly predicts positive"]),
        (
            [(0.0, 0.0), (1.0, 2 / 3), (0.5, 0.5)],
            [
                "1 of 3 seeds of vanilla trained at 10:1 never rightly predicts positive",
                "1 of 3 seeds of vanilla trained at 10:1 always predicts positive",
            ],
        ),
        # Right about all examples, and about all of the minority.
        ([(1.0, 1.0), (1.0, 0.9)], []),
        ([(0.01, 0.02), (0.99, 0.67)], []),
    ],
)
def test_each_seed_that_collapsed_is_doubted(
    scores: Sequence[tuple[float, float]], told: list[str], tmp_path: Path
) -> None:
    doubts = curve(tmp_path, [500, 500], scores)
    assert [doubt.partition(": ")[2].partition(": ")[0] for doubt in doubts] == told
    assert all(doubt.endswith("F1 says no more than that.") for doubt in doubts)


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ([322, 721], "721 examples of positive and 322 of negative"),
        ([1210, 806], "1,210 examples of negative and 806 of positive"),
        ([1209, 806], ""),
        ([447, 438], ""),
    ],
)
def test_a_test_set_that_is_not_balanced_is_doubted_once(tests: list[int], told: str, tmp_path: Path) -> None:
    doubts = curve(tmp_path, tests, [(0.5, 0.5), (0.6, 0.6)])
    assert len(doubts) == bool(told)
    always = 2 * tests[1] / (sum(tests) + tests[1])
    for doubt in doubts:
        assert doubt.startswith(f"reviews: the test set is not balanced, with {told}. F1 and average precision of")
        assert doubt.endswith(f"has an F1 of {always:.3f}); balanced accuracy and recall do not.")


def test_a_test_set_with_few_of_the_minority_is_doubted_once(tmp_path: Path) -> None:
    (told,) = curve(tmp_path / "few", [19, 19], [(0.5, 0.5), (0.6, 0.6)])
    assert told.startswith("reviews: all that is said of positive, the minority in training, rests on 19 test examples")
    assert told.endswith("intervals over seeds tell what other seeds may give on these, not what other examples may.")
    assert curve(tmp_path / "enough", [20, 20], [(0.5, 0.5), (0.6, 0.6)]) == []
    assert not any("rests on" in doubt for doubt in curve(tmp_path / "one seed", [19, 19], [(0.5, 0.5)]))


def test_a_minority_that_is_no_class_is_refused_in_a_line(tmp_path: Path) -> None:
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [replace(imbalance_point("match", 5.0, 0), minority="good")])
    with pytest.raises(UserError, match="its minority is none of its classes"):
        summarize([tmp_path])
