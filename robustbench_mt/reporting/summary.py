"""From run directories to the rows that every table, figure and sentence shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from robustbench_mt.paths import AnyPath, one_or_more
from robustbench_mt.reporting.ablation_rows import Ablation, ablations
from robustbench_mt.reporting.attack_rows import (
    AttackGroup,
    AttackRow,
    ReductionRow,
    attack_row,
    group_attacks,
    reduction_row,
)
from robustbench_mt.reporting.average_rows import AverageRow, average_rows
from robustbench_mt.reporting.batch_dependence_rows import BatchDependenceRow, batch_dependence_rows
from robustbench_mt.reporting.curve_differences import CurveDifference, curve_differences
from robustbench_mt.reporting.curve_rows import ImbalanceRow, LabelNoiseRow, imbalance_rows, label_noise_rows
from robustbench_mt.reporting.doubts import doubts
from robustbench_mt.reporting.finding import Finding
from robustbench_mt.reporting.findings import findings
from robustbench_mt.reporting.leaderboard_rows import CheckpointKeys, LeaderboardRow, leaderboard_rows
from robustbench_mt.reporting.length_rows import LengthRow, length_rows
from robustbench_mt.reporting.matching_rows import MatchingRow, matching_rows
from robustbench_mt.reporting.method_remarks import method_remarks
from robustbench_mt.reporting.method_rows import MethodRow, method_rows
from robustbench_mt.reporting.paired_rows import PairedRow, paired_rows
from robustbench_mt.reporting.paired_seed_rows import PairedSeedRow, paired_seed_rows
from robustbench_mt.reporting.runs import Runs, read_runs
from robustbench_mt.reporting.seed_rows import EvaluationRow, evaluation_rows, static_set
from robustbench_mt.reporting.transfer_rows import TransferMatrix, transfer_matrices
from robustbench_mt.reporting.worst_case_rows import worst_case_groups

__all__ = ["Summary", "summarize"]


@dataclass(frozen=True)
class Summary:
    """All rows, each with its sample size and its uncertainty.

    Attributes:
        runs: the records behind the rows.
        keys: what tells their checkpoints apart.
        groups: the attack files by task, recipe and method.
        leaderboard: one row a checkpoint.
        evaluations: on splits of the task; ``static_sets`` on static adversarial sets.
        methods: a method's score on each split of a task, over seeds; ``averages`` over tasks.
        ablations: of these, what match's settings and the batch size do.
        method_remarks: whether the methods were trained alike, and how their settings were chosen.
        attacks: one row a group, pooled over checkpoints; ``worst_case`` over all recipes run.
        attacks_by_checkpoint: one row a file, then the worst case of each checkpoint.
        lengths: as ``attacks``, by the words of the text, where there are examples enough.
        paired: pairs of checkpoints on the same examples; ``paired_seeds`` of methods, over their seeds.
        transfers: one matrix a task and recipe.
        reductions: as ``attacks``, for the recipes that keep the label.
        imbalance_differences, label_noise_differences: what a method changes at each point of these, over seeds.
        batch_dependence: classifiers that match at inference, one row a record.
        findings: the answer in plain words.
        doubts: what speaks against taking it at its word.
    """

    runs: Runs
    keys: CheckpointKeys
    groups: list[AttackGroup]
    leaderboard: list[LeaderboardRow]
    evaluations: list[EvaluationRow]
    static_sets: list[EvaluationRow]
    methods: list[MethodRow]
    averages: list[AverageRow]
    ablations: list[Ablation]
    method_remarks: list[str]
    attacks: list[AttackRow]
    worst_case: list[AttackRow]
    attacks_by_checkpoint: list[AttackRow]
    lengths: list[LengthRow]
    paired: list[PairedRow]
    paired_seeds: list[PairedSeedRow]
    transfers: list[TransferMatrix]
    reductions: list[ReductionRow]
    imbalance: list[ImbalanceRow]
    label_noise: list[LabelNoiseRow]
    imbalance_differences: list[CurveDifference]
    label_noise_differences: list[CurveDifference]
    batch_dependence: list[BatchDependenceRow]
    matching: list[MatchingRow]
    findings: list[Finding]
    doubts: list[str]

    @property
    def attacks_and_worst_case(self) -> list[AttackRow]:
        """By task: the recipes, then the worst case over them."""
        return sorted([*self.attacks, *self.worst_case], key=lambda row: row.task)


def summarize(dirs: AnyPath | Sequence[AnyPath]) -> Summary:
    """Read one or more run directories and compute what they say.

    Raises:
        UserError: a directory is missing or has no record, or a record cannot be read.

    Example:
        >>> row = summarize("run").attacks[0]
        >>> row.method, row.recipe, row.accuracy_under_attack.show()
        ('vanilla', 'deepwordbug', '64.1% [48.4, 77.3], n=39')
    """
    runs = read_runs(one_or_more(dirs))
    keys = CheckpointKeys(runs)
    groups = group_attacks(runs.attacks)
    flipping = [group for group in groups if not group.keeps_label]
    worst_case_of = worst_case_groups(groups)
    scores = evaluation_rows(runs.evaluations)
    evaluations = [row for row in scores if not static_set(row.split)]
    static_sets = [row for row in scores if static_set(row.split)]
    methods = method_rows(runs.evaluations, runs.failures)
    averages = average_rows(methods)
    attacks = [attack_row(group) for group in flipping]
    worst_case = [attack_row(group) for group in worst_case_of]
    imbalance = imbalance_rows(runs.imbalance)
    label_noise = label_noise_rows(runs.label_noise)
    differences = curve_differences(imbalance), curve_differences(label_noise)
    matching = matching_rows(runs.trainings)
    by_checkpoint = [
        (file, attack_row(replace(group, files=[file])))
        for group in sorted([*flipping, *worst_case_of], key=lambda group: group.task)
        for file in group.files
    ]
    paired_seeds = paired_seed_rows(groups, worst_case_of)
    return Summary(
        runs,
        keys,
        groups,
        leaderboard_rows(runs, keys, by_checkpoint),
        evaluations,
        static_sets,
        methods,
        averages,
        ablations(methods),
        method_remarks(runs),
        attacks,
        worst_case,
        [row for _, row in by_checkpoint],
        length_rows(flipping),
        paired_rows(groups, worst_case_of),
        paired_seeds,
        transfer_matrices(runs.transfers, runs.attacks),
        [reduction_row(group) for group in groups if group.keeps_label],
        imbalance,
        label_noise,
        *differences,
        batch_dependence_rows(runs.batch_dependence),
        matching,
        findings(
            methods=methods,
            averages=averages,
            evaluations=evaluations,
            static_sets=static_sets,
            attacks=attacks,
            worst_case=worst_case,
            paired_seeds=paired_seeds,
            imbalance=imbalance,
            label_noise=label_noise,
            curves=[*chain(*differences)],
            matching=matching,
        ),
        doubts(runs, groups, imbalance, label_noise, matching),
    )
