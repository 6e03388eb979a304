"""Figures of what Match-Tuning's own settings and the batch size do."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_mt.reporting.ablation_plots import plot_batch_size, plot_self_mass
from robustbench_mt.reporting.ablation_rows import Ablation
from robustbench_mt.reporting.drawing import Drawing, share_legend, sketch
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.style import TWO_COLUMNS, new_figure

__all__ = ["ablation_drawings"]


def ablation_drawings(ablation: Ablation) -> Iterator[Drawing]:
    """The score against the self mass, a panel a batch size, and against the batch size; what was varied is drawn."""
    sizes, rows = ablation.batch_sizes, ablation.rows
    score = rows[0].score_name
    about = f"{ablation.task} ({ablation.told})" if ablation.told else ablation.task
    seeds = "; ".join(sorted({seed_names(list(row.scores)) for row in rows}))
    counted = (
        f"Mean over seeds of the score ({score}) on {ablation.split}, n={rows[0].n}; lines and vanilla's band: 95% t "
        f"interval over seeds; small marks: each seed. Seeds: {seeds}."
    )
    if len(ablation.settings) > 1:
        figure = new_figure(TWO_COLUMNS, 2.6)
        grid = figure.subplots(1, len(sizes), squeeze=False, sharey=True).ravel().tolist()
        for axes, size in zip(grid, sizes, strict=True):
            plot_self_mass(axes, ablation, size)
        figure.supxlabel("self mass that the temperature is calibrated to", fontsize=8)
        name = ("ablation_self_mass", ablation.task, ablation.told)
        apart = "A temperature given as a number stands apart: it aims at no self mass."
        title = f"{about}: {score} against the self mass of match"
        yield _drawing(figure, grid, score, name, title, f"{counted} {apart}")
    if len(sizes) > 1:
        figure = new_figure(TWO_COLUMNS, 2.9)
        grid = [figure.subplots()]
        plot_batch_size(grid[0], ablation)
        name = ("ablation_batch_size", ablation.task, ablation.told)
        yield _drawing(figure, grid, score, name, f"{about}: {score} against the batch size", counted)


def _drawing(
    figure: Figure, grid: Sequence[Axes], score: str, name: Sequence[str], title: str, caption: str
) -> Drawing:
    grid[0].set_ylabel(score)
    share_legend(figure, grid, columns=3)
    return sketch(figure, "methods", name, title, caption)
