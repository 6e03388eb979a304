"""How figures look: readable in greyscale, by the colour-blind and in print, the same bytes from the same records."""

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from robustbench_mt.reporting.embedded_fonts import glyphs_alone
from robustbench_mt.reporting.naming import method_order
from robustbench_mt.statistics import Estimate
from robustbench_mt.visible import visible

__all__ = [
    "GREY",
    "INK",
    "ONE_COLUMN",
    "SEQUENTIAL",
    "SMALL",
    "TWO_COLUMNS",
    "Look",
    "ends",
    "label",
    "legend_above",
    "looks_for",
    "looks_of_methods",
    "new_figure",
    "render",
    "settle",
    "styled",
]

ONE_COLUMN = 3.3
TWO_COLUMNS = 6.9
"""Widths of figures in inches: of a column of a paper, and of its page. They are printed as large as they are drawn."""

SMALL = 7
"""The smallest text in a figure, in points."""

INK = "#1f2430"
GREY = "#8a8f99"
SEQUENTIAL = "Blues"
"""For shares of mass: its lightness rises steadily, so that it survives greyscale."""

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.titlepad": 4,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": "#e4e6eb",
    "grid.linewidth": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.4,
    "lines.markeredgewidth": 0.8,
    "lines.markersize": 4.5,
    # TrueType, which journals ask for; only the characters used are embedded.
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    # Text as outlines: an embedded font would be larger, and one that is not embedded looks different elsewhere.
    "svg.fonttype": "path",
    # Fixed, so that the identifiers inside an SVG are the same each time.
    "svg.hashsalt": "robustbench-mt",
    "text.color": INK,
    # A dollar sign in a name is a dollar sign.
    "text.parse_math": False,
    "xtick.color": INK,
    "xtick.labelsize": 7.5,
    "xtick.major.size": 2.5,
    "ytick.color": INK,
    "ytick.labelsize": 7.5,
    "ytick.major.size": 2.5,
}


@dataclass(frozen=True)
class Look:
    """What marks a series besides its colour, so that none needs it."""

    colour: str
    line: str | tuple[int, tuple[int, ...]]
    marker: str


# Colours of Okabe and Ito, "Color Universal Design", in an order in which neighbours differ in lightness.
_LOOKS = (
    Look("#4a4f5a", (0, (4, 2)), "s"),
    Look("#0072b2", "solid", "o"),
    Look("#d55e00", (0, (1, 1)), "^"),
    Look("#009e73", (0, (6, 2, 1, 2)), "D"),
    Look("#cc79a7", (0, (8, 3)), "v"),
    Look("#e69f00", (0, (3, 1, 1, 1, 1, 1)), "P"),
    Look("#56b4e9", (0, (2, 4)), "X"),
)
# 12 of them: a number that 7 does not divide, so that a marker comes back in another colour.
_MARKERS = (*(look.marker for look in _LOOKS), "<", "*", "d", ">", "p")
# By how many places lines move against colours when these come back: 5 keeps a marker from its line for longest.
_SHIFT = 5


def looks_for(names: Sequence[str]) -> dict[str, Look]:
    """A look for each name; the first is the sober one, for what others are compared with.

    Of 63 names, no two share marker and colour, nor marker and line, which is what greyscale leaves.
    """
    return {name: _look(position) for position, name in enumerate(dict.fromkeys(names))}


def _look(position: int) -> Look:
    """The first seven are :data:`_LOOKS` themselves."""
    return Look(
        _LOOKS[position % len(_LOOKS)].colour,
        _LOOKS[(position + _SHIFT * (position // len(_LOOKS))) % len(_LOOKS)].line,
        _MARKERS[position % len(_MARKERS)],
    )


def looks_of_methods(methods: Iterable[str]) -> dict[str, Look]:
    """A look for each method, ``vanilla`` first: the same in all figures that are given the same methods."""
    return looks_for(sorted(methods, key=method_order))


def label(text: str, limit: int = 48) -> str:
    """A name as a figure shows it: nothing unseen, on one line, not longer than ``limit``.

    It is cut in its middle: names of checkpoints and variants differ at their ends.
    """
    shown = " ".join(visible(text).split())
    before, after = limit // 2, (limit - 1) // 2
    return shown if len(shown) <= limit else f"{shown[:before]}…{shown[-after:]}"


def ends(estimate: Estimate) -> tuple[float, float, float]:
    """Value, low and high to draw; what cannot be told is not a number, so that nothing is drawn in its place."""
    value, low, high = (math.nan if end is None else end for end in (estimate.value, estimate.low, estimate.high))
    return value, low, high


def legend_above(axes: Axes, handles: Sequence[Artist] | None = None) -> None:
    """A legend above the axes, where it covers nothing, in as many columns as fit their width.

    Args:
        axes: of any layout.
        handles: what it names; all that has a label by default.
    """
    handles = axes.get_legend_handles_labels()[0] if handles is None else handles
    style = matplotlib.rcParams
    font = FontProperties(size=style["legend.fontsize"])
    # Beside its text, an entry has its handle and the space up to the next, in units of the font's size.
    beside = style["legend.handlelength"] + style["legend.handletextpad"] + style["legend.columnspacing"]
    texts = [TextPath((0, 0), str(handle.get_label()), prop=font).get_extents().width for handle in handles]
    width = axes.get_window_extent().width / axes.figure.dpi * 72
    columns = int(width / (max(texts) + beside * font.get_size_in_points()))
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=min(max(columns, 1), len(handles)))


def new_figure(width: float, height: float) -> Figure:
    """A figure that belongs to no window and no global state.

    Args:
        width: in inches, :data:`ONE_COLUMN` or :data:`TWO_COLUMNS`.
        height: in inches.
    """
    # Laid out at what it is saved with: at fewer dots, hinted text is narrower than it is drawn later.
    return Figure(figsize=(width, height), dpi=_STYLE["savefig.dpi"], layout="constrained")


@contextmanager
def styled() -> Iterator[None]:
    """Draw and render inside ``with styled():``; the user's own matplotlib settings do not show through."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def settle(figure: Figure) -> None:
    """Lay a figure out once and for all; each format that it is rendered to would do it anew, twice."""
    with styled():
        if engine := figure.get_layout_engine():
            engine.execute(figure)
        figure.set_layout_engine(None)


def render(figure: Figure, ending: str) -> bytes:
    """The figure as ``png``, ``svg`` or ``pdf``, without the date and the drawing program's version."""
    stream = io.BytesIO()
    empty = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    with styled(), glyphs_alone():
        figure.savefig(stream, format=ending, metadata=empty[ending])
    return stream.getvalue()
