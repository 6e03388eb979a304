"""What a reader should doubt, as far as the records show it."""

from collections.abc import Iterator
from itertools import groupby

from robustbench_mt.reporting.attack_rows import AttackGroup, is_correct, is_counted
from robustbench_mt.reporting.naming import ratio_name
from robustbench_mt.reporting.runs import AttackFile, Runs
from robustbench_mt.reporting.seed_rows import ImbalanceRow

__all__ = ["doubts"]


def doubts(runs: Runs, groups: list[AttackGroup], imbalance: list[ImbalanceRow]) -> list[str]:
    """One sentence a doubt, in the order of the report's sections."""
    of_results = [*_evaluations(runs), *_attacks(groups), *_collapsed(imbalance)]
    return [*of_results, *_fallbacks(groups), *_seeds(groups, imbalance)]


def _evaluations(runs: Runs) -> Iterator[str]:
    for evaluated in runs.evaluations:
        record = evaluated.record
        for warning in record.warnings:
            yield f"{record.checkpoint} on {record.task} ({record.split}, n={record.n}): {warning}"


def _attacks(groups: list[AttackGroup]) -> Iterator[str]:
    for (task, recipe), of_recipe in groupby(groups, key=lambda group: (group.task, group.recipe)):
        pooled = list(of_recipe)
        for status, what in (("error", "ended in an error"), ("skipped", "could not be tried (too long, or no words)")):
            told = list(_left_out(pooled, status))
            if told:
                yield f"{task}: examples on which {recipe} {what} are left out of n: {', '.join(told)}."
        yield from _at_chance(task, recipe, pooled)
        attacked = {_indices(file) for group in pooled for file in group.files}
        if len(attacked) > 1:
            yield f"{task}: {recipe} was run on different examples for different checkpoints."


def _at_chance(task: str, recipe: str, groups: list[AttackGroup]) -> Iterator[str]:
    for group in groups:
        chance = 1 / len(group.files[0].run.label_names)
        correct = sum(map(is_correct, group.records))
        if group.records and correct <= chance * len(group.records):
            yield (
                f"{task}: {group.method} was right on {correct} of {len(group.records)} examples before {recipe}, at "
                "or under chance: its labels are probably in another order than the task's; map them with --map-labels."
            )


def _collapsed(rows: list[ImbalanceRow]) -> Iterator[str]:
    for row in rows:
        recall = row.metrics["minority_recall"].value
        if recall in (0, 1):
            what = "never" if recall == 0 else "always"
            yield (
                f"{row.task}: {row.method} trained at {ratio_name(row.ratio)} {what} predicts {row.minority}: "
                "the training collapsed, and its F1 says no more than that."
            )


def _left_out(groups: list[AttackGroup], status: str) -> Iterator[str]:
    for group in groups:
        records = [record for file in group.files for record in file.records]
        count = sum(record.status == status and not is_counted(record) for record in records)
        if count:
            yield f"{count} of {len(records)} for {group.method}"


def _indices(file: AttackFile) -> tuple[int, ...]:
    return tuple(record.index for record in file.records if record.status != "error")


def _fallbacks(groups: list[AttackGroup]) -> Iterator[str]:
    used: dict[str, list[str]] = {}
    for group in groups:
        for fallback in {fallback: None for file in group.files for r in file.records for fallback in r.fallbacks}:
            used.setdefault(fallback, []).append(group.recipe)
    for fallback, recipes in used.items():
        named = ", ".join(dict.fromkeys(recipes))
        yield f"A resource was missing, and something stood in for it: {fallback}, in {named}."


def _seeds(groups: list[AttackGroup], imbalance: list[ImbalanceRow]) -> Iterator[str]:
    single = {(row.task, row.method): "one seed a point" for row in imbalance if len(row.seeds) == 1} | {
        (group.task, group.method): "one training seed" for group in groups if len(group.seeds) == 1
    }
    for (task, method), what in sorted(single.items()):
        yield f"{task}: {method} has {what}; another seed may give other numbers."
