"""What the system says of something that cannot be written, as a line for the user."""

import errno
import os
import re
from pathlib import Path

from robustbench_mt.errors import CannotWriteError, DiskFullError, UserError

__all__ = ["cannot", "is_full", "system_error", "what_no_library_mends"]

# No space left, a user's quota, and a limit on the size of files.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cannot(what: str, path: Path, error: OSError) -> UserError:
    """The error for something that could not be done to ``path``: ``what``, as in "write"."""
    if is_full(error):
        return DiskFullError(
            f"Cannot {what} {path}, as the disk is full ({error.strerror}): make room and give the same command again; "
            "it goes on from what is done."
        )
    return CannotWriteError(f"Cannot {what} {path} ({error.strerror}): choose another --out.")


def is_full(error: OSError) -> bool:
    """Whether it says that a disk, a user's share of it or a file may not grow."""
    return error.errno in _FULL


def system_error(error: BaseException) -> OSError | None:
    """What the system said, also where safetensors or tokenizers, which are written in Rust, tell it in words alone."""
    if isinstance(error, OSError):
        return error
    if said := re.search(r"\(os error (\d+)\)", str(error)):
        return OSError(int(said[1]), os.strerror(int(said[1])))
    return None


def what_no_library_mends(error: Exception) -> UserError | None:
    """The line for what is no mistake of a program's, wherever it is met; ``None`` for any other exception.

    Our own files are named where they are written; this is for what libraries write besides, and what they ask for.
    """
    problem = system_error(error)
    if problem is None:
        return None
    if is_full(problem):
        place = problem.filename or "what is printed, or to the folder for temporary files (TMPDIR)"
        return DiskFullError(f"Cannot write {place} ({problem.strerror}): make room and try again.")
    if "usable temporary directory" in str(problem):
        return CannotWriteError(f"{problem.strerror}: make room in one, or name a folder as TMPDIR.")
    return None
