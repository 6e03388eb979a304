"""Checks of methods' settings."""

import math
from collections.abc import Callable
from typing import Any

from robustbench_mt.errors import BadSettingError
from robustbench_mt.setting_checks import choices_of, in_words

__all__ = [
    "check",
    "check_choices",
    "check_counts",
    "check_not_negative",
    "check_positive_share",
    "check_share_below_one",
    "is_number",
    "is_whole",
]


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


def check_choices(method: str, settings: object) -> None:
    """Settings that are a choice are one of theirs."""
    for name, choices in choices_of(settings).items():
        check(method, settings, name, in_words(choices), choices.__contains__)


def check_counts(method: str, settings: object, *names: str) -> None:
    """These are whole numbers of 1 or more."""
    for name in names:
        check(method, settings, name, "a whole number of 1 or more", lambda x: is_whole(x) and x >= 1)


def check_not_negative(method: str, settings: object, *names: str) -> None:
    """These are finite numbers of 0 or more."""
    for name in names:
        check(method, settings, name, "a number of 0 or more", lambda x: is_number(x) and 0 <= x < math.inf)


def check_positive_share(method: str, settings: object, name: str) -> None:
    """This is a share of something, and not of nothing."""
    check(method, settings, name, "a number above 0, up to 1", lambda x: is_number(x) and 0 < x <= 1)


def check_share_below_one(method: str, settings: object, name: str) -> None:
    """This is a share of something, and not all of it."""
    check(method, settings, name, "a number from 0 to below 1", lambda x: is_number(x) and 0 <= x < 1)


def is_number(value: Any) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether it is an integer, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)
