"""A worker: a process that does jobs for its parent, and ends as soon as the parent does.

What is imported here is light: a worker imports this before it knows what its work is.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from robustbench_mt.errors import UserError
from robustbench_mt.threads import THREAD_VARIABLES

__all__ = ["Work", "start_worker"]

Job = TypeVar("Job")
Result = TypeVar("Result")

Work = Callable[[Iterable[tuple[int, Job]], Callable[[int], None]], Iterator[tuple[int, Result]]]
"""Does jobs, each with its number, and gives each one's result as it ends; says how many texts were scored."""

_SECONDS_BETWEEN_COUNTS = 0.1


def start_worker(prepare: Callable[[], Work[Any, Any]], threads: int) -> "tuple[BaseProcess, Connection[Any, Any]]":
    """Start a process that prepares for its work and then does it.

    Its messages, each a kind and a content:

    - ``asks``: for a job; the answer is its number and the job, or ``None`` for "first finish what you have".
    - ``done``: a job's number and its result.
    - ``scored``: texts that were scored since the last such message.
    - ``fails``: a :class:`UserError`; ``dies``: any other exception, in words. It ends after either.

    Args:
        prepare: called in the process; must be picklable.
        threads: that the process uses for arithmetic.

    Returns:
        The process, and the connection to it; the connection closes when the process ends.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    # Left to the start of a process, it would unblock interrupts in the middle of that.
    resource_tracker.ensure_running()
    with _interrupts_blocked(), _threads_limited(threads):
        process.start()
    theirs.close()
    # When it is dead already, that is seen where its messages are read.
    with suppress(OSError):
        ours.send(prepare)
    return process, ours


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Within, Ctrl-C waits; processes that are started never see it, as their parent is the one to end them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _threads_limited(threads: int) -> Iterator[None]:
    """Within, processes are started that use this many threads, whatever they import first."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _serve(connection: "Connection[Any, Any]") -> None:
    """What a worker does, until its parent ends it."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    unsaid, said = 0, 0.0

    def scored(texts: int) -> None:
        nonlocal unsaid, said
        unsaid += texts
        if time.monotonic() - said > _SECONDS_BETWEEN_COUNTS:
            connection.send(("scored", unsaid))
            unsaid, said = 0, time.monotonic()

    def jobs() -> Iterator[tuple[int, Any]]:
        while True:
            connection.send(("asks", None))
            job = connection.recv()
            if job is None:
                return
            yield job

    try:
        work = connection.recv()()
        while True:
            for outcome in work(jobs(), scored):
                connection.send(("done", outcome))
    except Exception as error:  # what the jobs do may raise anything
        failure = ("fails", error) if isinstance(error, UserError) else ("dies", f"{type(error).__name__}: {error}")
        # Without a parent there is nobody to tell.
        with suppress(OSError):
            connection.send(failure)
        os._exit(1)


def _die_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
