"""What the report doubts: budgets, probes, outcomes that are all or nothing, constraints that cut nearly all."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from run_directory import attack_run, fallen, stood, training, write, write_attack

from robustbench_mt.records import MatchingTrace, TrainingRecord
from robustbench_mt.reporting.matching_rows import matching_rows
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import Summary, summarize


def rows(summary: Summary, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(plain_tables(summary)[f"{name}.csv"])))


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
    assert "batch-mates &lt;b&gt;" in report([tmp_path]).read_text(encoding="utf-8")


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


def trace(hubs: list[float]) -> MatchingTrace:
    """Matrices whose first three rows have such a share on the fourth, and the rest on themselves."""
    matrices = [np.diag([1 - hub, 1 - hub, 1 - hub, 1.0]) for hub in hubs]
    for matrix, hub in zip(matrices, hubs, strict=True):
        matrix[:3, 3] = hub
    snapshots = [
        {"step": 10 * place, "labels": [0, 1, 0, 1], "matrix": matrix.tolist()}
        for place, matrix in enumerate(matrices, 1)
    ]
    return MatchingTrace([[step, 0.7, 0.2, 0.1] for step in range(1, 31)], snapshots)


def test_the_hub_is_the_instance_that_takes_most_of_the_other_rows() -> None:
    made = [
        training("match", seed, matching=trace(hubs)) for seed, hubs in enumerate(([0.1, 0.8, 0.5], [0.3, 0.9, 0.1]))
    ]
    (row,) = matching_rows(made)
    assert [step for step, _ in row.hubs] == [10, 20, 30]
    assert [hub.value for _, hub in row.hubs] == pytest.approx([0.2, 0.85, 0.3])
    assert row.largest_hub == row.hubs[1]
    even = MatchingTrace([[1, 0.25, 0.25, 0.5]], [{"step": 1, "labels": [0, 1, 0, 1], "matrix": [[0.25] * 4] * 4}])
    (row,) = matching_rows([training("match", 0, matching=even)])
    assert [hub.value for _, hub in row.hubs] == [0.25]
    (row,) = matching_rows([training("match", 0, matching=MatchingTrace(even.mass))])
    assert (row.hubs, row.largest_hub) == ([], None)


@pytest.mark.parametrize(
    ("method", "hub", "doubted"),
    [("match", 0.9, "similarity=distance"), ("match:similarity=distance", 0.9, "a hub"), ("match", 0.4, "")],
)
def test_a_hub_is_doubted(method: str, hub: float, doubted: str, tmp_path: Path) -> None:
    made = [training(method, seed, matching=trace([0.1, hub, 0.2])) for seed in range(2)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    summary = summarize([tmp_path])
    said = [doubt for doubt in summary.doubts if "hub" in doubt]
    assert len(said) == bool(doubted)
    assert all(doubted in doubt and "at step 20" in doubt and "90.0%" in doubt for doubt in said)
    first, last = rows(summary, "matching")
    assert (float(first["hub"]), float(last["hub"])) == pytest.approx((0.1, 0.2))
