"""What a methods section has to say of curves, of the statistics and of the software: facts, without a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from robustbench_mt.curve_records import CurveRecord, ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting.naming import ratio_name, share_name
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.training_facts import MethodFacts, method_facts

__all__ = ["CurveFacts", "imbalance_facts", "label_noise_facts", "statistics_used", "versions_used"]

R = TypeVar("R", bound=CurveRecord)


@dataclass(frozen=True)
class CurveFacts:
    """A curve: its levels and what it was evaluated on; ``summary`` says what a level of imbalance changes."""

    task: str
    levels: list[str]
    seeds: list[int]
    tests: list[int]
    methods: list[MethodFacts]
    minority: str = ""
    protocol: str = ""
    summary: str = ""
    control: bool = False
    tuned: bool = False


def imbalance_facts(records: Sequence[ImbalanceRecord]) -> list[CurveFacts]:
    """One entry a task, minority class and protocol."""
    curves: dict[tuple[str, ...], list[ImbalanceRecord]] = {}
    for record in records:
        curves.setdefault((record.task, *record.identity), []).append(record)
    return [
        CurveFacts(
            **_shared(points),
            levels=_names(
                points, lambda point: ratio_name(point.ratio) if point.share is None else share_name(point.share)
            ),
            minority=points[0].minority,
            protocol=points[0].protocol,
            summary=points[0].protocol_summary,
            control=any(point.control for point in points),
            tuned=any(point.threshold is not None for point in points),
        )
        for points in curves.values()
    ]


def label_noise_facts(records: Sequence[LabelNoiseRecord]) -> list[CurveFacts]:
    """One entry a task."""
    curves: dict[str, list[LabelNoiseRecord]] = {}
    for record in records:
        curves.setdefault(record.task, []).append(record)
    return [
        CurveFacts(**_shared(points), levels=_names(points, lambda point: share_name(point.share)))
        for points in curves.values()
    ]


def _names(points: Sequence[R], name: Callable[[R], str]) -> list[str]:
    return list(dict.fromkeys(map(name, sorted(points, key=lambda point: point.level))))


def _shared(points: Sequence[CurveRecord]) -> dict[str, Any]:
    return {
        "task": points[0].task,
        "seeds": sorted({point.seed for point in points}),
        "tests": sorted({point.n for point in points}),
        "methods": method_facts(points),
    }


def statistics_used(summary: Summary) -> dict[str, Any]:
    """Which intervals and tests stand in the tables and figures, and over how many comparisons they are corrected."""
    methods = {(row.task, row.split): row.family for row in summary.methods if row.family}
    pairs: dict[str, int] = {}
    for row in summary.paired:
        pairs[row.task] = pairs.get(row.task, 0) + 1
    curves = [*summary.imbalance_differences, *summary.label_noise_differences]
    of_curves = [row.seeds for row in (*summary.imbalance, *summary.label_noise)]
    of_matching = [row.seeds for row in summary.matching]
    of_methods = [list(row.scores) for row in summary.methods]
    accuracies = any(row.accuracy for row in (*summary.evaluations, *summary.static_sets))
    return {
        "wilson": bool(summary.attacks or summary.reductions or summary.transfers or accuracies),
        "bootstrap": bool(summary.attacks or summary.evaluations or any(len(seeds) == 1 for seeds in of_curves)),
        "over_seeds": max(map(len, (*of_curves, *of_matching, *of_methods)), default=0) > 1,
        "crossed": any(len(row.seeds) > 1 for row in summary.attacks),
        "paired_t": sorted(set(methods.values())),
        "curves_t": sorted({row.family for row in curves if row.family}),
        "mcnemar": sorted(set(pairs.values())),
        "hierarchical": bool(summary.paired_seeds),
        "crossed_t": sorted({row.family for row in summary.paired_seeds if row.family}),
        "calibration": any("calibration_error" in row.metrics for row in summary.imbalance),
    }


def versions_used(summary: Summary) -> dict[str, list[str]]:
    """The versions of each package that the records name."""
    runs = summary.runs
    trained: list[TrainingRecord | CurveRecord] = [*runs.trainings, *runs.imbalance, *runs.label_noise]
    found: dict[str, list[str]] = {}
    for versions in (*(made.versions for made in trained), *(file.run.versions for file in runs.attacks)):
        for name, version in versions.items():
            if version not in found.setdefault(name, []):
                found[name].append(version)
    return found
