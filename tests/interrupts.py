"""Interrupts, as Ctrl-C sends them.

A plugin of pytest: see ``pytest_plugins`` in conftest.py.
"""

import signal
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

__all__ = ["interrupted", "interrupts_arrive"]


@pytest.fixture
def interrupts_arrive() -> Iterator[None]:
    """Also where the tests run in the background of a script, which ignores interrupts: children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(*_: Any, **__: Any) -> NoReturn:
    """In the place of what is interrupted."""
    raise KeyboardInterrupt
