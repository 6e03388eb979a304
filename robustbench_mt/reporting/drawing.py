"""A figure of the report with its caption, and what several kinds of figures are put together with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_mt.reporting.naming import file_name
from robustbench_mt.reporting.style import render, settle

__all__ = ["ENDINGS", "Drawing", "columns_for", "panels", "share_legend", "sketch"]

ENDINGS = ("png", "svg", "pdf")

# An inch of paper on a screen: text of 7 points comes out as 12 pixels.
_PIXELS = 125


@dataclass(frozen=True)
class Drawing:
    """A figure, and what is said of it.

    Attributes:
        section: where the page shows it: ``attacks``, ``words``, ``queries``, ``length``, ``transfer``,
            ``methods``, ``imbalance``, ``label-noise``, ``matching``.
        name: its files' name, without the ending.
        title: one line, also its text where images are not shown.
        caption: what is counted over which n, and what the intervals are.
        figure: as matplotlib has it, of the width of one or two columns.
    """

    section: str
    name: str
    title: str
    caption: str
    figure: Figure

    @property
    def pixels(self) -> int:
        """How wide it is on a screen, where it is larger than in print."""
        return round(self.figure.get_figwidth() * _PIXELS)

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Its content by each of :data:`ENDINGS`."""
        settle(self.figure)
        return {ending: render(self.figure, ending) for ending in ENDINGS}


def sketch(figure: Figure, section: str, name: Sequence[str], title: str, caption: str) -> Drawing:
    """A drawing whose file name is made of the parts of ``name``."""
    return Drawing(section, file_name(*name), title, caption, figure)


def columns_for(count: int, most: int = 4) -> int:
    """In how many columns that many panels stand, 3 or ``most``, so that the last line is full where it can be."""
    return count if count < 3 else next((columns for columns in (3, most) if count % columns == 0), 3)


def panels(figure: Figure, count: int, one_x: bool = True, most: int = 4) -> list[Axes]:
    """``count`` axes in lines of :func:`columns_for`, with one scale for y, and for x unless not ``one_x``."""
    columns = columns_for(count, most)
    lines = -(-count // columns)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=one_x, sharey=True).ravel().tolist()
    for axes in grid[count:]:
        axes.set_axis_off()
    # Where the last line is not full, the panels above its gaps have no axis below them.
    for axes in grid[max(0, count - columns) : count]:
        axes.tick_params(axis="x", labelbottom=True)
    return list(grid[:count])


def share_legend(figure: Figure, grid: Sequence[Axes], columns: int = 4) -> None:
    """One legend above all panels."""
    handles = {text: handle for axes in grid for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper center", ncols=max(1, min(len(handles), columns))
    )
