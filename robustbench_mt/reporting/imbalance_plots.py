"""Minority F1 against the ratio of majority to minority."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from robustbench_mt.reporting.naming import ratio_name
from robustbench_mt.reporting.seed_rows import ImbalanceRow
from robustbench_mt.reporting.style import Look, ends, label

__all__ = ["plot_imbalance"]


def plot_imbalance(axes: Axes, rows: Sequence[ImbalanceRow], looks: Mapping[str, Look]) -> None:
    """One line a method with the band of its interval, and a small mark for each seed.

    Args:
        axes: to draw on; x is the ratio on a logarithmic scale, y minority F1 from 0 to 1.
        rows: of one task and minority class.
        looks: by method.
    """
    for method in dict.fromkeys(row.method for row in rows):
        points = sorted((row for row in rows if row.method == method), key=lambda row: row.ratio)
        look = looks[method]
        ratios = [row.ratio for row in points]
        means, lows, highs = zip(*(ends(row.metrics["minority_f1"]) for row in points), strict=True)
        axes.fill_between(ratios, lows, highs, color=look.colour, alpha=0.13, linewidth=0)
        axes.plot(
            [row.ratio for row in points for _ in row.f1],
            [f1 for row in points for f1 in row.f1],
            look.marker,
            markersize=3,
            markerfacecolor="none",
            markeredgecolor=look.colour,
            markeredgewidth=0.6,
        )
        counts = sorted({len(row.seeds) for row in points})
        seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
        axes.plot(
            ratios,
            means,
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            label=f"{label(method)}, {seeds} seed{'' if seeds == '1' else 's'}",
        )
    ticks = sorted({row.ratio for row in rows})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [ratio_name(ratio) for ratio in ticks])
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    axes.set_xlabel("majority : minority in training (logarithmic)")
    axes.set_ylabel("F1 of the minority class (0 to 1)")
    axes.legend(loc="lower left")
