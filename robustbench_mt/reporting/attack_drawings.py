"""What attacks leave: figures of the accuracy under attack, and of the texts that fool one checkpoint after another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_mt.reporting.attack_plots import (
    plot_accuracy_by_length,
    plot_accuracy_by_words,
    plot_accuracy_under_attack,
    plot_success_by_queries,
)
from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.drawing import Drawing, columns_for, panels, share_legend, sketch
from robustbench_mt.reporting.length_rows import LEAST_EXAMPLES, LengthRow
from robustbench_mt.reporting.naming import NO_LIMIT, method_order, seed_names
from robustbench_mt.reporting.style import ONE_COLUMN, TWO_COLUMNS, Look, new_figure
from robustbench_mt.reporting.transfer_plots import plot_transfer
from robustbench_mt.reporting.transfer_rows import TransferMatrix

__all__ = ["attack_drawings", "transfer_drawing"]

WORST_CASE = " In the worst case over recipes, an example is robust only when it survives all of them."
# A transfer matrix of more targets takes the page's whole width.
_FEW = 3

_Row = TypeVar("_Row", AttackRow, LengthRow)


def attack_drawings(
    attacks: Sequence[AttackRow],
    worst_case: Sequence[AttackRow],
    lengths: Sequence[LengthRow],
    looks: Mapping[str, Look],
) -> Iterator[Drawing]:
    """For each task, accuracy before and under attack, by the words changed and by length; success against queries.

    Args:
        attacks: by task and recipe.
        worst_case: the rows of the worst case over recipes.
        lengths: by task and recipe, of some of the attacks.
        looks: by method.
    """
    for task, of_task in groupby(attacks, key=lambda row: row.task):
        of_recipes, worst = list(of_task), [row for row in worst_case if row.task == task]
        rows, counted = [*of_recipes, *worst], _counted(of_recipes, worst)
        yield _under_attack(task, rows, looks, counted)
        yield _by_words(task, rows, looks, counted)
        if any(row.by_queries for row in of_recipes):
            yield _by_queries(task, of_recipes, looks, _counted(of_recipes, ()))
        if by_length := [row for row in lengths if row.task == task]:
            drawn = {(row.recipe, row.method) for row in by_length}
            shown = [row for row in of_recipes if (row.recipe, row.method) in drawn]
            yield _by_length(task, by_length, looks, _counted(shown, ()))


def _under_attack(task: str, rows: Sequence[AttackRow], looks: Mapping[str, Look], counted: str) -> Drawing:
    figure = new_figure(TWO_COLUMNS, 0.9 + 0.2 * len(rows) + 0.14 * len({row.recipe for row in rows}))
    plot_accuracy_under_attack(figure.subplots(), rows, looks)
    return sketch(
        figure,
        "attacks",
        ("accuracy_under_attack", task),
        f"{task}: accuracy before and under attack",
        f"Share of the n examples beside each line that are classified correctly before the attack (hollow) and after "
        f"it (filled, with its interval). {counted}",
    )


def _by_words(task: str, rows: Sequence[AttackRow], looks: Mapping[str, Look], counted: str) -> Drawing:
    figure = _panels_of_recipes(rows, looks, plot_accuracy_by_words)
    figure.supxlabel("share of words that an attacker may change (%)", fontsize=8)
    figure.supylabel("accuracy (% of examples)", fontsize=8)
    return sketch(
        figure,
        "words",
        ("accuracy_by_words", task),
        f"{task}: accuracy against the share of words that an attacker may change",
        "From the same records, without a new attack: at each share, the successes that changed more words count as "
        "withstood. An upper bound on what an attack with that limit would leave, because the search was not told of "
        f"the limit. n above each panel. {counted}",
    )


def _by_queries(task: str, rows: Sequence[AttackRow], looks: Mapping[str, Look], counted: str) -> Drawing:
    figure = _panels_of_recipes(rows, looks, plot_success_by_queries)
    figure.supxlabel("queries: texts scored for an example", fontsize=8)
    figure.supylabel("label flipped (% of the attacked)", fontsize=8)
    return sketch(
        figure,
        "queries",
        ("success_by_queries", task),
        f"{task}: success of attacks against the queries that they take",
        "Share of the attacked examples, all classified correctly before, whose label was flipped with that many texts "
        "scored or fewer. An attack ends at its success, so this is also what a smaller budget of queries would "
        f"have left of the successes. n above each panel. {counted}",
    )


def _by_length(task: str, rows: Sequence[LengthRow], looks: Mapping[str, Look], counted: str) -> Drawing:
    figure = _panels_of_recipes(rows, looks, plot_accuracy_by_length, own_x=True)
    figure.supxlabel("words of the text; below: n of each method", fontsize=8)
    figure.supylabel("accuracy under attack (% of examples)", fontsize=8)
    return sketch(
        figure,
        "length",
        ("accuracy_by_length", task),
        f"{task}: accuracy under attack against the length of the text",
        "Share of the examples, in groups by the words of the fields that an attacker may change, that are classified "
        "correctly after the attack. Groups of all methods' examples together, about equal in size: four, or fewer "
        f"where a method would have less than {LEAST_EXAMPLES} examples in one; a method with less than "
        f"{2 * LEAST_EXAMPLES} is not drawn. n of a method stands above each panel, n of its groups below it. "
        "Texts of another length may also be harder before the attack: a difference between groups need not be the "
        "attack's. "
        f"{counted}",
    )


def _panels_of_recipes(
    rows: Sequence[_Row],
    looks: Mapping[str, Look],
    plot: Callable[[Axes, Sequence[_Row], Mapping[str, Look]], None],
    own_x: bool = False,
) -> Figure:
    recipes = [list(of_recipe) for _, of_recipe in groupby(rows, key=lambda row: row.recipe)]
    # A panel's own names below it are wider than numbers.
    most = 3 if own_x else 4
    columns = columns_for(len(recipes), most)
    lines = -(-len(recipes) // columns)
    figure = new_figure(ONE_COLUMN if columns == 1 else TWO_COLUMNS, 0.7 + (1.9 if lines == 1 else 1.5) * lines)
    grid = panels(figure, len(recipes), not own_x, most)
    for axes, of_recipe in zip(grid, recipes, strict=True):
        plot(axes, of_recipe, looks)
    share_legend(figure, grid)
    return figure


def _counted(of_recipes: Sequence[AttackRow], worst_case: Sequence[AttackRow]) -> str:
    """What the intervals are, which seeds are pooled, what is left out of n, and what ended attacks."""
    rows = [*of_recipes, *worst_case]
    of_methods = {(row.method, seed_names(row.seeds, row.checkpoints)): None for row in sorted(rows, key=_method)}
    alike = {seeds for _, seeds in of_methods}
    pooled = alike if len(alike) == 1 else [f"{method}: {seeds}" for method, seeds in of_methods]
    left_out = sum(row.left_out for row in of_recipes)
    limits = sorted({row.budget for row in of_recipes} - {NO_LIMIT})
    ended = sum(row.ended_by_budget for row in of_recipes)
    budget = f" Budget of an example: {'; or '.join(limits)}; attacks that ran into it: {ended}." if limits else ""
    return (
        "Intervals are 95% Wilson, of several seeds over seeds and examples. "
        f"Seeds{' of each method' * (len(of_methods) > len(alike))}: {'; '.join(pooled)}. "
        f"{f'Examples left out of n: {left_out}.' if left_out else 'No example is left out of n.'}"
        f"{budget}{WORST_CASE if worst_case else ''}"
    )


def _method(row: AttackRow) -> tuple[bool, list[str | float], str]:
    return method_order(row.method)


def transfer_drawing(matrix: TransferMatrix) -> Drawing:
    """The transfer matrix of a task and recipe."""
    width = ONE_COLUMN if len(matrix.targets) <= _FEW else TWO_COLUMNS
    figure = new_figure(width, 1.2 + 0.36 * len(matrix.sources))
    image = plot_transfer(figure.subplots(), matrix)
    bar = figure.colorbar(image, label="share fooled", ticks=[0, 0.5, 1], shrink=0.85, aspect=15, pad=0.02)
    bar.ax.set_yticklabels(["0%", "50%", "100%"])
    return sketch(
        figure,
        "transfer",
        ("transfer", matrix.task, matrix.recipe),
        f"{matrix.task}: adversarial texts of {matrix.recipe}, found against one checkpoint and scored on another",
        "Share that the checkpoint below misclassifies, of the n adversarial texts whose originals it classifies "
        "correctly. Own: the checkpoint that the texts were found against; hatched: not scored. The 95% Wilson "
        "intervals are in the table.",
    )
