"""Where a row's mass lies over training, and the matching matrix itself."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.image import AxesImage

from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow, Snapshot
from robustbench_mt.reporting.style import INK, SEQUENTIAL, ends, label, looks_for

__all__ = ["plot_mass", "plot_matrix"]

MOST_LABELS = 12


def plot_mass(axes: Axes, row: MatchingRow) -> None:
    """One line for each kind of mass, with a band from the lowest seed to the highest.

    The band is no interval: of two or three seeds Student's would cover all there is.

    Args:
        axes: to draw on; x is the training step, y the mean share of a row's mass from 0 to 1.
        row: of one method.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_mass(axes, summary.matching[0])
    """
    for kind, look in looks_for(KINDS_OF_MASS).items():
        if len(row.seeds) > 1:
            lows, highs = zip(*((min(values), max(values)) for values in row.by_seed[kind]), strict=True)
            axes.fill_between(row.steps, lows, highs, color=look.colour, alpha=0.15, linewidth=0)
        axes.plot(
            row.steps,
            [ends(share)[0] for share in row.mass[kind]],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markersize=3.5,
            markevery=max(1, len(row.steps) // 6),
            label=kind,
        )
    axes.set_title(label(row.method, 40))
    axes.set_ylim(0, 1)
    axes.set_xlabel("training step")
    axes.set_ylabel("mean share of a row's mass")
    axes.legend(loc="best")


def plot_matrix(axes: Axes, snapshot: Snapshot, label_names: Sequence[str], highest: float) -> AxesImage:
    """The matrix as a heat map, rows and columns sorted by label, with lines between the labels.

    Colours follow the square root of the share.

    Args:
        axes: to draw on; x and y are the instances of the batch.
        snapshot: which matrix.
        label_names: of the task.
        highest: the share that gets the darkest colour, the same for maps that are compared.

    Example:
        >>> figure, axes = plt.subplots()
        >>> row = summary.matching[0]
        >>> image = plot_matrix(axes, row.snapshots[0], row.label_names, highest=1)
    """
    # The square root shows the small shares off the diagonal, which are what matching is about.
    norm = PowerNorm(0.5, vmin=0, vmax=highest)
    image = axes.imshow(snapshot.matrix, cmap=SEQUENTIAL, norm=norm, interpolation="nearest")
    labels = snapshot.labels
    edges = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(labels)) if a != b), len(labels)]
    if len(edges) > MOST_LABELS:
        # A regression task has about as many labels as instances.
        edges = [0, len(labels)]
        told = ["by score"]
    else:
        told = [label(_label_name(labels[low], label_names), 14) for low in edges[:-1]]
    for edge in edges[1:-1]:
        axes.axhline(edge - 0.5, color=INK, linewidth=0.7)
        axes.axvline(edge - 0.5, color=INK, linewidth=0.7)
    middles = [(low + high - 1) / 2 for low, high in pairwise(edges)]
    axes.set_xticks(middles, told)
    axes.set_yticks(middles, told, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_title(f"{snapshot.when}, step {snapshot.step}")
    axes.set_xlabel(f"matched with ({len(labels)} instances)")
    return image


def _label_name(value: float, names: Sequence[str]) -> str:
    return names[int(value)] if value in range(len(names)) else f"{value:g}"
