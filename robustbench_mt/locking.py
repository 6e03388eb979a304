"""Files that one process alone writes to."""

import fcntl
import os
from io import FileIO
from pathlib import Path

from robustbench_mt.errors import RunIsOpenError
from robustbench_mt.system_errors import cannot

__all__ = ["open_locked"]


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
