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
    """A curve: its levels, what it was trained and evaluated on.

    Attributes:
        trained: training examples: of all classes where labels were flipped; else of the majority, which is the largest
            other class, and of the minority, at the level that leaves most of that and at the one that leaves least.
        tests: each test set's examples by class.
        summary: what a level of imbalance changes.
    """

    task: str
    levels: list[str]
    seeds: list[int]
    trained: list[tuple[int, ...]]
    tests: list[list[tuple[int, str]]]
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
            trained=_most_and_least(points),
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
        CurveFacts(
            **_shared(points),
            trained=sorted({(sum(point.train_counts),) for point in points}),
            levels=_names(points, lambda point: share_name(point.share)),
        )
        for points in curves.values()
    ]


def _names(points: Sequence[R], name: Callable[[R], str]) -> list[str]:
    return list(dict.fromkeys(map(name, sorted(points, key=lambda point: point.level))))


def _most_and_least(points: Sequence[ImbalanceRecord]) -> list[tuple[int, ...]]:
    """Controls are balanced, and say nothing of the imbalance."""
    counts = {_majority_and_minority(point) for point in points if not point.control}
    by_minority = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return list(dict.fromkeys([*by_minority[:1], *by_minority[-1:]]))


def _majority_and_minority(point: ImbalanceRecord) -> tuple[int, int]:
    counts = dict(zip(point.label_names, point.train_counts, strict=True))
    minority = counts.pop(point.minority)
    return max(counts.values(), default=0), minority


def _shared(points: Sequence[CurveRecord]) -> dict[str, Any]:
    tests = dict.fromkeys(tuple(zip(point.test_counts, point.label_names, strict=True)) for point in points)
    return {
        "task": points[0].task,
        "seeds": sorted({point.seed for point in points}),
        "tests": list(map(list, tests)),
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
