"""What a reader should doubt, as far as the records show it."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from robustbench_mt.chance import no_better_than_chance
from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.records import Status
from robustbench_mt.reporting.attack_rows import AttackGroup, ended_by
from robustbench_mt.reporting.attacked import Columns, counted, tried, with_status
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.matching_rows import MatchingRow
from robustbench_mt.reporting.method_remarks import unlike_settings
from robustbench_mt.reporting.runs import Runs

__all__ = ["doubts"]

# An all-or-nothing success rate over fewer attacks says little.
_ENOUGH_ATTACKS = 20
_ENOUGH_CANDIDATES = 100
# Candidates that the constraints let through; below this, the constraints decide the outcome, not the search.
_NEARLY_ALL_CUT = 0.05
_LEFT_OUT: tuple[tuple[Status, str], ...] = (
    ("error", "ended in an error"),
    ("skipped", "could not be tried (too long, no words, or the recipe's goal reached before)"),
)
# Of the other rows' mass: above it, they are more of one instance than of all others. In a batch of two or three it is
# hard not to be above it.
_HUB = 0.5
_ENOUGH_INSTANCES = 8
# Of the test examples of the largest class to those of the smallest.
_UNEVEN = 1.5
# Of the minority, under which other test examples may well give something else.
_ENOUGH_OF_MINORITY = 20
# Of the slowest training to the fastest of its kind, in time a step.
_BUSY = 1.5
# Cells that failed for the same reason.
_NAMED = 5


def doubts(
    runs: Runs,
    groups: list[AttackGroup],
    imbalance: list[ImbalanceRow],
    label_noise: list[LabelNoiseRow],
    matching: list[MatchingRow],
) -> list[str]:
    """One sentence a doubt, in the order of the report's sections."""
    of_attacks = [*_probes(groups), *_attacks(groups), *_unequal(groups)]
    of_curves = [
        *_unlike("imbalance", runs.imbalance),
        *_uneven_tests(imbalance),
        *_few_tests(imbalance),
        *_collapsed(imbalance),
        *_remarked(imbalance),
        *_unlike("label noise", runs.label_noise),
        *_unlearned(label_noise),
    ]
    seeds = _seeds(groups, [*imbalance, *label_noise])
    return [
        *_failures(runs),
        *_evaluations(runs),
        *_times(runs),
        *_hubs(matching),
        *of_attacks,
        *of_curves,
        *_fallbacks(groups),
        *seeds,
    ]


def _times(runs: Runs) -> Iterator[str]:
    kinds: dict[tuple[str, ...], list[float]] = {}
    for made in runs.trainings:
        if made.history:
            kind = (made.task, made.method, made.variant, repr(made.settings))
            kinds.setdefault(kind, []).append(made.seconds / made.history[-1]["step"])
    several = [times for times in kinds.values() if len(times) > 1]
    if uneven := sum(max(times) > _BUSY * min(times) for times in several):
        yield (
            f"Of {len(several)} methods that were trained with several seeds on a task, {uneven} took over {_BUSY:g} "
            "times as long a step with one seed as with another: other work on the machine is in these times, and they "
            "say little of what a method costs."
        )


def _failures(runs: Runs) -> Iterator[str]:
    cells: dict[str, list[str]] = {}
    for failure in runs.failures:
        cells.setdefault(f"{failure.error}: {failure.message}", []).append(failure.cell)
    for reason, failed in cells.items():
        named = ", ".join(failed[:_NAMED]) + (f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else "")
        yield f"Missing here, as {'they' if len(failed) > 1 else 'it'} failed: {named} ({reason.rstrip('.')})."


def _evaluations(runs: Runs) -> Iterator[str]:
    for evaluated in runs.evaluations:
        record = evaluated.record
        for warning in record.warnings:
            yield f"{record.checkpoint} on {record.task} ({record.split}, n={record.n}): {warning}"


def _hubs(rows: list[MatchingRow]) -> Iterator[str]:
    for row in rows:
        seeds, every = sum(max(hubs) > _HUB for hubs in row.hubs), len(row.hubs)
        if seeds and row.instances >= _ENOUGH_INSTANCES:
            remedy = "" if "similarity=distance" in row.method else " With similarity=distance no instance can."
            yield (
                f"{row.task}: training {row.method}, with {seeds} of {every} seed{'s' * (every != 1)} one instance "
                "took more than half of the other rows' mass in a recorded matrix: all were mixed with much the same."
                f"{remedy}"
            )


def _probes(groups: Sequence[AttackGroup]) -> Iterator[str]:
    """What probing each victim brought up, once for all recipes that were run against it."""
    recipes: dict[tuple[str, str, str], list[str]] = {}
    for group in groups:
        for file in group.files:
            for warning in file.run.warnings:
                recipes.setdefault((group.task, file.run.checkpoint, warning), []).append(group.recipe)
    for (task, checkpoint, warning), warned in recipes.items():
        yield f"{task}: {checkpoint}, attacked by {', '.join(dict.fromkeys(warned))}: {warning}"


def _attacks(groups: list[AttackGroup]) -> Iterator[str]:
    for (task, recipe), of_recipe in groupby(groups, key=lambda group: (group.task, group.recipe)):
        pooled = list(of_recipe)
        for status, what in _LEFT_OUT:
            told = list(_left_out(pooled, status))
            if told:
                yield f"{task}: examples on which {recipe} {what} are left out of n: {', '.join(told)}."
        yield from _at_chance(task, recipe, pooled)
        yield from _all_or_nothing(task, recipe, pooled)
        yield from _cut(task, recipe, pooled)
        yield from _ended_by_budget(task, recipe, pooled)
        every = [file.attacked.columns for group in pooled for file in group.files]
        attacked = {_examples(columns[~with_status(columns, "error")]) for columns in every}
        if len(attacked) > 1:
            yield f"{task}: {recipe} was run on different examples for different checkpoints."


def _at_chance(task: str, recipe: str, groups: list[AttackGroup]) -> Iterator[str]:
    for group in groups:
        correct, n = int(group.columns["correct"].sum()), len(group.columns)
        if told := no_better_than_chance(correct, n, len(group.files[0].run.label_names)):
            yield f"{task}: {group.method} was right on {correct} of {n} examples before {recipe}, {told}."


def _all_or_nothing(task: str, recipe: str, groups: Sequence[AttackGroup]) -> Iterator[str]:
    for group in groups:
        # To reduce nearly every input is what a recipe that keeps the label is expected to do.
        doubted = {0.0: "none"} if group.keeps_label else {0.0: "none", 1.0: "all"}
        for file in group.files:
            attacked = int(tried(file.attacked.columns).sum())
            fell = int(with_status(file.attacked.columns, "success").sum())
            if attacked >= _ENOUGH_ATTACKS and fell / attacked in doubted:
                yield (
                    f"{task}: {recipe} succeeded on {doubted[fell / attacked]} of the {attacked} examples of "
                    f"{file.run.checkpoint} that it attacked: look at some before you believe it."
                )


def _cut(task: str, recipe: str, groups: Sequence[AttackGroup]) -> Iterator[str]:
    for file in (file for group in groups for file in group.files):
        made, kept = (int(file.attacked.columns[name].sum()) for name in ("candidates", "candidates_kept"))
        if made >= _ENOUGH_CANDIDATES and kept < _NEARLY_ALL_CUT * made:
            yield (
                f"{task}: the constraints of {recipe} let through {kept:,} of {made:,} candidates "
                f"({kept / made * 100:.1f}%) against {file.run.checkpoint}: the search had next to nothing to choose "
                "from, and the accuracy left says little of the classifier."
            )


def _ended_by_budget(task: str, recipe: str, groups: Sequence[AttackGroup]) -> Iterator[str]:
    for group in groups:
        counts = ended_by(group.columns)
        if counts:
            told = ", ".join(f"{count} by {what}" for what, count in sorted(counts.items()))
            attacked = int(tried(group.columns).sum())
            clock = " The clock decides where the limit is in seconds: another run may differ." * bool(
                counts.get("seconds")
            )
            yield (
                f"{task}: a budget ({group.budget}) ended {sum(counts.values())} of {attacked} attacks of {recipe} on "
                f"{group.method} ({told}): these examples count as withstood, but not without limit.{clock}"
            )


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
    for row in rows:
        # Where a seed has no recall, there are none.
        seeds = list(zip(row.recalls, row.by_seed, strict=False))
        never = sum(recall == 0 for recall, _ in seeds)
        # A recall of 1 is no collapse by itself: the classifier may be right.
        always = sum(recall == 1 and math.isclose(f1, row.f1_of_always) for recall, f1 in seeds)
        for count, what in ((never, "never rightly predict"), (always, "always predict")):
            if count:
                theirs = "its" if count == 1 else "their"
                yield (
                    f"{row.task}: {count} of {len(seeds)} seed{'s' * (len(seeds) != 1)} of {row.method} trained at "
                    f"{row.trained_on} {what}{'s' * (count == 1)} {row.minority}: {theirs} training collapsed, and "
                    f"{theirs} F1 says no more than that."
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


def _unequal(groups: Sequence[AttackGroup]) -> Iterator[str]:
    """Where a worst case over recipes covers less than its recipes do, or other recipes than another's."""
    attacked: dict[tuple[str, str, str], dict[str, dict[str, bytes]]] = {}
    for group in groups:
        for file in group.files if not group.keeps_label else ():
            by_checkpoint = attacked.setdefault((group.task, file.run.split, file.run.data), {})
            by_checkpoint.setdefault(file.run.checkpoint, {})[group.recipe] = _examples(file.attacked.columns)
    for (task, *_), by_checkpoint in attacked.items():
        unequal = [name for name, by_recipe in by_checkpoint.items() if len(set(by_recipe.values())) > 1]
        if unequal:
            yield (
                f"{task}: the recipes were run on different examples of {', '.join(unequal)}: the worst case over "
                "recipes counts only those that all were run on."
            )
        if len({tuple(by_recipe) for by_recipe in by_checkpoint.values()}) > 1:
            yield (
                f"{task}: not all checkpoints were attacked by the same recipes: a worst case over recipes says "
                "nothing against one over others."
            )


def _left_out(groups: list[AttackGroup], status: Status) -> Iterator[str]:
    for group in groups:
        every = [file.attacked.columns for file in group.files]
        count = sum(int((with_status(columns, status) & ~counted(columns)).sum()) for columns in every)
        if count:
            yield f"{count} of {sum(map(len, every))} for {group.method}"


def _examples(columns: Columns) -> bytes:
    """What is the same for the same examples."""
    return columns["index"].tobytes()


def _fallbacks(groups: list[AttackGroup]) -> Iterator[str]:
    recipes: dict[str, list[str]] = {}
    for group in groups:
        for fallback in (fallback for file in group.files for fallback in file.attacked.stood_in):
            recipes.setdefault(fallback, []).append(group.recipe)
    for fallback, used in recipes.items():
        named = ", ".join(dict.fromkeys(used))
        yield f"A resource was missing, and something stood in for it: {fallback}, in {named}."


def _seeds(groups: list[AttackGroup], curves: Sequence[CurveRow]) -> Iterator[str]:
    single = {(row.task, row.method): "one seed a point" for row in curves if len(row.seeds) == 1} | {
        (group.task, group.method): "one training seed" for group in groups if len(group.seeds) == 1
    }
    for (task, method), what in sorted(single.items()):
        yield f"{task}: {method} has {what}; another seed may give other numbers."
