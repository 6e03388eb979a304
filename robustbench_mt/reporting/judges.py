"""Whether a method differs from another, by the tests that the report's tables show."""

from collections.abc import Callable, Mapping, Sequence

from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.curve_differences import CurveDifference
from robustbench_mt.reporting.curve_rows import CurveRow
from robustbench_mt.reporting.paired_seed_rows import PairedSeedRow
from robustbench_mt.reporting.seed_rows import EvaluationRow
from robustbench_mt.reporting.verdicts import BySeed, Verdict, by_intervals, by_seeds, by_test, over_seeds
from robustbench_mt.statistics import Estimate

__all__ = ["judge_attacks", "judge_evaluations", "judge_points"]


def judge_points(found: Sequence[CurveDifference]) -> Callable[[Sequence[tuple[CurveRow, CurveRow]]], list[Verdict]]:
    by_names = {(each.task, each.curve, each.level_value, each.method, each.other): each for each in found}

    def verdict(row: CurveRow, other: CurveRow) -> Verdict:
        each = by_names.get((row.task, row.curve, row.level, row.method, other.method))
        if each is None or len(each.seeds) < 2:
            return by_intervals(row.measured, other.measured)
        return by_test(each.p_holm, (each.difference.value or 0) > 0, over_seeds(len(each.seeds)), each.family)

    return lambda pairs: [verdict(row, other) for row, other in pairs]


def judge_evaluations(pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> list[Verdict]:
    values = [_shared(row.by_seed, other.by_seed) for row, other in pairs]
    return by_seeds(values, [by_intervals(_accuracy(row), _accuracy(other)) for row, other in pairs])


def _shared(one: Mapping[int, float], other: Mapping[int, float]) -> BySeed:
    seeds = sorted(one.keys() & other.keys())
    return [one[seed] for seed in seeds], [other[seed] for seed in seeds]


def judge_attacks(paired: Sequence[PairedSeedRow]) -> Callable[[Sequence[tuple[AttackRow, AttackRow]]], list[Verdict]]:
    by_names = {(row.task, row.condition, row.method, row.other): row for row in paired}

    def verdict(row: AttackRow, other: AttackRow) -> Verdict:
        each = by_names.get((row.task, row.recipe, row.method, other.method))
        if each is None:
            return by_intervals(row.accuracy_under_attack, other.accuracy_under_attack)
        test = f"t over {len(each.seeds)} seeds and {each.difference.n} examples"
        return by_test(each.p_holm, each.accuracy > each.other_accuracy, test, each.family)

    return lambda pairs: [verdict(row, other) for row, other in pairs]


def _accuracy(row: EvaluationRow) -> Estimate:
    assert row.accuracy is not None
    return row.accuracy
