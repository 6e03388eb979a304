"""The records' plain-words answer, with no claim that the intervals do not bear."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Literal, TypeVar

from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.average_rows import AverageRow
from robustbench_mt.reporting.curve_differences import CurveDifference
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow, protocol_suffix
from robustbench_mt.reporting.finding import KINDS, Comparison, Finding, listed_with_and, told_together
from robustbench_mt.reporting.judges import judge_attacks, judge_evaluations, judge_points
from robustbench_mt.reporting.matching_findings import matching_findings
from robustbench_mt.reporting.matching_rows import MatchingRow
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import compared
from robustbench_mt.reporting.paired_seed_rows import PairedSeedRow
from robustbench_mt.reporting.seed_rows import EvaluationRow, static_set
from robustbench_mt.reporting.verdicts import UNTOLD, Verdict, by_test, over_seeds
from robustbench_mt.statistics import Estimate

__all__ = ["findings"]

T = TypeVar("T", MethodRow, AverageRow)
R = TypeVar("R", AttackRow, EvaluationRow, ImbalanceRow, LabelNoiseRow)


@dataclass(frozen=True)
class _Measure:
    name: str
    unit: Literal["percent", "number"]
    digits: int
    counted: str

    def difference(self, estimate: Estimate, other: Estimate) -> str:
        difference = abs((estimate.value or 0.0) - (other.value or 0.0))
        return f"{difference * 100:.1f} points" if self.unit == "percent" else f"{difference:.{self.digits}f}"


_UNDER_ATTACK = _Measure("accuracy under attack", "percent", 1, "attacks")
_WORST_CASE = _Measure("accuracy in the worst case over recipes", "percent", 1, "sets of recipes")
_CLEAN = _Measure("clean accuracy", "percent", 1, "splits")
_SCORE = _Measure("score", "number", 3, "splits")
_STATIC = _Measure("accuracy on static adversarial sets", "percent", 1, "static sets")
_F1 = _Measure("minority F1", "number", 3, "ratios")
_NOISE = _Measure("accuracy on clean labels after training on flipped ones", "percent", 1, "shares")


def findings(
    *,
    methods: Sequence[MethodRow],
    averages: Sequence[AverageRow],
    evaluations: Sequence[EvaluationRow],
    static_sets: Sequence[EvaluationRow],
    attacks: Sequence[AttackRow],
    worst_case: Sequence[AttackRow],
    paired_seeds: Sequence[PairedSeedRow],
    imbalance: Sequence[ImbalanceRow],
    label_noise: Sequence[LabelNoiseRow],
    curves: Sequence[CurveDifference],
    matching: Sequence[MatchingRow],
) -> list[Finding]:
    """Compare each method with ``vanilla`` (or the first by name), task by task.

    Methods that share two seeds or more are compared by a test over these, and under attack over the examples too,
    corrected by Holm for all comparisons of a kind that the report makes of the task: its methods, and their recipes,
    points of a curve or sets. Others differ only where two 95% intervals do not overlap. What differs comes first.
    """
    by_pairs, by_points = judge_attacks(paired_seeds), judge_points(curves)
    tested = {(row.task, row.method, row.split) for row in methods if _is_tested(row)}
    clean, static = ([row for row in rows if row.accuracy] for rows in (evaluations, static_sets))
    every = [
        *_compare(_UNDER_ATTACK, attacks, lambda row: row.recipe, _under_attack, _clean, judge=by_pairs),
        *_compare(_WORST_CASE, worst_case, lambda row: row.recipe, _under_attack, _clean, judge=by_pairs),
        *_averages(averages),
        *_scores(methods),
        *_compare(_CLEAN, clean, lambda row: row.split, _accuracy, judge=judge_evaluations, told=tested),
        *_compare(_STATIC, static, lambda row: static_set(row.split), _accuracy, judge=judge_evaluations),
        *_imbalance(imbalance, by_points),
        *_compare(_NOISE, label_noise, _share, _measured, judge=by_points),
    ]
    said = [*told_together(every), *matching_findings(matching)]
    return [finding for kind in KINDS for finding in said if finding.kind == kind]


def _imbalance(
    rows: Sequence[ImbalanceRow], judge: Callable[[Sequence[tuple[CurveRow, CurveRow]]], list[Verdict]]
) -> Iterable[Comparison | Finding]:
    """Methods on the same sets, one protocol after another; the controls stand in the tables and figures."""
    imbalanced = [row for row in rows if not row.control]
    for protocol, of_protocol in groupby(sorted(imbalanced, key=_protocol), key=_protocol):
        points = list(of_protocol)
        counted = _F1.counted if points[0].share is None else "shares"
        measure = replace(_F1, name=f"{_F1.name}{protocol_suffix(protocol)}", counted=counted)
        yield from _compare(measure, points, _ratio, _measured, judge=judge)


def _protocol(row: ImbalanceRow) -> str:
    return row.protocol


def _accuracy(row: EvaluationRow) -> Estimate:
    assert row.accuracy is not None
    return row.accuracy


def _ratio(row: ImbalanceRow) -> str:
    level = row.level_name if row.share is None else f"{row.level_name} kept"
    return f"{level}, minority {row.minority}"


def _share(row: LabelNoiseRow) -> str:
    return f"{row.level_name} flipped"


def _measured(row: CurveRow) -> Estimate:
    return row.measured


def _under_attack(row: AttackRow) -> Estimate:
    return row.accuracy_under_attack


def _clean(row: AttackRow) -> Estimate:
    return row.clean_accuracy


def _compare(
    measure: _Measure,
    rows: Iterable[R],
    condition: Callable[[R], str],
    estimate: Callable[[R], Estimate],
    before: Callable[[R], Estimate] | None = None,
    *,
    judge: Callable[[Sequence[tuple[R, R]]], list[Verdict]],
    told: Container[tuple[str, str, str]] = (),
) -> Iterable[Comparison | Finding]:
    """One comparison for each task and pair of methods; a single method is told alone, with what it had ``before``.

    What is ``told`` elsewhere of a task, a method and a condition is left out.
    """
    for task, group in groupby(rows, key=lambda row: row.task):
        of_task = list(group)
        by_method: dict[str, dict[str, R]] = {}
        for row in of_task:
            by_method.setdefault(row.method, {})[condition(row)] = row
        if len(by_method) == 1:
            alone = [
                f"{condition(row)}: {_show(measure, estimate(row))}"
                + (f"; before {_show(measure, before(row))}." if before else ".")
                for row in of_task
            ]
            headline = f"{task}: {measure.name} of {of_task[0].method}; no other method to compare it with."
            yield Finding(headline, alone, "alone")
        shared: dict[tuple[str, str], list[str]] = {}
        for method, baseline in compared(by_method):
            both = [name for name in by_method[method] if name in by_method[baseline]]
            shared[method, baseline] = [name for name in both if (task, method, name) not in told]
        every = [(by_method[m][name], by_method[b][name]) for (m, b), names in shared.items() for name in names]
        judged = zip(every, judge(every), strict=True)
        for (method, baseline), names in shared.items():
            if not names:
                continue
            pairs, verdicts = zip(*islice(judged, len(names)), strict=True)
            estimates = [(estimate(row), estimate(other)) for row, other in pairs]
            details = [
                f"{name}: {method} {_show(measure, value)}; {baseline} {_show(measure, other)}: "
                + ("" if verdict.told == UNTOLD else f"{measure.difference(value, other)} ")
                + f"{verdict.told}{verdict.why}."
                for name, (value, other), verdict in zip(names, estimates, verdicts, strict=True)
            ]
            yield Comparison(f"{task}: {measure.name}", method, baseline, measure.counted, verdicts, details)


def _scores(rows: Sequence[MethodRow]) -> Iterable[Comparison]:
    """Trainings without an attack, by the tests of the table of methods."""
    scores = {(row.task, row.split, row.method): row.score for row in rows}
    by_pair: dict[tuple[str, str, str], list[tuple[MethodRow, Estimate]]] = {}
    for row in filter(_is_tested, rows):
        other = scores[row.task, row.split, row.against]
        by_pair.setdefault((f"{row.task}: {row.score_name}", row.method, row.against), []).append((row, other))
    yield from _over_splits(by_pair)


def _averages(rows: Sequence[AverageRow]) -> Iterable[Comparison]:
    """Over tasks, by the tests of the table of averages."""
    by_pair: dict[tuple[str, str, str], list[tuple[AverageRow, Estimate]]] = {}
    for row in filter(_is_tested, rows):
        assert row.other is not None
        subject = f"average over {listed_with_and(row.tasks)}: score"
        by_pair.setdefault((subject, row.method, row.against), []).append((row, row.other))
    yield from _over_splits(by_pair)


def _over_splits(by_pair: Mapping[tuple[str, str, str], Sequence[tuple[T, Estimate]]]) -> Iterable[Comparison]:
    """One comparison for each subject and pair of methods; its rows are one a split, with what the other method has."""
    for (subject, method, against), of_pair in by_pair.items():
        told = [_by_score(row, other) for row, other in of_pair]
        verdicts, details = [verdict for verdict, _ in told], [detail for _, detail in told]
        size = _points(of_pair[0][0]) if len(of_pair) == 1 else ""
        yield Comparison(subject, method, against, _SCORE.counted, verdicts, details, size)


def _by_score(row: MethodRow | AverageRow, other: Estimate) -> tuple[Verdict, str]:
    assert row.difference is not None
    score = row.score if isinstance(row, MethodRow) else row.average
    verdict = by_test(row.p_holm, (row.difference.value or 0) > 0, over_seeds(row.difference.n), row.family)
    return verdict, (
        f"{row.split}: {row.method} {_show(_SCORE, score)}; {row.against} {_show(_SCORE, other)}: "
        f"{_points(row)}, {verdict.told}{verdict.why}."
    )


def _points(row: MethodRow | AverageRow) -> str:
    assert row.difference is not None
    return f"{' '.join(filter(None, row.difference.parts('points')))} points"


def _is_tested(row: MethodRow | AverageRow) -> bool:
    return row.p_holm is not None


def _show(measure: _Measure, estimate: Estimate) -> str:
    return f"{' '.join(filter(None, estimate.parts(measure.unit, measure.digits)))} ({estimate.count})"
