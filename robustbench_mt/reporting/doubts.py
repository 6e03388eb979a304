"""What a reader should doubt, as far as the records show it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from robustbench_mt.chance import no_better_than_chance
from robustbench_mt.records import Status
from robustbench_mt.reporting.attack_rows import AttackGroup, ended_by
from robustbench_mt.reporting.attacked import Columns, counted, tried, with_status
from robustbench_mt.reporting.curve_doubts import curve_doubts
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.finding import listed_with_and
from robustbench_mt.reporting.matching_rows import MatchingRow
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
# Of the slowest training to the fastest of its kind, in time a step.
_BUSY = 1.5
# Cells that failed for the same reason, and checkpoints of which the same is to be doubted.
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
    of_curves = curve_doubts(runs, imbalance, label_noise)
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
        they = "they" if len(failed) > 1 else "it"
        yield f"Missing here, as {they} failed: {_named(failed)} ({reason.rstrip('.')})."


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _evaluations(runs: Runs) -> Iterator[str]:
    """Once for all checkpoints of which an evaluation on the same set warns in the same words."""
    warned: dict[tuple[str, str], list[str]] = {}
    for evaluated in runs.evaluations:
        record = evaluated.record
        for warning in record.warnings:
            where = f"{record.task} ({record.split}, n={record.n})"
            warned.setdefault((where, warning), []).append(record.checkpoint)
    for (where, warning), names in warned.items():
        who = names[0] if len(names) == 1 else f"{len(names)} checkpoints"
        yield f"{who} on {where}: {warning}{f' These are {_named(names)}.' if len(names) > 1 else ''}"


def _hubs(rows: list[MatchingRow]) -> Iterator[str]:
    """Once for all methods of a task; by distances there should be none."""
    found: dict[tuple[str, bool], list[tuple[str, int, int]]] = {}
    for row in rows:
        seeds, every = sum(max(hubs) > _HUB for hubs in row.hubs), len(row.hubs)
        if seeds and row.instances >= _ENOUGH_INSTANCES:
            found.setdefault((row.task, "similarity=distance" in row.method), []).append((row.method, seeds, every))
    for (task, by_distance), methods in found.items():
        remedy = "" if by_distance else " With similarity=distance no instance can."
        yield (
            f"{task}: training {_with_seeds(methods)} one instance took more than half of the other rows' mass in a "
            f"recorded matrix: all were mixed with much the same.{remedy}"
        )


def _with_seeds(methods: Sequence[tuple[str, int, int]]) -> str:
    if len(methods) > _NAMED:
        seeds, every = (sum(numbers) for numbers in list(zip(*methods, strict=True))[1:])
        return f"{len(methods)} methods, in {seeds} of {every} trainings"
    counted = [(method, f"{seeds} of {every} seed{'s' * (every != 1)}") for method, seeds, every in methods]
    if len(counted) == 1:
        return ", with ".join(counted[0])
    return f"{listed_with_and([f'{method} ({of})' for method, of in counted])},"


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
