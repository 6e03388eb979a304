"""Checks that all dataclasses of settings share."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from robustbench_mt.errors import BadSettingError

__all__ = ["check_choices", "check_counts", "choices_of", "in_words"]


def check_choices(settings: object) -> None:
    """Raise a :class:`UserError` for a setting that must be one of several values, and is not."""
    for name, choices in choices_of(settings).items():
        if (value := getattr(settings, name)) not in choices:
            raise BadSettingError(f"{name} is {value!r}: it must be {in_words(choices)}.")


def check_counts(settings: object, *names: str) -> None:
    """Raise a :class:`UserError` where one of these is below 1; it may be ``None``."""
    for name in names:
        if (value := getattr(settings, name)) is not None and value < 1:
            raise BadSettingError(f"{name} is {value}: it must be at least 1.")


def choices_of(settings: object) -> dict[str, tuple[Any, ...]]:
    """What the settings that are typed as a ``Literal`` may be, by name."""
    kind: Any = type(settings)
    return _choices(kind)


def in_words(choices: Sequence[Any]) -> str:
    """``'a', 'b' or 'c'``."""
    *others, last = map(repr, choices)
    return f"{', '.join(others)} or {last}" if others else last


@lru_cache
def _choices(kind: Any) -> dict[str, tuple[Any, ...]]:
    return {name: get_args(hint) for name, hint in get_type_hints(kind).items() if get_origin(hint) is Literal}
