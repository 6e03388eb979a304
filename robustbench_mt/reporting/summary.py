"""From run directories to the rows that every table, figure and sentence shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from robustbench_mt.reporting.attack_rows import (
    AttackGroup,
    AttackRow,
    ReductionRow,
    attack_row,
    group_attacks,
    reduction_row,
)
from robustbench_mt.reporting.doubts import doubts
from robustbench_mt.reporting.findings import Finding, findings
from robustbench_mt.reporting.matching_rows import MatchingRow, matching_rows
from robustbench_mt.reporting.runs import Runs, read_runs
from robustbench_mt.reporting.seed_rows import EvaluationRow, ImbalanceRow, evaluation_rows, imbalance_rows

__all__ = ["Summary", "summarize"]


@dataclass(frozen=True)
class Summary:
    """All rows, each with its sample size and its uncertainty.

    Attributes:
        runs: the records behind the rows.
        groups: the attack files by task, recipe and method.
        attacks: one row a group, pooled over checkpoints; ``attacks_by_checkpoint`` one a file.
        reductions: as ``attacks``, for the recipes that keep the label.
        findings: the answer in plain words.
        doubts: what speaks against taking it at its word.
    """

    runs: Runs
    groups: list[AttackGroup]
    evaluations: list[EvaluationRow]
    attacks: list[AttackRow]
    attacks_by_checkpoint: list[AttackRow]
    reductions: list[ReductionRow]
    imbalance: list[ImbalanceRow]
    matching: list[MatchingRow]
    findings: list[Finding]
    doubts: list[str]


def summarize(dirs: Sequence[Path]) -> Summary:
    """Read one or more run directories and compute what they say.

    Raises:
        UserError: a directory is missing or has no record, or a record cannot be read.
    """
    runs = read_runs(dirs)
    groups = group_attacks(runs.attacks)
    flipping = [group for group in groups if not group.keeps_label]
    evaluations = evaluation_rows(runs.evaluations)
    attacks = [attack_row(group) for group in flipping]
    imbalance = imbalance_rows(runs.imbalance)
    matching = matching_rows(runs.trainings)
    return Summary(
        runs,
        groups,
        evaluations,
        attacks,
        [attack_row(replace(group, files=[file])) for group in flipping for file in group.files],
        [reduction_row(group) for group in groups if group.keeps_label],
        imbalance,
        matching,
        findings(evaluations, attacks, imbalance, matching),
        doubts(runs, groups, imbalance),
    )
