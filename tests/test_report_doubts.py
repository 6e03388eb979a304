"""What the report doubts: budgets, probes, outcomes that are all or nothing, constraints that cut nearly all."""

import csv
import io
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
from run_directory import attack_run, fallen, stood, training, write, write_attack

from robustbench_mt.records import MatchingSnapshot, MatchingTrace, TrainingRecord
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
