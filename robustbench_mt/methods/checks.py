"""Checks of methods' settings."""

import math
from collections.abc import Callable
from typing import Any

from robustbench_mt.errors import BadSettingError

__all__ = ["check", "check_masks", "check_not_negative", "check_steps", "is_number", "is_whole"]


def check(method: str, settings: object, name: str, allowed: str, is_allowed: Callable[[Any], bool]) -> None:
    """Raise a :class:`UserError` for a setting that is not what it may be.

    Args:
        method: the registry's name.
        settings: the method's.
        name: of the setting.
        allowed: what to give, in words.
        is_allowed: tells for any value whatever, as settings come from a command line.
    """
    value = getattr(settings, name)
    if not is_allowed(value):
        raise BadSettingError(f"{method}: {name} is {value!r}: give {allowed}.")


def check_masks(method: str, settings: object) -> None:
    """``masks`` says which dropout masks a further pass has."""
    check(method, settings, "masks", "'new' or 'same'", ("new", "same").__contains__)


def check_not_negative(method: str, settings: object, *names: str) -> None:
    """These are finite numbers of 0 or more."""
    for name in names:
        check(method, settings, name, "a number of 0 or more", lambda x: is_number(x) and 0 <= x < math.inf)


def check_steps(method: str, settings: object) -> None:
    """``steps`` is a number of ascent steps."""
    check(method, settings, "steps", "a whole number of 1 or more", lambda x: is_whole(x) and x >= 1)


def is_number(value: Any) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether it is an integer, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)
