"""What stands beside a mean over seeds: a small mark for each of them."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from robustbench_mt.reporting.style import Look

__all__ = ["mark_seeds"]


def mark_seeds(axes: Axes, places: Sequence[float], values: Sequence[float], look: Look) -> None:
    """Small empty marks, in the method's colour and shape.

    Args:
        axes: to draw on.
        places, values: where each is.
        look: the method's.
    """
    axes.plot(
        places,
        values,
        look.marker,
        markersize=3,
        markerfacecolor="none",
        markeredgecolor=look.colour,
        markeredgewidth=0.6,
    )
