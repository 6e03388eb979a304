"""What a reader should doubt of the curves along imbalance and label noise."""

import math
from collections.abc import Iterator, Sequence

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.reporting.curve_rows import ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.finding import listed_with_and
from robustbench_mt.reporting.method_remarks import unlike_settings
from robustbench_mt.reporting.runs import Runs

__all__ = ["curve_doubts"]

# Of the test examples of the largest class to those of the smallest.
_UNEVEN = 1.5
# Of the minority, under which other test examples may well give something else.
_ENOUGH_OF_MINORITY = 20


def curve_doubts(runs: Runs, imbalance: list[ImbalanceRow], label_noise: list[LabelNoiseRow]) -> list[str]:
    """One sentence a doubt."""
    return [
        *_unlike("imbalance", runs.imbalance),
        *_uneven_tests(imbalance),
        *_few_tests(imbalance),
        *_collapsed(imbalance),
        *_remarked(imbalance),
        *_unlike("label noise", runs.label_noise),
        *_unlearned(label_noise),
    ]


def _unlike(curve: str, points: Sequence[CurveRecord]) -> Iterator[str]:
    """Points of several runs that methods' names do not tell apart, as each method has but one of the settings."""
    curves: dict[tuple[str, ...], list[CurveRecord]] = {}
    for point in points:
        curves.setdefault((point.task, *point.identity), []).append(point)
    told = {(task, unlike): None for (task, *_), of in curves.items() for unlike in unlike_settings(of, varied=False)}
    yield from (f"{task}: methods along the {curve} curve differ in more than the method: {it}." for task, it in told)


def _uneven_tests(rows: list[ImbalanceRow]) -> Iterator[str]:
    """Once for each test set, and class that is the minority in training."""
    told = {}
    for row in rows:
        largest, smallest = (end(row.test_counts, key=lambda name: row.test_counts[name]) for end in (max, min))
        if row.test_counts[largest] > _UNEVEN * row.test_counts[smallest]:
            told[row.task, row.minority, tuple(row.test_counts.items())] = (
                f"{row.task}: the test set is not balanced, with {row.test_counts[largest]:,} examples of {largest} "
                f"and {row.test_counts[smallest]:,} of {smallest}. F1 and average precision of {row.minority}, the "
                "minority in training, depend on that (to predict it always has an F1 of "
                f"{row.f1_of_always:.3f}); balanced accuracy and recall do not."
            )
    yield from told.values()


def _few_tests(rows: list[ImbalanceRow]) -> Iterator[str]:
    """Once for each test set, and class that is the minority in training; one seed's intervals are over examples."""
    few = {
        (row.task, row.minority, row.test_counts[row.minority]): None
        for row in rows
        if len(row.seeds) > 1 and row.test_counts[row.minority] < _ENOUGH_OF_MINORITY
    }
    for task, minority, count in few:
        yield (
            f"{task}: all that is said of {minority}, the minority in training, rests on {count} test "
            f"example{'s' * (count != 1)}: intervals over seeds tell what other seeds may give on these, not what "
            "other examples may."
        )


def _collapsed(rows: list[ImbalanceRow]) -> Iterator[str]:
    """Once for all points of a curve at which as many seeds have come to the same."""
    alike: dict[tuple[str, str, int, int, str], list[str]] = {}
    for row in rows:
        # Where a seed has no recall, there are none.
        seeds = list(zip(row.recalls, row.by_seed, strict=False))
        never = sum(recall == 0 for recall, _ in seeds)
        # A recall of 1 is no collapse by itself: the classifier may be right.
        always = sum(recall == 1 and math.isclose(f1, row.f1_of_always) for recall, f1 in seeds)
        for count, what in ((never, "never rightly predict"), (always, "always predict")):
            if count:
                told = f"{what}{'s' * (count == 1)} {row.minority}"
                alike.setdefault((row.task, row.method, count, len(seeds), told), []).append(row.trained_on)
    for (task, method, count, of, told), levels in alike.items():
        each, theirs = "each of " * (len(levels) > 1), "its" if count == 1 else "their"
        yield (
            f"{task}: {count} of {of} seed{'s' * (of != 1)} of {method} trained at {each}{listed_with_and(levels)} "
            f"{told}: {theirs} training collapsed, and {theirs} F1 says no more than that."
        )


def _remarked(rows: list[ImbalanceRow]) -> Iterator[str]:
    """Each remark once a task, with all that it is about."""
    about: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (task, trained_on, remark), methods in _methods_by_remark(rows).items():
        about.setdefault((task, remark, tuple(methods)), []).append(trained_on)
    for (task, remark, together), levels in about.items():
        yield f"{task}: {', '.join(together)} trained at {', '.join(levels)}: {remark}"


def _methods_by_remark(rows: list[ImbalanceRow]) -> dict[tuple[str, str, str], list[str]]:
    methods: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        for remark in row.remarks:
            methods.setdefault((row.task, row.trained_on, remark), []).append(row.method)
    return methods


def _unlearned(rows: list[LabelNoiseRow]) -> Iterator[str]:
    for row in rows:
        accuracy = row.measured.value
        if accuracy is not None and accuracy <= 1 / row.classes:
            yield (
                f"{row.task}: {row.method} trained with {row.level_name} of the labels flipped has a clean accuracy of "
                f"{accuracy:.3f}, at or under chance ({1 / row.classes:.3f}): nothing was learned from the right ones."
            )
