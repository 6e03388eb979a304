"""The records' plain-words answer, with no claim that the intervals do not bear."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, starmap
from typing import Literal, TypeVar

from robustbench_mt.comparisons import LEVEL, holm, paired_t_over_seeds
from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow, protocol_suffix
from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow
from robustbench_mt.reporting.naming import compared
from robustbench_mt.reporting.seed_rows import EvaluationRow, static_set
from robustbench_mt.statistics import Estimate

__all__ = ["Finding", "findings"]

_UNTOLD = "no difference can be told at this n"

R = TypeVar("R", AttackRow, EvaluationRow, ImbalanceRow, LabelNoiseRow)
C = TypeVar("C", bound=CurveRow)


@dataclass(frozen=True)
class Finding:
    """A sentence, and the numbers it rests on."""

    headline: str
    details: list[str]


@dataclass(frozen=True)
class _Measure:
    name: str
    unit: Literal["percent", "number"]
    digits: int
    counted: str

    def difference(self, estimate: Estimate, other: Estimate) -> str:
        difference = abs((estimate.value or 0.0) - (other.value or 0.0))
        return f"{difference * 100:.1f} points" if self.unit == "percent" else f"{difference:.{self.digits}f}"


@dataclass(frozen=True)
class _Verdict:
    """``higher``, ``lower`` or :data:`_UNTOLD`, and the test that says so."""

    told: str
    why: str = ""


_UNDER_ATTACK = _Measure("accuracy under attack", "percent", 1, "attacks")
_WORST_CASE = _Measure("accuracy in the worst case over recipes", "percent", 1, "sets of recipes")
_CLEAN = _Measure("clean accuracy", "percent", 1, "splits")
_STATIC = _Measure("accuracy on static adversarial sets", "percent", 1, "static sets")
_F1 = _Measure("minority F1", "number", 3, "ratios")
_NOISE = _Measure("accuracy on clean labels after training on flipped ones", "percent", 1, "shares")


def findings(
    evaluations: Sequence[EvaluationRow],
    static_sets: Sequence[EvaluationRow],
    attacks: Sequence[AttackRow],
    worst_case: Sequence[AttackRow],
    imbalance: Sequence[ImbalanceRow],
    label_noise: Sequence[LabelNoiseRow],
    matching: Sequence[MatchingRow],
) -> list[Finding]:
    """Compare each method with ``vanilla`` (or the first by name), task by task.

    A difference is claimed only where two 95% intervals do not overlap, which is stricter than a test at 5%. Along a
    curve, methods share seeds and training sets: there it is claimed where the paired t-test over the seeds says so,
    corrected by Holm for the levels of the curve.
    """
    return [
        *_compare(_UNDER_ATTACK, attacks, lambda row: row.recipe, lambda row: row.accuracy_under_attack, _clean),
        *_compare(_WORST_CASE, worst_case, lambda row: row.recipe, lambda row: row.accuracy_under_attack, _clean),
        *_compare(_CLEAN, [row for row in evaluations if row.accuracy], lambda row: row.split, _accuracy),
        *_compare(_STATIC, [row for row in static_sets if row.accuracy], lambda row: static_set(row.split), _accuracy),
        *_imbalance(imbalance),
        *_compare(_NOISE, label_noise, _share, _measured, judge=_by_seeds),
        *map(_mass, matching),
    ]


def _imbalance(rows: Sequence[ImbalanceRow]) -> Iterable[Finding]:
    """Methods on the same sets, one protocol after another; the controls stand in the tables and figures."""
    imbalanced = [row for row in rows if not row.control]
    for protocol, of_protocol in groupby(sorted(imbalanced, key=_protocol), key=_protocol):
        points = list(of_protocol)
        counted = _F1.counted if points[0].share is None else "shares"
        measure = replace(_F1, name=f"{_F1.name}{protocol_suffix(protocol)}", counted=counted)
        yield from _compare(measure, points, _ratio, _measured, judge=_by_seeds)


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


def _clean(row: AttackRow) -> Estimate:
    return row.clean_accuracy


def _compare(
    measure: _Measure,
    rows: Iterable[R],
    condition: Callable[[R], str],
    estimate: Callable[[R], Estimate],
    before: Callable[[R], Estimate] | None = None,
    judge: Callable[[Sequence[tuple[R, R]]], list[_Verdict]] | None = None,
) -> Iterable[Finding]:
    """One finding for each task and pair of methods; a single method is told alone, with what it had ``before``."""
    for task, group in groupby(rows, key=lambda row: row.task):
        of_task = list(group)
        by_method: dict[str, dict[str, R]] = {}
        for row in of_task:
            by_method.setdefault(row.method, {})[condition(row)] = row
        if len(by_method) == 1:
            told = [
                f"{condition(row)}: {_show(measure, estimate(row))}"
                + (f"; before {_show(measure, before(row))}." if before else ".")
                for row in of_task
            ]
            yield Finding(f"{task}: {measure.name} of {of_task[0].method}; no other method to compare it with.", told)
        for method, baseline in compared(by_method):
            shared = [name for name in by_method[method] if name in by_method[baseline]]
            if not shared:
                continue
            pairs = [(by_method[method][name], by_method[baseline][name]) for name in shared]
            estimates = [(estimate(row), estimate(other)) for row, other in pairs]
            verdicts = judge(pairs) if judge else list(starmap(_by_intervals, estimates))
            details = [
                f"{name}: {method} {_show(measure, value)}; {baseline} {_show(measure, other)}: "
                + ("" if verdict.told == _UNTOLD else f"{measure.difference(value, other)} ")
                + f"{verdict.told}{verdict.why}."
                for name, (value, other), verdict in zip(shared, estimates, verdicts, strict=True)
            ]
            overall = _overall([verdict.told for verdict in verdicts], measure)
            yield Finding(f"{task}: {measure.name} of {method} against {baseline}: {overall}.", details)


def _by_intervals(value: Estimate, other: Estimate) -> _Verdict:
    if value.value is None or other.value is None or not value.differs_from(other):
        return _Verdict(_UNTOLD)
    return _Verdict("higher" if value.value > other.value else "lower")


def _by_seeds(pairs: Sequence[tuple[C, C]]) -> list[_Verdict]:
    """By the paired t-test over the seeds that both have; by intervals where they share fewer than two."""
    values = []
    for row, other in pairs:
        one, two = (dict(zip(each.seeds, each.by_seed, strict=True)) for each in (row, other))
        seeds = sorted(one.keys() & two.keys())
        values.append(([one[seed] for seed in seeds], [two[seed] for seed in seeds]))
    ps = [paired_t_over_seeds(first, second) for first, second in values]
    corrected = iter(holm([p for p in ps if p is not None]))
    tested = sum(p is not None for p in ps)
    verdicts = []
    for (row, other), (first, second), p in zip(pairs, values, ps, strict=True):
        if len(first) < 2:
            verdicts.append(_by_intervals(row.measured, other.measured))
        elif p is None:
            verdicts.append(_Verdict(_UNTOLD))
        else:
            sure = next(corrected)
            told = _UNTOLD if sure >= LEVEL else "higher" if sum(first) > sum(second) else "lower"
            counted = f", Holm over {tested}" if tested > 1 else ""
            shown = "p < 0.001" if sure < 0.001 else f"p = {sure:.3f}"
            verdicts.append(_Verdict(told, f" ({shown}, paired t over {len(first)} seeds{counted})"))
    return verdicts


def _overall(verdicts: Sequence[str], measure: _Measure) -> str:
    if len(verdicts) == 1:
        return verdicts[0]
    if len(set(verdicts)) == 1:
        return f"{verdicts[0]}, in all {len(verdicts)} {measure.counted}"
    counts = [(verdict, verdicts.count(verdict)) for verdict in ("higher", "lower", _UNTOLD)]
    (first, count), *rest = [(verdict, count) for verdict, count in counts if count]
    told = f"{first} in {count} of {len(verdicts)} {measure.counted}"
    return "; ".join([told, *(f"in {count} {verdict}" for verdict, count in rest)])


def _show(measure: _Measure, estimate: Estimate) -> str:
    return f"{' '.join(filter(None, estimate.parts(measure.unit, measure.digits)))} ({estimate.count})"


def _mass(row: MatchingRow) -> Finding:
    told = [
        f"{kind}: {' '.join(row.mass[kind][0].parts('number', 2))} at first, "
        f"{' '.join(row.mass[kind][-1].parts('number', 2))} at last ({row.mass[kind][0].count})."
        for kind in KINDS_OF_MASS
    ]
    first, last = (row.mass["other labels"][end].parts("number", 2)[0] for end in (0, -1))
    return Finding(
        f"{row.task}: training {row.method}, the share of a row's mass on other labels went from {first} to {last}.",
        told,
    )
