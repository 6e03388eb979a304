"""What TextAttack works out over and over, remembered: splitting texts into words.

TextAttack splits every word of every candidate into words, twice, and then the candidate as a whole, which is most of
what a greedy recipe does besides having texts scored. benchmarks/README.md has the measurements.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from unittest.mock import patch

__all__ = ["remembered"]

# TextAttack cuts texts with Chinese script in their context.
_CUT_IN_CONTEXT = re.compile("[\u4e00-\u9fff]")
_PIECES = 2**16
_LONGEST_PIECE = 64


@contextmanager
def remembered() -> Iterator[None]:
    """Within, TextAttack splits what lies between two spaces once; the words are the same."""
    from textattack.shared import attacked_text
    from textattack.shared.utils import strings

    split = _splitter(strings.words_from_text)
    with patch.object(strings, "words_from_text", split), patch.object(attacked_text, "words_from_text", split):
        yield


def _splitter(words_from_text: Any) -> Any:
    @lru_cache(maxsize=_PIECES)
    def of_piece(piece: str) -> tuple[str, ...]:
        return tuple(words_from_text(piece))

    def split(text: str, words_to_ignore: Sequence[str] = ()) -> list[str]:
        if words_to_ignore or _CUT_IN_CONTEXT.search(text):
            return list(words_from_text(text, list(words_to_ignore)))
        words: list[str] = []
        for piece in text.split():
            words.extend(of_piece(piece) if len(piece) <= _LONGEST_PIECE else words_from_text(piece))
        return words

    return split
