"""Ctrl-C that ends the process soon, also while it is deep in a library."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "MESSAGE", "ends_soon_when_interrupted"]

INTERRUPTED = 130
MESSAGE = "robustbench-mt: interrupted; the same command goes on from here."

_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def ends_soon_when_interrupted(seconds: float = 1.0) -> Iterator[None]:
    """Within, Ctrl-C raises :class:`KeyboardInterrupt` as ever, and ends the process where that does not help in time.

    Python raises it when the main thread is back from what it called: a long forward pass keeps it, and a library that
    catches everything swallows it. Records are whole on disk at any moment, so nothing is lost by ending at once.

    Args:
        seconds: from Ctrl-C to the end of the process, if the ``with`` block has not ended by then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader, ended, seconds), daemon=True)
    watcher.start()
    try:
        yield
    except KeyboardInterrupt:
        # As Python ends it looks at every object once more, for seconds after TextAttack's imports; not at frozen ones.
        gc.freeze()
        # Interrupted in an exec, as dataclasses have them, CPython would end by the signal and not by our status,
        # caught or not; what it keeps for that is put right by the next exec.
        exec("")
        raise
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        os.close(writer)
        watcher.join()
        os.close(reader)


def _watch(reader: int, ended: threading.Event, seconds: float) -> None:
    # The number of each signal is written there as it comes, whatever the main thread does.
    while number := os.read(reader, 1):
        if number[0] == signal.SIGINT and not ended.wait(seconds):
            # Past sys.stderr, which the main thread may hold.
            os.write(2, f"{_SHOW_CURSOR if os.isatty(2) else ''}{MESSAGE}\n".encode())
            os._exit(INTERRUPTED)
