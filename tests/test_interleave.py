"""Jobs side by side: each as if it ran alone."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from greenlet import GreenletExit

from attacks.interleave import Interleaver

Text = tuple[str, ...]


def lengths(texts: Sequence[Text]) -> np.ndarray:
    return np.asarray([[len(text[0])] for text in texts], np.float32)


def walker(number: int, score: Callable[[Sequence[Text]], Any]) -> tuple[int, list[float]]:
    """Draws from all generators between scores, as recipes do, and asks for other numbers of texts each time."""
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)
    drawn = []
    for step in range(number % 5 + 1):
        drawn += [random.random(), float(np.random.rand()), float(torch.rand(()))]
        texts = [("x" * random.randint(1, 9),) for _ in range(step)]
        scores = score(texts)
        assert [row[0] for row in scores] == [len(text[0]) for text in texts]
        drawn += [random.random(), float(np.random.rand()), float(torch.rand(()))]
    return number, drawn


@pytest.mark.parametrize("width", [1, 2, 7, 64])
@pytest.mark.parametrize("order", [1, -1])
def test_each_job_draws_as_if_it_ran_alone(width: int, order: int) -> None:
    alone = [walker(number, lengths) for number in range(20)]
    together: Interleaver[tuple[int, list[float]]] = Interleaver(lengths, width)
    jobs = [lambda n=number: walker(n, together.score) for number in range(20)][::order]
    results = [result for result, _ in together.run(jobs)]
    assert sorted(results) == alone


def test_texts_are_scored_together() -> None:
    batches = []

    def score(texts: Sequence[Text]) -> Any:
        batches.append(len(texts))
        return lengths(texts)

    together: Interleaver[Any] = Interleaver(score, 8)
    assert len(list(together.run(lambda: together.score([("a",), ("b",)]) for _ in range(8)))) == 8
    assert batches == [16]


def test_jobs_start_as_others_end() -> None:
    started: list[int] = []
    together: Interleaver[int] = Interleaver(lengths, 2)

    def job(number: int) -> int:
        started.append(number)
        together.score([("a",)])
        return number

    running = together.run(lambda n=n: job(n) for n in range(5))
    assert next(running)[0] == 0
    assert started == [0, 1], "two at a time"
    assert [result for result, _ in running] == [1, 2, 3, 4]


def test_seconds_are_the_jobs_own() -> None:
    together: Interleaver[int] = Interleaver(lengths, 4)
    results = list(together.run(lambda: len(together.score([("a",)])) for _ in range(4)))
    assert all(result == 1 and 0 < seconds < 1 for result, seconds in results)


def test_an_exception_reaches_the_caller_and_ends_the_other_jobs() -> None:
    ended = []
    together: Interleaver[None] = Interleaver(lengths, 3)

    def waits() -> None:
        try:
            together.score([("a",)])
            together.score([("a",)])
        except GreenletExit:
            ended.append(True)
            raise

    def fails() -> None:
        together.score([("a",)])
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(together.run([waits, fails, waits]))
    assert ended == [True, True]


def test_a_victim_that_fails_reaches_the_caller() -> None:
    def broken(texts: Sequence[Text]) -> Any:
        raise ValueError("broken")

    together: Interleaver[Any] = Interleaver(broken, 3)
    with pytest.raises(ValueError, match="broken"):
        list(together.run(lambda: together.score([("a",)]) for _ in range(3)))
