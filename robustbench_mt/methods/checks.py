"""Checks of methods' settings."""

import math
from typing import Any

from robustbench_mt.errors import UserError

__all__ = ["check_masks", "check_not_negative", "check_steps", "is_number"]


def check_masks(method: str, masks: object) -> None:
    """Raise a UserError for what does not say which dropout masks a further pass has."""
    if masks not in ("new", "same"):
        raise UserError(f"{method}: masks is {masks!r}: give 'new' or 'same'.")


def check_not_negative(method: str, settings: object, *names: str) -> None:
    """Raise a UserError for a setting of ``settings`` that is no number of 0 or more."""
    for name in names:
        value = getattr(settings, name)
        if not (is_number(value) and 0 <= value < math.inf):
            raise UserError(f"{method}: {name} is {value!r}: give a number of 0 or more.")


def check_steps(method: str, steps: object) -> None:
    """Raise a UserError for a number of ascent steps that is no whole number above 0."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise UserError(f"{method}: steps is {steps!r}: give a whole number of 1 or more.")


def is_number(value: Any) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)
