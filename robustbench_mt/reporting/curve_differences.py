"""What a method changes at each point of a curve, against another method on the same training sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from robustbench_mt.comparisons import paired_t_over_seeds, wilcoxon_over_seeds
from robustbench_mt.reporting.curve_rows import CurveRow
from robustbench_mt.reporting.families import Tested, corrected
from robustbench_mt.reporting.naming import compared
from robustbench_mt.statistics import Estimate, paired_over_seeds

__all__ = ["CurveDifference", "curve_differences"]


@dataclass(frozen=True)
class CurveDifference(Tested):
    """A method against another at one point of a curve, over the seeds that both have.

    Attributes:
        curve, level: where, in words.
        level_value: how far along the curve that is.
        measure: the metric.
        difference: the mean of the method's less the other's, with the paired t interval over seeds.
        p_t: of the paired t-test over these seeds; ``None`` where it cannot be told, as for one seed.
        p_wilcoxon: of Wilcoxon's signed-rank test over them.
        p_holm: ``p_t``, corrected by Holm for the ``family``: all methods and points of the curve that have one.
    """

    task: str
    curve: str
    level: str
    level_value: float
    method: str
    other: str
    seeds: list[int]
    measure: str
    difference: Estimate
    p_t: float | None
    p_wilcoxon: float | None


def curve_differences(rows: Sequence[CurveRow]) -> list[CurveDifference]:
    """Compare each method with ``vanilla`` (or the first by name), curve by curve, where both have a seed in common."""
    differences: list[CurveDifference] = []
    for _, of_curve in groupby(sorted(rows, key=_curve), key=_curve):
        differences += corrected(list(_of_curve(list(of_curve))), lambda difference: difference.p_t)
    return differences


def _curve(row: CurveRow) -> tuple[str, str]:
    return row.task, row.curve


def _of_curve(rows: Sequence[CurveRow]) -> Iterable[CurveDifference]:
    by_method: dict[str, dict[float, CurveRow]] = {}
    for row in rows:
        by_method.setdefault(row.method, {})[row.level] = row
    for method, other in compared(by_method):
        for level in sorted(by_method[method].keys() & by_method[other].keys()):
            row, beside = by_method[method][level], by_method[other][level]
            own, others = (dict(zip(of.seeds, of.by_seed, strict=True)) for of in (row, beside))
            seeds = sorted(own.keys() & others.keys())
            pair = [own[seed] for seed in seeds], [others[seed] for seed in seeds]
            if seeds:
                yield CurveDifference(
                    *(row.task, row.curve, row.level_name, level, method, other, seeds, row.measure),
                    difference=paired_over_seeds(*pair),
                    p_t=paired_t_over_seeds(*pair),
                    p_wilcoxon=wilcoxon_over_seeds(*pair),
                )
