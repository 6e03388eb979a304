"""Processes that do jobs side by side, and that may die without a job being lost.

Jobs are handed out as they are asked for, so that no process is idle at the end. Of the jobs that a process had in hand
when it died, any may have killed it: all become suspects. A suspect is done again by a process that has nothing else in
hand, and the one that kills this process too is given up.
"""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Generic, TypeVar

from attacks.worker import Work, start_worker
from robustbench_mt.errors import WorkersDiedError

__all__ = ["GivenUp", "Workers"]

Job = TypeVar("Job")
Result = TypeVar("Result")

_DEATHS_BEFORE_WORK = 2


@dataclass(frozen=True)
class GivenUp:
    """In place of the result of a job that killed two processes."""

    reason: str


@dataclass(eq=False)
class _Worker(Generic[Job]):
    """A process as its parent sees it.

    Attributes:
        began: it has been given a job.
        asks: it waits for an answer: a job, or ``None`` for "finish what you have".
        has_suspect: what it has in hand is one suspect and nothing else.
        last_words: the exception that it ended with, if it could say.
    """

    process: BaseProcess
    connection: "Connection[Any, Any]"
    in_hand: dict[int, Job] = field(default_factory=dict)
    began: bool = False
    asks: bool = False
    has_suspect: bool = False
    last_words: str = ""


class Workers(Generic[Job, Result]):
    """Processes that each prepare for the work once, then do jobs; a context manager that ends them.

    Each is started as a new interpreter, so a script that uses them keeps its own work below
    ``if __name__ == "__main__"``.

    Args:
        prepare: called in each process; loads what the work needs. It and the jobs must be picklable.
        count: of processes.
        threads: that each process uses for arithmetic.
    """

    def __init__(self, prepare: Callable[[], Work[Job, Result]], count: int, threads: int) -> None:
        self._prepare = prepare
        self._count = count
        self._threads = threads
        self._workers: list[_Worker[Job]] = []
        self._queue: deque[tuple[int, Job]] = deque()
        self._suspects: deque[tuple[int, Job]] = deque()
        self._unfinished = 0
        self._deaths_before_work = 0
        try:
            for _ in range(count):
                self._start()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> "Workers[Job, Result]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(
        self, jobs: Iterable[tuple[int, Job]], scored: Callable[[int], None]
    ) -> Iterator[tuple[int, Result | GivenUp]]:
        """Have the jobs done.

        Args:
            jobs: each with a number of its own.
            scored: told of texts that were scored, some at a time.

        Yields:
            A job's number and its result, as it ends.

        Raises:
            UserError: raised by the work, or processes die before they begin.
        """
        self._queue.extend(jobs)
        self._unfinished = len(self._queue)
        while self._unfinished:
            while len(self._workers) < self._count and (self._queue or self._suspects):
                self._start()
            for worker in self._workers:
                if worker.asks:
                    self._answer(worker)
            by_connection = {worker.connection: worker for worker in self._workers}
            for ready in wait(list(by_connection)):
                worker = by_connection[ready]  # type: ignore[index]  # only connections are waited for
                try:
                    kind, content = worker.connection.recv()
                except (EOFError, OSError):
                    yield from self._replace(worker)
                    continue
                if kind == "done":
                    number, result = content
                    del worker.in_hand[number]
                    self._unfinished -= 1
                    yield number, result
                elif kind == "scored":
                    scored(content)
                elif kind == "asks":
                    worker.asks = True
                elif kind == "dies":
                    worker.last_words = content
                else:
                    raise content

    def _answer(self, worker: _Worker[Job]) -> None:
        """Give a worker that asks a job or tell it to finish what it has; with nothing in hand, it may have to wait."""
        answer: tuple[int, Job] | None = None
        if worker.in_hand:
            # Near the end one worker must not take what another could begin.
            share = -(-self._unfinished // len(self._workers))
            if self._queue and not worker.has_suspect and len(worker.in_hand) < share:
                answer = self._queue.popleft()
        elif self._suspects or self._queue:
            worker.has_suspect = bool(self._suspects)
            answer = (self._suspects or self._queue).popleft()
        else:
            return
        if answer:
            if not worker.began:
                worker.began = True
                self._deaths_before_work = 0
            worker.in_hand[answer[0]] = answer[1]
        worker.asks = False
        # When it is dead, that is seen where its messages are read, and what it has in hand is done again.
        with suppress(OSError):
            worker.connection.send(answer)

    def _replace(self, dead: _Worker[Job]) -> Iterator[tuple[int, GivenUp]]:
        how = _end_of(dead)
        self._workers.remove(dead)
        if not dead.began:
            self._deaths_before_work += 1
            if self._deaths_before_work == _DEATHS_BEFORE_WORK:
                raise WorkersDiedError(
                    f"Worker processes end before they take their first example ({how}): try without --workers, or "
                    "with fewer where memory is short. What was done is kept."
                )
        if dead.has_suspect:
            for number in dead.in_hand:
                self._unfinished -= 1
                yield number, GivenUp(f"killed two workers, the second one with nothing else in hand ({how})")
        else:
            self._suspects.extend(dead.in_hand.items())

    def _start(self) -> None:
        self._workers.append(_Worker(*start_worker(self._prepare, self._threads)))

    def _end(self) -> None:
        # At once: they hold nothing that is not here.
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()


def _end_of(worker: _Worker[Any]) -> str:
    """How a process ended that has closed its connection."""
    worker.process.join(5)
    if worker.process.exitcode is None:
        worker.process.kill()
        worker.process.join()
    worker.connection.close()
    status = worker.process.exitcode or 0
    if worker.last_words:
        return worker.last_words
    if status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
