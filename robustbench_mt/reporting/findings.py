"""The records' plain-words answer, with no claim that the intervals do not bear."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import Literal, TypeVar

from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.curve_differences import CurveDifference
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow, protocol_suffix
from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import compared
from robustbench_mt.reporting.paired_seed_rows import PairedSeedRow
from robustbench_mt.reporting.seed_rows import EvaluationRow, static_set
from robustbench_mt.reporting.verdicts import UNTOLD, BySeed, Verdict, by_intervals, by_seeds, by_test, over_seeds
from robustbench_mt.statistics import Estimate

__all__ = ["Finding", "findings"]

R = TypeVar("R", AttackRow, EvaluationRow, ImbalanceRow, LabelNoiseRow)


@dataclass(frozen=True)
class Finding:
    """A sentence, and the numbers it rests on.

    Attributes:
        kind: ``untold`` where no difference can be told in any of what is compared; ``mass`` of a matching matrix.
    """

    headline: str
    details: list[str]
    kind: Literal["told", "untold", "mass"] = "told"


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
    points of a curve or sets. Others differ only where two 95% intervals do not overlap.
    """
    by_pairs, by_points = _of_attacks(paired_seeds), _of_curves(curves)
    tested = {(row.task, row.method, row.split) for row in methods if _is_tested(row)}
    clean, static = ([row for row in rows if row.accuracy] for rows in (evaluations, static_sets))
    return [
        *_compare(_UNDER_ATTACK, attacks, lambda row: row.recipe, _under_attack, _clean, judge=by_pairs),
        *_compare(_WORST_CASE, worst_case, lambda row: row.recipe, _under_attack, _clean, judge=by_pairs),
        *_scores(methods),
        *_compare(_CLEAN, clean, lambda row: row.split, _accuracy, judge=_of_evaluations, told=tested),
        *_compare(_STATIC, static, lambda row: static_set(row.split), _accuracy, judge=_of_evaluations),
        *_imbalance(imbalance, by_points),
        *_compare(_NOISE, label_noise, _share, _measured, judge=by_points),
        *map(_mass, matching),
    ]


def _imbalance(
    rows: Sequence[ImbalanceRow], judge: Callable[[Sequence[tuple[CurveRow, CurveRow]]], list[Verdict]]
) -> Iterable[Finding]:
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
) -> Iterable[Finding]:
    """One finding for each task and pair of methods; a single method is told alone, with what it had ``before``.

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
            yield Finding(f"{task}: {measure.name} of {of_task[0].method}; no other method to compare it with.", alone)
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
            overall, kind = _overall([verdict.told for verdict in verdicts], measure)
            yield Finding(f"{task}: {measure.name} of {method} against {baseline}: {overall}.", details, kind)


def _of_curves(found: Sequence[CurveDifference]) -> Callable[[Sequence[tuple[CurveRow, CurveRow]]], list[Verdict]]:
    by_names = {(each.task, each.curve, each.level_value, each.method, each.other): each for each in found}

    def verdict(row: CurveRow, other: CurveRow) -> Verdict:
        each = by_names.get((row.task, row.curve, row.level, row.method, other.method))
        if each is None or len(each.seeds) < 2:
            return by_intervals(row.measured, other.measured)
        return by_test(each.p_holm, (each.difference.value or 0) > 0, over_seeds(len(each.seeds)), each.family)

    return lambda pairs: [verdict(row, other) for row, other in pairs]


def _of_evaluations(pairs: Sequence[tuple[EvaluationRow, EvaluationRow]]) -> list[Verdict]:
    values = [_shared(row.by_seed, other.by_seed) for row, other in pairs]
    return by_seeds(values, [by_intervals(_accuracy(row), _accuracy(other)) for row, other in pairs])


def _shared(one: Mapping[int, float], other: Mapping[int, float]) -> BySeed:
    seeds = sorted(one.keys() & other.keys())
    return [one[seed] for seed in seeds], [other[seed] for seed in seeds]


def _of_attacks(paired: Sequence[PairedSeedRow]) -> Callable[[Sequence[tuple[AttackRow, AttackRow]]], list[Verdict]]:
    by_names = {(row.task, row.condition, row.method, row.other): row for row in paired}

    def verdict(row: AttackRow, other: AttackRow) -> Verdict:
        each = by_names.get((row.task, row.recipe, row.method, other.method))
        if each is None:
            return by_intervals(row.accuracy_under_attack, other.accuracy_under_attack)
        test = f"t over {len(each.seeds)} seeds and {each.difference.n} examples"
        return by_test(each.p_holm, each.accuracy > each.other_accuracy, test, each.family)

    return lambda pairs: [verdict(row, other) for row, other in pairs]


def _scores(rows: Sequence[MethodRow]) -> Iterable[Finding]:
    """Trainings without an attack, by the tests of the table of methods."""
    scores = {(row.task, row.split, row.method): row.score for row in rows}
    by_pair: dict[tuple[str, str, str], list[MethodRow]] = {}
    for row in filter(_is_tested, rows):
        by_pair.setdefault((row.task, row.method, row.against), []).append(row)
    for (task, method, against), of_pair in by_pair.items():
        verdicts, details = [], []
        for row in of_pair:
            assert row.p_holm is not None and row.difference is not None
            test = over_seeds(row.difference.n)
            verdict = by_test(row.p_holm, (row.difference.value or 0) > 0, test, row.family)
            verdicts.append(verdict.told)
            details.append(
                f"{row.split}: {method} {_show(_SCORE, row.score)}; "
                f"{against} {_show(_SCORE, scores[task, row.split, against])}: "
                f"{' '.join(filter(None, row.difference.parts('points')))} points, {verdict.told}{verdict.why}."
            )
        name = of_pair[0].score_name
        overall, kind = _overall(verdicts, _SCORE)
        yield Finding(f"{task}: {name} of {method} against {against}: {overall}.", details, kind)


def _is_tested(row: MethodRow) -> bool:
    return row.p_holm is not None


def _overall(verdicts: Sequence[str], measure: _Measure) -> tuple[str, Literal["told", "untold"]]:
    kind: Literal["told", "untold"] = "untold" if set(verdicts) == {UNTOLD} else "told"
    if len(verdicts) == 1:
        return verdicts[0], kind
    if len(set(verdicts)) == 1:
        return f"{verdicts[0]}, in all {len(verdicts)} {measure.counted}", kind
    counts = [(verdict, verdicts.count(verdict)) for verdict in ("higher", "lower", UNTOLD)]
    (first, count), *rest = [(verdict, count) for verdict, count in counts if count]
    told = f"{first} in {count} of {len(verdicts)} {measure.counted}"
    return "; ".join([told, *(f"in {count} {verdict}" for verdict, count in rest)]), kind


def _show(measure: _Measure, estimate: Estimate) -> str:
    return f"{' '.join(filter(None, estimate.parts(measure.unit, measure.digits)))} ({estimate.count})"


def _mass(row: MatchingRow) -> Finding:
    told = [
        f"{kind}: {' '.join(row.mass[kind][0].parts('number', 2))} at first, "
        f"{' '.join(row.mass[kind][-1].parts('number', 2))} at last ({row.mass[kind][0].count})."
        for kind in KINDS_OF_MASS
    ]
    first_hub, largest_hub = row.hub(itemgetter(0)), row.hub(max)
    if first_hub and largest_hub:
        told.append(
            "hub, the one instance of a batch that takes most of the other rows' mass: "
            f"{' '.join(first_hub.parts('number', 2))} of it in the first recorded matrix, "
            f"{' '.join(largest_hub.parts('number', 2))} in that where it takes most ({largest_hub.count})."
        )
    first, last = (row.mass["other labels"][end].parts("number", 2)[0] for end in (0, -1))
    return Finding(
        f"{row.task}: training {row.method}, the share of a row's mass on other labels went from {first} to {last}.",
        told,
        "mass",
    )
