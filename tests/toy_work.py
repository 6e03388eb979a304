"""Work for workers that is light to import, in which some jobs end the process."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from attacks.worker import Work
from robustbench_mt.errors import BadVictimError

__all__ = ["dies_at_once", "results_of", "threads", "toy_work", "visible_gpus"]


def toy_work(marks: Path, width: int) -> Work[str, str]:
    """Repeats words, ``width`` at a time; some words end the process, others do so once.

    Every word that is begun leaves a file in ``marks``, named by the word and how often it has begun.
    """

    def work(jobs: Iterable[tuple[int, str]], scored: Callable[[int], None]) -> Iterator[tuple[int, str]]:
        in_hand: list[tuple[int, str]] = []
        queue = iter(jobs)
        while True:
            while len(in_hand) < width and (job := next(queue, None)) is not None:
                in_hand.append(job)
            if not in_hand:
                return
            number, word = in_hand.pop(0)
            begun = len(list(marks.glob(f"{word}.*")))
            (marks / f"{word}.{begun}.{os.getpid()}").touch()
            if word == "kills" or (word == "kills-once" and not begun):
                os.kill(os.getpid(), signal.SIGKILL)
            if word == "exits":
                os._exit(9)
            if word == "raises":
                raise ZeroDivisionError("broken")
            if word == "mistake":
                raise BadVictimError("The victim failed: mend it.")
            if word == "slow":
                time.sleep(0.2)
            scored(1)
            yield number, word * 2

    return work


def results_of(
    run: Callable[[Iterable[tuple[int, str]], Callable[[int], None]], Iterator[tuple[int, Any]]], words: list[str]
) -> tuple[dict[int, Any], int]:
    """What workers make of each word, by its place, and how many they said were scored; each job is done once."""
    results: dict[int, Any] = {}
    scored: list[int] = []
    for number, result in run(enumerate(words), scored.append):
        assert number not in results, "no job is done twice"
        results[number] = result
    assert set(results) == set(range(len(words))), "no job is lost"
    return results, sum(scored)


def dies_at_once() -> Work[str, str]:
    os._exit(3)


def threads() -> Work[str, Any]:
    def work(jobs: Iterable[tuple[int, str]], scored: Callable[[int], None]) -> Iterator[tuple[int, Any]]:
        import torch

        for number, _ in jobs:
            yield number, (torch.get_num_threads(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    return work


def visible_gpus() -> Work[str, str]:
    """Which GPUs this process may use, as CUDA reads it."""

    def work(jobs: Iterable[tuple[int, str]], scored: Callable[[int], None]) -> Iterator[tuple[int, str]]:
        for number, _ in jobs:
            yield number, os.environ.get("CUDA_VISIBLE_DEVICES", "")

    return work
