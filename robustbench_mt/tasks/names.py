"""What a task is called: a name in the registry, or the path of a file or directory of the user's own."""

import hashlib
import os
import re
from pathlib import Path

from robustbench_mt.paths import expanded, is_directory
from robustbench_mt.tasks.catalogue import TASKS
from robustbench_mt.tasks.files import SUFFIXES

__all__ = ["is_path", "portable_path", "task_slug"]


def is_path(name: str) -> bool:
    """Whether a task's name means data of the user's own.

    It does when it has the suffix of a file that can be read, contains a separator or is a directory that exists.
    A name in the registry never does.
    """
    if name in TASKS or not name or "\0" in name:
        return False
    return Path(name).suffix.lower() in SUFFIXES or "/" in name or os.sep in name or is_directory(name)


def portable_path(name: str) -> str:
    """A path of the user's own data that stays the same when data and runs are moved together.

    It is relative where the data lie below the current directory, and else as it was given.
    """
    path = expanded(name)
    try:
        return f"./{Path(os.path.realpath(path)).relative_to(os.path.realpath('.')).as_posix()}"
    except ValueError:
        return os.path.normpath(path)


def task_slug(name: str) -> str:
    """What records and paths call a task.

    A name in the registry stays as it is. Of a path there remain at most 60 safe characters of the file's stem, and 8
    hexadecimal digits of the SHA-256 of what :func:`portable_path` makes of it, so that two files do not collide.
    """
    if name in TASKS:
        return name
    path = Path(portable_path(name))
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", stem).lstrip(".")[:60] or "task"
    return f"{safe}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
