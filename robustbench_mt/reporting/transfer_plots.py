"""The transfer matrix as a heat map."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from robustbench_mt.reporting.style import GREY, INK, SEQUENTIAL, SMALL, label
from robustbench_mt.reporting.transfer_rows import TransferMatrix

__all__ = ["plot_transfer"]

# Over this share the map is too dark for dark digits.
_DARK = 0.55


def plot_transfer(axes: Axes, matrix: TransferMatrix) -> AxesImage:
    """Darker is a larger share fooled, from 0 to all; the share and its n stand in each entry.

    Args:
        axes: to draw on; rows are the checkpoints attacked, columns those that scored the texts.
        matrix: of one task and recipe.

    Returns:
        The map, for a colour bar.

    Example:
        >>> figure, axes = plt.subplots()
        >>> image = plot_transfer(axes, summary.transfers[0])
    """
    shares = np.full((len(matrix.sources), len(matrix.targets)), np.nan)
    told = {}
    for row in matrix.rows:
        place = (matrix.sources.index(row.source), matrix.targets.index(row.target))
        shares[place] = np.nan if row.fooled.value is None else row.fooled.value
        value, _ = row.fooled.parts(digits=0)
        told[place] = f"{value}\nn={row.fooled.n}" + "\nown" * (row.source == row.target)
    image = axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    for place, share in np.ndenumerate(shares):
        y, x = place
        if np.isnan(share):
            corner = (x - 0.5, y - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor="white", edgecolor=GREY, hatch="///", linewidth=0))
        colour = "white" if share > _DARK else INK
        own = matrix.sources[y] == matrix.targets[x]
        text = told.get((y, x), "own" if own else "–")
        backing = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if np.isnan(share) else None
        axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=SMALL, bbox=backing)
    found = {row.source: row.found for row in matrix.rows}
    axes.set_xticks(range(len(matrix.targets)), [label(name, 30) for name in matrix.targets], rotation=30, ha="right")
    axes.set_yticks(
        range(len(matrix.sources)), [f"{label(name, 30)}\n{found[name]} texts found" for name in matrix.sources]
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("scored on")
    axes.set_ylabel("found against")
    return image
