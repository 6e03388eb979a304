"""Pages of reports, as their script and a reader without scripts have them."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any

__all__ = ["Page", "unpacked", "unzipped"]


class Page(HTMLParser):
    """Counts a page's elements and keeps its text, as a browser without scripts has it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: dict[str, int] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1

    def handle_data(self, data: str) -> None:
        self.text += data


def unpacked(page: str) -> Any:
    """What the page's script is given: the index, and the examples of all blocks."""
    (index,) = re.findall(r'<script type="text/plain" id="packed">([A-Za-z0-9+/=]*)</script>', page)
    blocks = re.findall(r'<script type="text/plain" class="packed">([A-Za-z0-9+/=]*)</script>', page)
    return {**unzipped(index), "examples": [example for block in blocks for example in unzipped(block)]}


def unzipped(packed: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(packed)))
