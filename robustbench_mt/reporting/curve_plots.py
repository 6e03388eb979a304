"""What is measured on the test set against how far the training set was changed."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.style import Look, ends, label

__all__ = ["plot_imbalance", "plot_label_noise"]


def plot_imbalance(axes: Axes, rows: Sequence[ImbalanceRow], looks: Mapping[str, Look]) -> None:
    """Minority F1 against the ratio of majority to minority.

    Args:
        axes: to draw on; x is the ratio on a logarithmic scale, y minority F1 from 0 to 1.
        rows: of one task and minority class.
        looks: by method.
    """
    axes.set_xscale("log")
    _plot(axes, rows, looks)
    axes.set_xlabel("majority : minority in training (logarithmic)")
    axes.set_ylabel("F1 of the minority class (0 to 1)")


def plot_label_noise(axes: Axes, rows: Sequence[LabelNoiseRow], looks: Mapping[str, Look]) -> None:
    """Accuracy on clean test labels against the share of training labels flipped.

    Args:
        axes: to draw on; x is the share, y accuracy, both in per cent. y starts at chance, or at what is lower.
        rows: of one task.
        looks: by method.
    """
    _plot(axes, rows, looks)
    lowest = min(min(ends(row.measured)[1], 1 / row.classes, *row.by_seed) for row in rows)
    axes.set_ylim(lowest, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("training labels flipped")
    axes.set_ylabel(f"accuracy on clean test labels (from {lowest:.0%})")


def _plot(axes: Axes, rows: Sequence[CurveRow], looks: Mapping[str, Look]) -> None:
    """One line a method with the band of its interval, and a small mark for each seed."""
    for method in dict.fromkeys(row.method for row in rows):
        points = sorted((row for row in rows if row.method == method), key=lambda row: row.level)
        look = looks[method]
        levels = [row.level for row in points]
        means, lows, highs = zip(*(ends(row.measured) for row in points), strict=True)
        axes.fill_between(levels, lows, highs, color=look.colour, alpha=0.13, linewidth=0)
        axes.plot(
            [row.level for row in points for _ in row.by_seed],
            [value for row in points for value in row.by_seed],
            look.marker,
            markersize=3,
            markerfacecolor="none",
            markeredgecolor=look.colour,
            markeredgewidth=0.6,
        )
        counts = sorted({len(row.seeds) for row in points})
        seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
        axes.plot(
            levels,
            means,
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            label=f"{label(method)}, {seeds} seed{'' if seeds == '1' else 's'}",
        )
    ticks = {row.level: row.level_name for row in sorted(rows, key=lambda row: row.level)}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    axes.legend(loc="lower left")
