"""All recipes against one checkpoint taken as one attack: an example is robust only when it survives every one."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.attacked import Columns, counted, with_status
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
        Groups by task and method, whose examples stand for all recipes': ``success`` where one succeeded (with the
        least share of words changed), with the queries of all.
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
        first, file = attacks[0]
        columns = _worst(attacks) if len(recipes) > 1 else file.attacked.columns[:0]
        if len(columns):
            budgets = list(dict.fromkeys(group.budget for group, _ in attacks))
            budget = budgets[0] if len(budgets) == 1 else "each recipe's"
            pooled = merged.setdefault((first.task, first.method, recipes), [])
            pooled.append((budget, replace(file, attacked=replace(file.attacked, columns=columns))))
    worst = [
        AttackGroup(task, _name(task, recipes, merged), method, files[0][0], [file for _, file in files])
        for (task, method, recipes), files in merged.items()
    ]
    return sorted(worst, key=lambda group: (group.task, group.recipe, method_order(group.method)))


def _worst(attacks: Sequence[tuple[AttackGroup, AttackFile]]) -> Columns:
    """Of the examples that every recipe was run on, one row each for all."""
    by_recipe: dict[str, list[Columns]] = {}
    for group, file in attacks:
        by_recipe.setdefault(group.recipe, []).append(file.attacked.columns)
    every = [np.concatenate(of_recipe) for of_recipe in by_recipe.values()]
    shared = reduce(np.intersect1d, [columns["index"] for columns in every])
    together = np.concatenate([columns[np.isin(columns["index"], shared)] for columns in every])
    together = together[np.argsort(together["index"], kind="stable")]
    # Scores can differ in the last digits from one run to the next, so recipes may not agree on what was right before.
    fell = with_status(together, "success")
    rank = np.select([~counted(together), ~together["correct"], fell], [0, 1, 2], 3)
    least = np.where(rank == 2, _shares_changed(together), 0.0)
    # Rows of one example are neighbours, before and after: of those that rank alike the first recipe's comes first.
    chosen = together[np.lexsort((least, rank, together["index"]))]
    starts = np.flatnonzero(np.append(True, together["index"][1:] != together["index"][:-1])[: len(together)])
    if not len(starts):
        return together
    worst = chosen[starts]
    worst["queries"] = np.add.reduceat(together["queries"], starts)
    worst["ended_by"] = np.where(with_status(worst, "failed"), _first_not_zero(together["ended_by"], starts), 0)
    return worst


def _first_not_zero(values: NDArray[np.uint8], starts: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Of each stretch that begins at ``starts``; 0 where all are."""
    stretch = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    found = np.zeros(len(starts), values.dtype)
    # Backwards, so that the first is the last to be put down.
    there = np.flatnonzero(values)[::-1]
    found[stretch[there]] = values[there]
    return found


def _shares_changed(columns: Columns) -> NDArray[np.float64]:
    words = columns["words"]
    return np.where(words > 0, columns["words_changed"] / np.maximum(words, 1), 1.0)


def _name(task: str, recipes: Sequence[str], merged: Iterable[tuple[str, str, tuple[str, ...]]]) -> str:
    """``worst case of 3 recipes``; their names where not all checkpoints met the same."""
    if len({known for of_task, _, known in merged if of_task == task}) == 1:
        return f"{WORST_CASE} of {len(recipes)} recipes"
    return f"{WORST_CASE} of {', '.join(recipes)}"
