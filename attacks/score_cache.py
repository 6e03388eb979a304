"""Scores that were worked out before: recipes ask for many of the same texts, the original first of all."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScoreCache"]

Text = tuple[str, ...]
Scores = NDArray[np.float32]


class ScoreCache:
    """A cache of texts' scores; those that were asked for least lately go first.

    Args:
        most_characters: of all texts together; about 2.5 bytes of memory each where texts are sentences.
    """

    def __init__(self, most_characters: int = 2**23) -> None:
        self._most = most_characters
        self._characters = 0
        # Bytes and not arrays: small arrays that live long pin the memory of the large ones that they lie between.
        self._scores: OrderedDict[Text, bytes] = OrderedDict()

    def get(self, text: Text) -> Scores | None:
        """The scores of a text, one a class, or ``None``."""
        scores = self._scores.get(text)
        if scores is None:
            return None
        self._scores.move_to_end(text)
        return np.frombuffer(scores, np.float32)

    def keep(self, texts: Sequence[Text], scores: Scores) -> None:
        """Keep the scores of texts that are not here yet: a row a text."""
        for text, row in zip(texts, scores, strict=True):
            self._scores[text] = row.astype(np.float32, copy=False).tobytes()
            self._characters += _size(text)
        while self._characters > self._most:
            text, _ = self._scores.popitem(last=False)
            self._characters -= _size(text)


def _size(text: Text) -> int:
    # Python's objects for one text take as much as about 150 characters.
    return 150 + sum(map(len, text))
