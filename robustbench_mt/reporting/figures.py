"""The report's figures: what is drawn together, and what its caption says."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_mt.reporting.ablation_plots import plot_batch_size, plot_self_mass
from robustbench_mt.reporting.ablation_rows import Ablation
from robustbench_mt.reporting.attack_plots import plot_accuracy_by_words, plot_accuracy_under_attack
from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.curve_plots import plot_imbalance, plot_label_noise
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.matching_plots import plot_mass, plot_matrix
from robustbench_mt.reporting.matching_rows import MatchingRow
from robustbench_mt.reporting.naming import NO_LIMIT, file_name, method_order, seed_names
from robustbench_mt.reporting.style import Look, looks, new_figure, render, styled
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.transfer_plots import plot_transfer
from robustbench_mt.reporting.transfer_rows import TransferMatrix

__all__ = ["ENDINGS", "Drawing", "draw"]

ENDINGS = ("png", "svg")

WORST_CASE = " In the worst case over recipes, an example is robust only when it survives all of them."


@dataclass(frozen=True)
class Drawing:
    """A figure as files.

    Attributes:
        section: where the page shows it: ``attacks``, ``words``, ``transfer``, ``methods``, ``imbalance``,
            ``label-noise``, ``matching``.
        name: its files' name, without the ending.
        title: one line, also its text where images are not shown.
        caption: what is counted over which n, and what the intervals are.
        files: content by ending.
    """

    section: str
    name: str
    title: str
    caption: str
    files: dict[str, bytes]


def draw(summary: Summary) -> list[Drawing]:
    """Draw every figure that the records have data for."""
    methods = [row.method for rows in (summary.attacks, summary.imbalance, summary.label_noise) for row in rows]
    shared = looks(sorted(methods, key=method_order))
    with styled():
        return _with_own_names(
            [
                *(drawing for of_task in _by_task(summary) for drawing in _attack_drawings(*of_task, shared)),
                *map(_transfer_drawing, summary.transfers),
                *(drawing for ablation in summary.ablations for drawing in _ablation_drawings(ablation)),
                *_imbalance_drawings(summary.imbalance, shared),
                *_label_noise_drawings(summary.label_noise, shared),
                *(drawing for row in summary.matching for drawing in _matching_drawings(row)),
            ]
        )


def _by_task(summary: Summary) -> Iterator[tuple[list[AttackRow], list[AttackRow]]]:
    """The recipes' rows of each task, and those of the worst case over them."""
    for task, of_task in groupby(summary.attacks, key=lambda row: row.task):
        yield list(of_task), [row for row in summary.worst_case if row.task == task]


def _attack_drawings(
    of_recipes: Sequence[AttackRow], worst_case: Sequence[AttackRow], shared: dict[str, Look]
) -> Iterator[Drawing]:
    rows = [*of_recipes, *worst_case]
    task = rows[0].task
    figure = new_figure(8.4, 1.3 + 0.34 * len(rows) + 0.2 * len({row.recipe for row in rows}))
    plot_accuracy_under_attack(figure.subplots(), rows, shared)
    pooled = sorted({f"{row.method}: {seed_names(row.seeds, row.checkpoints)}" for row in rows})
    intervals = (
        "Intervals are 95% Wilson; examples count as independent, also where seeds are pooled. "
        f"Seeds: {'; '.join(pooled)}. Examples left out of the recipes' n: {sum(row.left_out for row in of_recipes)}."
        f"{_limits(of_recipes)}{WORST_CASE if worst_case else ''}"
    )
    yield _drawing(
        figure,
        "attacks",
        ("accuracy_under_attack", task),
        f"{task}: accuracy before and under attack",
        f"Share of the n examples beside each line that are classified correctly before the attack (hollow) and after "
        f"it (filled, with its interval). {intervals}",
    )
    recipes = [list(of_recipe) for _, of_recipe in groupby(rows, key=lambda row: row.recipe)]
    columns = min(3, len(recipes))
    lines = math.ceil(len(recipes) / columns)
    figure = new_figure(max(5.2, 3.1 * columns), 2.8 * lines + 0.7)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel().tolist()
    for axes, of_recipe in zip(grid, recipes, strict=False):
        plot_accuracy_by_words(axes, of_recipe, shared)
    for axes in grid[len(recipes) :]:
        axes.set_axis_off()
    handles = {text: handle for axes in grid for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=min(len(handles), 4))
    figure.supxlabel("share of words that an attacker may change (%)", fontsize=9.5)
    figure.supylabel("accuracy (% of examples)", fontsize=9.5)
    yield _drawing(
        figure,
        "words",
        ("accuracy_by_words", task),
        f"{task}: accuracy against the share of words that an attacker may change",
        "From the same records, without a new attack: at each share, the successes that changed more words count as "
        "withstood. An upper bound on what an attack with that limit would leave, because the search was not told of "
        f"the limit. n above each panel. {intervals}",
    )


def _limits(rows: Sequence[AttackRow]) -> str:
    limits = sorted({row.budget for row in rows} - {NO_LIMIT})
    ended = sum(row.ended_by_budget for row in rows)
    return f" Budget of an example: {'; or '.join(limits)}; attacks that ran into it: {ended}." if limits else ""


def _transfer_drawing(matrix: TransferMatrix) -> Drawing:
    figure = new_figure(3.4 + 1.25 * len(matrix.targets), 1.9 + 0.6 * len(matrix.sources))
    image = plot_transfer(figure.subplots(), matrix)
    bar = figure.colorbar(image, label="share fooled", ticks=[0, 0.5, 1], shrink=0.85)
    bar.ax.set_yticklabels(["0%", "50%", "100%"])
    return _drawing(
        figure,
        "transfer",
        ("transfer", matrix.task, matrix.recipe),
        f"{matrix.task}: adversarial texts of {matrix.recipe}, found against one checkpoint and scored on another",
        "Share that the checkpoint below misclassifies, of the n adversarial texts whose originals it classifies "
        "correctly. Own: the checkpoint that the texts were found against; hatched: not scored. The 95% Wilson "
        "intervals are in the table.",
    )


def _imbalance_drawings(rows: Sequence[ImbalanceRow], shared: dict[str, Look]) -> Iterator[Drawing]:
    for (task, minority), group in groupby(rows, key=lambda row: (row.task, row.minority)):
        points = list(group)
        figure = new_figure(7.2, 4.2)
        plot_imbalance(figure.subplots(), points, shared)
        yield _drawing(
            figure,
            "imbalance",
            ("imbalance", task, minority),
            f"{task}: F1 of the minority class {minority} against the ratio in training",
            f"{_band(points)} What was trained on is in the table.",
        )


def _ablation_drawings(ablation: Ablation) -> Iterator[Drawing]:
    sizes, rows = ablation.batch_sizes, ablation.rows
    score = rows[0].score_name
    about = f"{ablation.task} ({ablation.told})" if ablation.told else ablation.task
    seeds = "; ".join(sorted({seed_names(list(row.scores)) for row in rows}))
    counted = (
        f"Mean over seeds of the score ({score}) on {ablation.split}, n={rows[0].n}; lines and vanilla's band: 95% t "
        f"interval over seeds; small marks: each seed. Seeds: {seeds}."
    )
    if len(ablation.settings) > 1:
        figure = new_figure(max(5.2, 3.1 * len(sizes) + 0.8), 3.9)
        grid = figure.subplots(1, len(sizes), squeeze=False, sharey=True).ravel().tolist()
        for axes, size in zip(grid, sizes, strict=True):
            plot_self_mass(axes, ablation, size)
        figure.supxlabel("self mass that the temperature is calibrated to", fontsize=9.5)
        name = ("ablation_self_mass", ablation.task, ablation.told)
        apart = "A temperature given as a number stands apart: it aims at no self mass."
        yield _ablation(
            figure, grid, score, name, f"{about}: {score} against the self mass of match", f"{counted} {apart}"
        )
    if len(sizes) > 1:
        figure = new_figure(7.2, 4.4)
        grid = [figure.subplots()]
        plot_batch_size(grid[0], ablation)
        name = ("ablation_batch_size", ablation.task, ablation.told)
        yield _ablation(figure, grid, score, name, f"{about}: {score} against the batch size", counted)


def _ablation(
    figure: Figure, grid: Sequence[Axes], score: str, name: Sequence[str], title: str, caption: str
) -> Drawing:
    grid[0].set_ylabel(score)
    handles = {text: handle for axes in grid for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=min(len(handles), 3))
    return _drawing(figure, "methods", name, title, caption)


def _label_noise_drawings(rows: Sequence[LabelNoiseRow], shared: dict[str, Look]) -> Iterator[Drawing]:
    for task, group in groupby(rows, key=lambda row: row.task):
        points = list(group)
        figure = new_figure(7.2, 4.2)
        plot_label_noise(figure.subplots(), points, shared)
        yield _drawing(
            figure,
            "label-noise",
            ("label_noise", task),
            f"{task}: accuracy on clean test labels against the share of training labels flipped",
            f"{_band(points)} Only training labels are flipped, each to another class at random; validation labels "
            "are clean too.",
        )


def _band(rows: Sequence[CurveRow]) -> str:
    """What the band of a curve is, and over how many examples each seed is evaluated."""
    if all(len(row.seeds) == 1 for row in rows):
        band = (
            "One seed a point; band: 95% bootstrap interval over test examples, which does not know what another "
            "seed may give."
        )
    else:
        band = "Line: mean over seeds; small marks: each seed; band: 95% t interval over seeds."
    tests = " or ".join(str(n) for n in sorted({row.n for row in rows}))
    return f"{band} Each seed is evaluated on the untouched test set, n={tests}."


def _matching_drawings(row: MatchingRow) -> Iterator[Drawing]:
    seeds = f"seeds: {seed_names(row.seeds)}"
    figure = new_figure(7.2, 3.5)
    plot_mass(figure.subplots(), row)
    band = "band: 95% t interval over seeds" if len(row.seeds) > 1 else "one seed, so there is no band"
    window = f"each point is the mean of {row.window} steps" if row.window > 1 else "each point is one step"
    yield _drawing(
        figure,
        "matching",
        ("mass", row.task, row.method),
        f"{row.task}: where a row's mass lies while training {row.method}",
        f"Mean share of a row of the matching matrix on the instance itself, on others of its label, and on other "
        f"labels; {window}; {seeds}; {band}.",
    )
    if not row.snapshots:
        return
    figure = new_figure(3.1 * len(row.snapshots) + 0.9, 3.6)
    grid = list(figure.subplots(1, len(row.snapshots), squeeze=False).flat)
    highest = max(float(snapshot.matrix.max()) for snapshot in row.snapshots)
    images = [plot_matrix(*pair, row.label_names, highest) for pair in zip(grid, row.snapshots, strict=True)]
    grid[0].set_ylabel("instance")
    figure.colorbar(images[0], ax=grid, label="share of the row's mass", shrink=0.75)
    sizes = ", ".join(f"{len(snapshot.labels)} at step {snapshot.step}" for snapshot in row.snapshots)
    yield _drawing(
        figure,
        "matching",
        ("matrix", row.task, row.method),
        f"{row.task}: the matching matrix of {row.method} over training",
        f"Rows and columns are sorted by label, with lines between the labels. One batch each of seed {row.seeds[0]}, "
        f"instances: {sizes}. Colours follow the square root of the share, the same in all maps.",
    )


def _drawing(figure: Figure, section: str, name: Sequence[str], title: str, caption: str) -> Drawing:
    return Drawing(section, file_name(*name), title, caption, {ending: render(figure, ending) for ending in ENDINGS})


def _with_own_names(drawings: Sequence[Drawing]) -> list[Drawing]:
    """Two tasks may differ only in characters that no file name has."""
    named: dict[str, Drawing] = {}
    for drawing in drawings:
        name, number = drawing.name, 2
        while name.lower() in named:
            name, number = f"{drawing.name}-{number}", number + 1
        named[name.lower()] = replace(drawing, name=name)
    return list(named.values())
