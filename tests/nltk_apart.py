"""What a test has NLTK read is forgotten after it: NLTK keeps a corpus, and refuses it once its folder is not named."""

from collections.abc import Iterator
from contextlib import contextmanager

import nltk
import pytest

from robustbench_mt.resources import overlay

__all__ = ["nltk_apart"]


@contextmanager
def nltk_apart() -> Iterator[None]:
    """Within, NLTK has read nothing yet; afterwards it looks where it looked before, and has read nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlay, "_copies", dict(overlay._copies))
        patch.setattr(nltk.data, "path", list(nltk.data.path))
        _forget()
        yield
    _forget()


def _forget() -> None:
    nltk.corpus.stopwords._unload()
    nltk.corpus.wordnet._unload()
