"""Disks with little room, and file systems that are mounted for the time of a test."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

__all__ = ["disk", "mounted", "no_larger_file_than"]


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Path]:
    """A directory that is a file system of its own."""
    path.mkdir()
    mount = ["mount", *options, str(path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def disk(path: Path, size: str) -> AbstractContextManager[Path]:
    """An empty one with so much room: 16k, 1m."""
    return mounted(path, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")


@contextmanager
def no_larger_file_than(size: int) -> Iterator[None]:
    """As ``ulimit -f`` has it: the same failure as on a full disk, in the middle of a write.

    Nothing of Python's own is written meanwhile.
    """
    before, cached = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = cached
