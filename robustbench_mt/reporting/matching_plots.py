"""Where a row's mass lies over training, and the matching matrix itself."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.textpath import TextPath

from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow, Snapshot
from robustbench_mt.reporting.style import INK, SEQUENTIAL, ends, label, looks_for

__all__ = ["plot_mass", "plot_matrix"]

MOST_LABELS = 12
# Between the names of two labels, and of a matrix whose size is not told, in inches.
_GAP, _INCHES = 0.03, 1.2


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


def plot_matrix(
    axes: Axes, snapshot: Snapshot, label_names: Sequence[str], highest: float, inches: float = _INCHES
) -> AxesImage:
    """The matrix as a heat map, rows and columns sorted by label, with lines between the labels.

    Colours follow the square root of the share.

    Args:
        axes: to draw on; x and y are the instances of the batch.
        snapshot: which matrix.
        label_names: of the task.
        highest: the share that gets the darkest colour, the same for maps that are compared.
        inches: about the size of the matrix, in which the names of its labels must stand beside each other.

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
        told = _beside_each_other([_label_name(labels[low], label_names) for low in edges[:-1]], edges, inches)
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


def _beside_each_other(names: Sequence[str], edges: Sequence[int], inches: float) -> list[str]:
    """The names, cut until none runs into the next; each stands at the middle between its two ``edges``."""
    middles = [(low + high) / 2 * inches / edges[-1] for low, high in pairwise(edges)]
    font = FontProperties(size=rcParams["ytick.labelsize"])
    most = [14] * len(names)
    while True:
        shown = [label(name, limit) for name, limit in zip(names, most, strict=True)]
        widths = [TextPath((0, 0), text, prop=font).get_extents().width / 72 for text in shown]
        pairs = range(len(names) - 1)
        crowded = {i for i in pairs if sum(widths[i : i + 2]) / 2 + _GAP > middles[i + 1] - middles[i]}
        long = [i for i in {*crowded, *(i + 1 for i in crowded)} if len(shown[i]) > 3]
        if not long:
            return shown
        longest = max(long, key=lambda i: widths[i])
        most[longest] = len(shown[longest]) - 1
