"""Directories written whole or not at all, and their files as one object that can go to another machine."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.inside import inside
from robustbench_mt.ledger import make_directory
from robustbench_mt.system_errors import cannot, system_error

__all__ = ["Packed", "written_whole"]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A directory to make and fill, which becomes ``path`` when the block ends without an error, and is gone otherwise.

    Raises:
        UserError: it cannot be written; a full disk is named as such.
    """
    make_directory(path.parent)
    partial = path.with_name(f".{path.name}.partial")
    _remove(partial)
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        # It takes the room that the user has to make.
        _remove(partial)
        if (problem := system_error(error)) is None:
            raise
        raise cannot("write", path, problem) from None


@dataclass(frozen=True)
class Packed:
    """Files and what is in them.

    Attributes:
        files: by their paths below the directory, with ``/`` between names; as arrays, which processes of one machine
            can share.
    """

    files: Mapping[str, NDArray[np.uint8]]

    @classmethod
    def of(cls, directory: Path) -> "Packed":
        """All files below a directory, and those that links in it lead to: models in Hugging Face's cache are such."""
        found = sorted(path for path in directory.rglob("*") if path.is_file())
        return cls({path.relative_to(directory).as_posix(): np.fromfile(path, np.uint8) for path in found})

    def unpack(self, directory: Path) -> Path:
        """Write the files below a directory, which is made, and return it."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            path = inside(directory, *name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.data)
        return directory

    def below(self, name: str) -> "Packed":
        """The files below one of its directories."""
        return Packed({path[len(name) + 1 :]: file for path, file in self.files.items() if path.startswith(f"{name}/")})


def _remove(directory: Path) -> None:
    # A link would be written through.
    if directory.is_symlink():
        directory.unlink()
    shutil.rmtree(directory, ignore_errors=True)
