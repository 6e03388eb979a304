"""What a methods section has to say of curves: facts, without a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from robustbench_mt.curve_records import CurveRecord, ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.reporting.naming import ratio_name, share_name
from robustbench_mt.reporting.training_facts import MethodFacts, method_facts

__all__ = ["CurveFacts", "imbalance_facts", "label_noise_facts"]

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
