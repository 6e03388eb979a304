"""Figures within the page: as SVG, where that takes too much room as PNG, else left to the files beside it."""

import base64
from collections.abc import Sequence

from markupsafe import Markup

from robustbench_mt.reporting.drawing import Drawing
from robustbench_mt.visible import visible

__all__ = ["embedded"]

_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
_IMAGE = Markup('<div class="plot" tabindex="0"><img src="data:{};base64,{}" alt="{}" width="{}"></div>')
_LEFT_OUT = Markup(
    '<p class="caption">This figure is left out here, to keep the page small: '
    'it is in <a href="figures/{0}.svg">figures/{0}.svg</a> beside the page.</p>'
)


def embedded(drawings: Sequence[Drawing], most: int) -> list[Markup]:
    """What stands in the page for each drawing.

    All are SVG if these fit. Else those are PNG of which this saves most, no more than must be; and if that does not
    do, the largest are left out, with a sentence that names the file to look at.

    Args:
        drawings: the figures.
        most: bytes of all together; the sentences are there even if these alone take more.
    """
    shown = [_image(drawing, "svg") for drawing in drawings]
    sizes = [len(image.encode("utf-8")) for image in shown]
    if sum(sizes) <= most:
        return shown
    smaller = [_image(drawing, "png") for drawing in drawings]
    for instead in (smaller, [_LEFT_OUT.format(drawing.name) for drawing in drawings]):
        saved = [size - len(markup.encode("utf-8")) for size, markup in zip(sizes, instead, strict=True)]
        # Of those that save as much, the last goes first.
        for _, position in sorted(((size, position) for position, size in enumerate(saved)), reverse=True):
            if sum(sizes) <= most or saved[position] <= 0:
                break
            shown[position] = instead[position]
            sizes[position] -= saved[position]
    return shown


def _image(drawing: Drawing, ending: str) -> Markup:
    content = base64.b64encode(drawing.files[ending]).decode("ascii")
    return _IMAGE.format(_TYPES[ending], content, visible(drawing.title), drawing.pixels)
