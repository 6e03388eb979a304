"""How figures look: readable in greyscale and by the colour-blind, the same bytes from the same records."""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from robustbench_mt.statistics import Estimate
from robustbench_mt.visible import visible

__all__ = ["GREY", "INK", "SEQUENTIAL", "Look", "ends", "label", "looks", "new_figure", "render", "styled"]

INK = "#1f2430"
GREY = "#8a8f99"
SEQUENTIAL = "Blues"
"""For shares of mass: its lightness rises steadily, so that it survives greyscale."""

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": "#e4e6eb",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "savefig.dpi": 200,
    # Fixed, so that the identifiers inside an SVG are the same each time.
    "svg.hashsalt": "robustbench-mt",
    "text.color": INK,
    # A dollar sign in a name is a dollar sign.
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
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


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each name; the first is the sober one, for the method that others are compared with."""
    return {name: _LOOKS[position % len(_LOOKS)] for position, name in enumerate(dict.fromkeys(names))}


def label(text: str, limit: int = 48) -> str:
    """A name as a figure shows it: nothing unseen, on one line, not longer than ``limit``."""
    shown = " ".join(visible(text).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def ends(estimate: Estimate) -> tuple[float, float, float]:
    """Value, low and high to draw: no interval is one of no width, and nothing is drawn where there is no value."""
    value = math.nan if estimate.value is None else estimate.value
    low = value if estimate.low is None else estimate.low
    high = value if estimate.high is None else estimate.high
    return value, low, high


def new_figure(width: float, height: float) -> Figure:
    """A figure of ``width`` x ``height`` inches that belongs to no window and no global state."""
    return Figure(figsize=(width, height), layout="constrained")


@contextmanager
def styled() -> Iterator[None]:
    """Draw and render inside ``with styled():``; the user's own matplotlib settings do not show through."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def render(figure: Figure, ending: str) -> bytes:
    """The figure as ``png`` or ``svg``, without the date and the drawing program's version."""
    stream = io.BytesIO()
    empty = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    figure.savefig(stream, format=ending, metadata=empty[ending])
    return stream.getvalue()
