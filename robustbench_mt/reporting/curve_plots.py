"""What is measured on the test set against how far the training set was changed."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.plot_checks import check_alike
from robustbench_mt.reporting.seed_marks import mark_seeds
from robustbench_mt.reporting.style import GREY, Look, ends, label, legend_above, looks_of_methods

__all__ = ["plot_imbalance", "plot_label_noise"]

_THIN = 0.7


def plot_imbalance(axes: Axes, rows: Sequence[ImbalanceRow], looks: Mapping[str, Look] | None = None) -> None:
    """Minority F1 against the ratio of majority to minority, or the share of it that is kept.

    A thin line without marks shows the balanced controls of a method.

    Args:
        axes: to draw on; x is the ratio, or the share in per cent from large to small, on a logarithmic scale; y is
            minority F1 from 0 to 1.
        rows: of one task, minority class and protocol.
        looks: by method; those of the rows' methods by default.

    Raises:
        ValueError: there are no rows, or rows of two curves.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_imbalance(axes, summary.imbalance)
    """
    check_alike(rows, "measure", "task", "minority", "protocol")
    looks = looks or looks_of_methods(row.method for row in rows)
    axes.set_xscale("log")
    _plot_controls(axes, [row for row in rows if row.control], looks)
    _plot(axes, [row for row in rows if not row.control], looks)
    if any(row.control for row in rows):
        axes.plot([], [], color=GREY, linewidth=_THIN, label="thin: balanced, of the same size")
    legend_above(axes)
    if rows[0].share is None:
        axes.set_xlabel("majority : minority in training (logarithmic)")
    else:
        axes.invert_xaxis()
        axes.set_xlabel("share of the minority kept in training (logarithmic, falling)")
    axes.set_ylabel("F1 of the minority class (0 to 1)")


def plot_label_noise(axes: Axes, rows: Sequence[LabelNoiseRow], looks: Mapping[str, Look] | None = None) -> None:
    """Accuracy on clean test labels against the share of training labels flipped.

    Args:
        axes: to draw on; x is the share, y accuracy, both in per cent. y starts at chance, or at what is lower.
        rows: of one task.
        looks: by method; those of the rows' methods by default.

    Raises:
        ValueError: there are no rows, or rows of two curves.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_label_noise(axes, summary.label_noise)
    """
    check_alike(rows, "measure", "task")
    looks = looks or looks_of_methods(row.method for row in rows)
    _plot(axes, rows, looks)
    legend_above(axes)
    lows = [row.measured.low for row in rows if row.measured.low is not None]
    lowest = min(*lows, *(1 / row.classes for row in rows), *(value for row in rows for value in row.by_seed))
    axes.set_ylim(lowest, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("training labels flipped")
    axes.set_ylabel(f"clean test accuracy (from {lowest:.0%})")


def _plot_controls(axes: Axes, rows: Sequence[ImbalanceRow], looks: Mapping[str, Look]) -> None:
    for method in dict.fromkeys(row.method for row in rows):
        points = sorted((row for row in rows if row.method == method), key=lambda row: row.level)
        means = [ends(row.measured)[0] for row in points]
        levels = [row.level for row in points]
        axes.plot(levels, means, color=looks[method].colour, linestyle=looks[method].line, linewidth=_THIN, alpha=0.7)


def _plot(axes: Axes, rows: Sequence[CurveRow], looks: Mapping[str, Look]) -> None:
    """One line a method with the band of its interval, and a small mark for each seed."""
    for method in dict.fromkeys(row.method for row in rows):
        points = sorted((row for row in rows if row.method == method), key=lambda row: row.level)
        look = looks[method]
        levels = [row.level for row in points]
        means, lows, highs = np.array([ends(row.measured) for row in points]).T
        axes.fill_between(levels, lows, highs, color=look.colour, alpha=0.13, linewidth=0)
        # A band has no width at a point whose neighbours have no interval.
        known = np.pad(~np.isnan(lows), 1)
        alone = known[1:-1] & ~known[:-2] & ~known[2:]
        axes.vlines(np.array(levels)[alone], lows[alone], highs[alone], color=look.colour, linewidth=2.6, alpha=0.45)
        seeds = [(row.level, value) for row in points for value in row.by_seed]
        mark_seeds(axes, [level for level, _ in seeds], [value for _, value in seeds], look)
        counts = sorted({len(row.seeds) for row in points})
        told = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
        axes.plot(
            levels,
            means,
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            label=f"{label(method)}, {told} seed{'' if told == '1' else 's'}",
        )
    ticks = {row.level: row.level_name for row in sorted(rows, key=lambda row: row.level)}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_ylim(0, 1)
