"""Many attacks side by side in one thread, so that their texts are scored together.

An attack asks for the scores of a handful of texts, thinks, and asks again. Alone it keeps the classifier busy with
batches that are too small. Here each attack runs in a greenlet of its own: where it asks for scores it is set aside,
the next one runs until it asks, and when all wait, what they ask for is scored in one go.

Only one attack runs at a time, and each gets its own generators back when it goes on, so what it does depends neither
on how many run beside it nor on their order.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from greenlet import GreenletExit, getcurrent, greenlet

__all__ = ["Interleaver"]

T = TypeVar("T")
Text = tuple[str, ...]


@dataclass
class _Job:
    """An attack that waits for scores."""

    fibre: greenlet
    wanted: Sequence[Text]
    seconds: float = 0.0


class Interleaver(Generic[T]):
    """Runs jobs side by side; what they want scored goes through :meth:`score`.

    Args:
        score: texts to scores, n x classes; called with what all waiting jobs want.
        width: how many jobs run side by side.
    """

    def __init__(self, score: Callable[[Sequence[Text]], Any], width: int) -> None:
        self._score = score
        self._width = width
        # When the job that runs now would have begun, had it run without a break.
        self._began = 0.0

    def clock(self) -> float:
        """The seconds that the job which calls it has taken so far; see :meth:`run` for what counts."""
        return time.perf_counter() - self._began

    def score(self, texts: Sequence[Text]) -> Any:
        """The scores of ``texts``: called by a job, which is set aside until they are there."""
        hub = getcurrent().parent
        if hub is None:
            return self._score(texts)
        state = _generators()
        scores = hub.switch(texts)
        _restore(state)
        return scores

    def run(self, jobs: Iterable[Callable[[], T]]) -> Iterator[tuple[T, float]]:
        """Run the jobs, and give each one's result as it ends.

        The seconds are the job's own: its own time, and of the time of scoring its share by the number of texts.

        Yields:
            Result and seconds.
        """
        waiting: list[_Job] = []
        queue = iter(jobs)
        try:
            while True:
                while len(waiting) < self._width and (start := next(queue, None)) is not None:
                    yield from self._go_on(_Job(greenlet(start), ()), waiting, None)
                if not waiting:
                    return
                yield from self._round(waiting)
        finally:
            for job in waiting:
                job.fibre.throw(GreenletExit)

    def _round(self, waiting: list[_Job]) -> Iterator[tuple[T, float]]:
        """Score what all jobs wait for, and let each go on until it waits again."""
        began = time.perf_counter()
        scores = self._score([text for job in waiting for text in job.wanted])
        each = (time.perf_counter() - began) / max(len(scores), 1)
        jobs, waiting[:] = list(waiting), []
        start = 0
        for position, job in enumerate(jobs):
            stop = start + len(job.wanted)
            job.seconds += each * len(job.wanted)
            try:
                yield from self._go_on(job, waiting, scores[start:stop])
            except BaseException:
                waiting.extend(jobs[position + 1 :])
                raise
            start = stop

    def _go_on(self, job: _Job, waiting: list[_Job], scores: Any) -> Iterator[tuple[T, float]]:
        self._began = time.perf_counter() - job.seconds
        answer = job.fibre.switch() if scores is None else job.fibre.switch(scores)
        job.seconds = self.clock()
        if job.fibre.dead:
            yield answer, job.seconds
        else:
            job.wanted = answer
            waiting.append(job)


def _generators() -> tuple[Any, Any, torch.Tensor]:
    """The states of the three global generators that TextAttack draws from."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _restore(state: tuple[Any, Any, torch.Tensor]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
