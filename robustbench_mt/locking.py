"""Files that one process alone writes to."""

import fcntl
import os
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path

from robustbench_mt.errors import RunIsOpenError
from robustbench_mt.system_errors import cannot

__all__ = ["open_alone", "open_locked"]


def open_locked(path: Path) -> FileIO:
    """A file open for appending, for this process alone; the lock is gone with the process.

    Raises:
        UserError: another process has it open, or it cannot be written.
    """
    while True:
        try:
            stream = FileIO(path, "ab")
        except OSError as error:
            raise cannot("write", path, error) from None
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, a run that ended without a record may have removed the file.
            if path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
            stream.close()
        except BlockingIOError:
            stream.close()
            raise RunIsOpenError(
                f"{path} is open in another run: wait until that ends, or choose another --out."
            ) from None
        except OSError as error:
            stream.close()
            raise cannot("lock", path, error) from None


def open_alone(path: Path) -> FileIO:
    """A new file, which is this process's as long as it is open: it waits for another that has one of the same name.

    What a killed process has left of that name is removed, and so is a link, which is not followed.

    Raises:
        OSError: it cannot be written.
    """
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            _remove_when_closed(path)
            continue
        # Between opening and locking, another process may have taken it for one that was left.
        if _locked_in_place(handle, path):
            return FileIO(handle, "wb")
        os.close(handle)


def _remove_when_closed(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
            return
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _locked_in_place(handle, path):
                path.unlink()
        finally:
            os.close(handle)


def _locked_in_place(handle: int, path: Path) -> bool:
    """Lock an open file, and say whether it still is what has its name."""
    # Where files cannot be locked, nobody is waited for.
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.lstat())
    return False
