"""What is at a path of the user's: nothing, where pathlib would raise an :class:`OSError`.

It raises one for names that are too long, for directories that may not be searched and for accounts without a home.
"""

import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["AnyPath", "exists", "expanded", "in_home", "is_directory", "is_file", "one_or_more"]

AnyPath = str | os.PathLike[str]
"""What a caller may give for a path."""


def one_or_more(paths: AnyPath | Sequence[AnyPath]) -> list[Path]:
    """The paths; one that stands alone is a list of one."""
    return [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]


def expanded(path: str | Path) -> Path:
    """A path without ``~``."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def in_home(*names: str) -> Path:
    """A path below the account's home; without a home one that cannot be made, or ``~`` would be made where we are."""
    home = expanded("~")
    return (home if home.is_absolute() else Path(os.devnull)).joinpath(*names)


def is_directory(path: str | Path) -> bool:
    """Whether there is a directory."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | Path) -> bool:
    """Whether there is a file."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: str | Path) -> bool:
    """Whether there is anything."""
    return os.path.exists(path)  # noqa: PTH110
