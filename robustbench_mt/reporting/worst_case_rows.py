"""All recipes against one checkpoint taken as one attack: an example is robust only when it survives every one."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from robustbench_mt.records import AttackRecord
from robustbench_mt.reporting.attack_rows import AttackGroup, is_correct, is_counted
from robustbench_mt.reporting.naming import method_order
from robustbench_mt.reporting.runs import AttackFile

__all__ = ["WORST_CASE", "worst_case_groups"]

WORST_CASE = "worst case"


def worst_case_groups(groups: Sequence[AttackGroup]) -> list[AttackGroup]:
    """The attacks of an attacker who tries every recipe on each example, for checkpoints that several were run against.

    Recipes that keep the label are no part of it. An example counts where all recipes were run on it; one that a recipe
    could not try, or broke on, is left out, as it is from that recipe's own n.

    Args:
        groups: the recipes' attacks.

    Returns:
        Groups by task and method, whose records stand for all recipes': ``success`` where one succeeded (with the least
        share of words changed), with the queries and seconds of all.
    """
    by_checkpoint: dict[Hashable, list[tuple[AttackGroup, AttackFile]]] = {}
    for group in groups:
        for file in group.files if not group.keeps_label else ():
            run = file.run
            key = (group.task, run.split, run.data, group.method, run.checkpoint, run.victim)
            by_checkpoint.setdefault(key, []).append((group, file))
    merged: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, AttackFile]]] = {}
    for attacks in by_checkpoint.values():
        recipes = tuple(dict.fromkeys(group.recipe for group, _ in attacks))
        records = _worst(attacks) if len(recipes) > 1 else []
        if records:
            first, file = attacks[0]
            budgets = list(dict.fromkeys(group.budget for group, _ in attacks))
            budget = budgets[0] if len(budgets) == 1 else "each recipe's"
            pooled = merged.setdefault((first.task, first.method, recipes), [])
            pooled.append((budget, replace(file, records=records)))
    worst = [
        AttackGroup(task, _name(task, recipes, merged), method, files[0][0], [file for _, file in files])
        for (task, method, recipes), files in merged.items()
    ]
    return sorted(worst, key=lambda group: (group.task, group.recipe, method_order(group.method)))


def _worst(attacks: Sequence[tuple[AttackGroup, AttackFile]]) -> list[AttackRecord]:
    by_recipe: dict[str, dict[int, list[AttackRecord]]] = {}
    for group, file in attacks:
        of_recipe = by_recipe.setdefault(group.recipe, {})
        for record in file.records:
            of_recipe.setdefault(record.index, []).append(record)
    first, *others = by_recipe.values()
    return [
        _merge([record for of_recipe in by_recipe.values() for record in of_recipe[index]])
        for index in sorted(first)
        if all(index in other for other in others)
    ]


def _merge(records: Sequence[AttackRecord]) -> AttackRecord:
    """One example's records by several recipes as one."""
    chosen = next((record for record in records if not is_counted(record)), None)
    if chosen is None:
        # Scores can differ in the last digits from one run to the next, so recipes may not agree.
        chosen = next((record for record in records if not is_correct(record)), None)
    if chosen is None:
        successes = [record for record in records if record.status == "success"]
        chosen = min(successes, key=_share_changed) if successes else records[0]
    ended_by = [record.ended_by for record in records if record.ended_by]
    return replace(
        chosen,
        queries=sum(record.queries for record in records),
        seconds=sum(record.seconds for record in records),
        ended_by=ended_by[0] if ended_by and chosen.status == "failed" else "",
    )


def _share_changed(record: AttackRecord) -> float:
    return record.words_changed / record.words if record.words else 1.0


def _name(task: str, recipes: Sequence[str], merged: Iterable[tuple[str, str, tuple[str, ...]]]) -> str:
    """``worst case of 3 recipes``; their names where not all checkpoints met the same."""
    if len({known for of_task, _, known in merged if of_task == task}) == 1:
        return f"{WORST_CASE} of {len(recipes)} recipes"
    return f"{WORST_CASE} of {', '.join(recipes)}"
