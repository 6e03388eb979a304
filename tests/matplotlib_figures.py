"""Matplotlib as tests have it: figures need no screen, and none stays open after its test.

A plugin of pytest: see ``pytest_plugins`` in conftest.py.
"""

from collections.abc import Iterator

import pytest

__all__ = ["without_windows"]


@pytest.fixture
def without_windows() -> Iterator[None]:
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")
