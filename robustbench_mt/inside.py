"""Paths below a run's directory, which neither a name nor a link leads out of."""

import os
from collections import deque
from pathlib import Path

from robustbench_mt.errors import BadRecordError, CannotReadError, LinkOutOfRunError
from robustbench_mt.paths import exists, is_directory, is_file

__all__ = ["attack_files", "inside", "run_checkpoint"]


def inside(directory: Path, *names: str) -> Path:
    """The path of a file or directory below a run's.

    A run's directory may come from elsewhere, and names in it from data. So nothing in it may lead out of it, to be
    read or written there. The directory itself may be a link.

    Args:
        directory: the run's.
        names: of what lies below it, from the top down.

    Raises:
        UserError: a link on the way, or a name, leads out of the directory; or it is a pipe, socket or device.
    """
    path = directory.joinpath(*names)
    try:
        leads_to = Path(os.path.realpath(path))
    except ValueError:  # a name that holds a null character
        leads_to = Path()
    if not leads_to.is_relative_to(os.path.realpath(directory)):
        raise LinkOutOfRunError(
            f"{path} leads out of the run's directory {directory}, by its name or a link: put what belongs there in "
            "its place. Only the run's directory as a whole may be a link."
        )
    _refuse_pipe(path)
    return path


def attack_files(directory: Path) -> list[Path]:
    """The files of records below a run's ``attacks``, sorted.

    Links to directories are followed. A directory is read once, by its own path where it has one below ``attacks``;
    so a link to a directory that it lies in leads nowhere.

    Raises:
        UserError: there is a link that leads out of the directory, a pipe, or what cannot be read; none is passed over.
    """
    # A directory of records bears a classifier's name, which may end so too.
    return [path for path in _below(directory, "attacks") if path.suffix == ".jsonl" and not is_directory(path)]


def run_checkpoint(directory: Path, name: str) -> Path:
    """The directory of a run's checkpoint, which need not be there.

    One that a user names, and not a run, may have links: those in Hugging Face's cache consist of them.

    Raises:
        UserError: the name leads out of the run's directory, or a link in the checkpoint does, or it cannot be read.
    """
    _below(directory, "checkpoints", name)
    return inside(directory, "checkpoints", name)


def _below(directory: Path, *names: str) -> list[Path]:
    """What lies below a directory of a run's, sorted, through links that stay in the run, each directory once."""
    found: list[Path] = []
    read = {os.path.realpath(directory)}
    waiting = deque([inside(directory, *names)])
    while waiting:
        folder = waiting.popleft()
        if not is_directory(folder) or (where := os.path.realpath(folder)) in read:
            continue
        read.add(where)
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise CannotReadError(f"Cannot read {folder}: {error.strerror}.") from None
        found += entries
        for path in entries:
            _refuse_pipe(path)
            if path.is_symlink():
                waiting.append(inside(directory, *path.relative_to(directory).parts))
            else:
                waiting.appendleft(path)
    return sorted(found)


def _refuse_pipe(path: Path) -> None:
    """Whoever opens one waits for another to do so."""
    if exists(path) and not (is_file(path) or is_directory(path)):
        raise BadRecordError(f"{path} is neither a file nor a directory: take it away.")
