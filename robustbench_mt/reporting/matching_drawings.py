"""The matching matrix over training as small multiples: a panel a method, and the matrices themselves."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from robustbench_mt.reporting.drawing import Drawing, columns_for, panels, share_legend, sketch
from robustbench_mt.reporting.matching_plots import plot_mass, plot_matrix
from robustbench_mt.reporting.matching_rows import MatchingRow
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.style import ONE_COLUMN, SMALL, TWO_COLUMNS, label, new_figure

__all__ = ["matching_drawings"]

# More methods than fit a page take another figure.
_MOST = 12
# From so many methods on, their matrices stand in two blocks beside each other.
_MANY = 4
# Characters of a title that fit above a panel, of three beside each other.
_PANEL = 26
# About the size of one of its matrices.
_INCHES = 0.9
# Early, midway and late.
_MOMENTS = 3


def matching_drawings(rows: Sequence[MatchingRow]) -> Iterator[Drawing]:
    """For each task where a row's mass lies over training, and how the matrix looks early, midway and late."""
    for task, of_task in groupby(rows, key=lambda row: row.task):
        every = list(of_task)
        yield from (_mass(task, part) for part in _pages(every))
        yield from (_matrices(task, part) for part in _pages([row for row in every if row.snapshots]))


def _pages(rows: Sequence[MatchingRow]) -> list[Sequence[MatchingRow]]:
    return [rows[start : start + _MOST] for start in range(0, len(rows), _MOST)]


def _mass(task: str, rows: Sequence[MatchingRow]) -> Drawing:
    columns = columns_for(len(rows))
    lines = -(-len(rows) // columns)
    alike = len({row.steps[-1] for row in rows}) == 1
    figure = new_figure(ONE_COLUMN if columns == 1 else TWO_COLUMNS, 0.7 + (1.8 if lines == 1 else 1.4) * lines)
    grid = panels(figure, len(rows), one_x=alike)
    for axes, row in zip(grid, rows, strict=True):
        plot_mass(axes, row)
        axes.set_title(_in_lines(label(row.method)))
        axes.set(xlabel="", ylabel="")
        if legend := axes.get_legend():
            legend.remove()
    share_legend(figure, grid)
    figure.supxlabel("training step", fontsize=8)
    figure.supylabel("mean share of a row's mass", fontsize=8)
    band = (
        "line: mean over seeds; band: from the lowest seed to the highest, which is no interval (the table has 95% t "
        "intervals over seeds)"
        if any(len(row.seeds) > 1 for row in rows)
        else "one seed, so there is neither band nor interval"
    )
    points = _either(str(row.window) for row in rows)
    return sketch(
        figure,
        "matching",
        ("mass", task),
        f"{task}: where a row's mass lies over training",
        "Mean share of a row of the matching matrix on the instance itself, on others of its label, and on other "
        f"labels; {band}. Each point is the mean of {points} step{'' if points == '1' else 's'}. "
        f"Seeds: {_either(seed_names(row.seeds) for row in rows)}.",
    )


def _matrices(task: str, rows: Sequence[MatchingRow]) -> Drawing:
    blocks = 1 if len(rows) < _MANY else 2
    lines = -(-len(rows) // blocks)
    figure = new_figure(ONE_COLUMN if blocks == 1 else TWO_COLUMNS, 0.55 + 1.25 * lines)
    # A narrow column that stays empty keeps the two blocks apart.
    widths = [1.0] * _MOMENTS if blocks == 1 else [*[1.0] * _MOMENTS, 0.12, *[1.0] * _MOMENTS]
    grid = figure.add_gridspec(lines, len(widths), width_ratios=widths)
    highest = max(float(snapshot.matrix.max()) for row in rows for snapshot in row.snapshots)
    drawn, images = [], []
    for number, row in enumerate(rows):
        line, block = divmod(number, blocks)
        for moment, snapshot in enumerate(row.snapshots):
            axes = figure.add_subplot(grid[line, block * (_MOMENTS + 1) + moment])
            images.append(plot_matrix(axes, snapshot, row.label_names, highest, _INCHES))
            # The line above it is the method's.
            axes.set_title(f"\nstep {snapshot.step}", fontsize=SMALL, fontweight="normal")
            axes.set_xlabel("")
            axes.set_xticks([])
            if moment:
                axes.set_yticks([])
            else:
                name = axes.annotate(label(row.method), (0, 1), (0, 13), "axes fraction", "offset points")
                name.set(fontweight="bold", fontsize=7.5, in_layout=False)
            drawn.append(axes)
    bar = figure.colorbar(images[0], ax=drawn, location="bottom", shrink=0.6, aspect=40, pad=0.02)
    bar.set_label("share of the row's mass")
    bar.set_ticks([share for share in (0, 0.1, 0.25, 0.5, 0.75, 1) if share <= highest])
    names = ", ".join(rows[0].label_names)
    order = f"by label ({names}), with lines between the labels" if names else "by score"
    seeds = _either(str(row.seeds[0]) for row in rows)
    sizes = _either(str(len(snapshot.labels)) for row in rows for snapshot in row.snapshots)
    return sketch(
        figure,
        "matching",
        ("matrix", task),
        f"{task}: the matching matrix over training",
        f"Each matrix is one batch's, early, midway and late in the training of seed {seeds}; rows and columns are "
        f"sorted {order}. {sizes} instances a batch. Colours follow the square root of the share, the same in all "
        "matrices. Single batches: nothing is averaged, so there is no interval.",
    )


def _in_lines(name: str) -> str:
    """A method's name in lines that a panel is wide enough for."""
    lines = [""]
    for part in re.split(r"(?<=[,+])|(?= \()", name):
        fits = not lines[-1] or (len(lines[-1] + part) <= _PANEL and not part.startswith(" ("))
        lines = [*lines[:-1], lines[-1] + part] if fits else [*lines, part.strip()]
    return "\n".join(lines)


def _either(values: Iterable[str]) -> str:
    """``8, 16 or 32``."""
    *others, last = dict.fromkeys(values)
    return f"{', '.join(others)} or {last}" if others else last
