"""Attacks as tasks of a cluster: shards of examples, each attacked by whichever worker is free.

What is imported here is light: a worker imports this before it knows what its work is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from attacks.worker import Work
from attacks.workers import GivenUp
from robustbench_mt.cluster import Cluster, Lost, Shared
from robustbench_mt.progress import note

__all__ = ["Shards", "shard_sizes"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# As many as are in flight by default: in smaller shards batches are less full (benchmarks/scale_out.py).
_MOST = 128


class Shards(Generic[Job, Result]):
    """Does jobs on a cluster, as :class:`attacks.workers.Workers` does in processes of this machine.

    Ray does a shard again when its worker or machine is lost. One that is lost twice is split, and an example that is
    lost twice more, with nothing else in hand, is given up: four times for twice, where memory ran out.

    Args:
        cluster: where.
        prepare: called once in each process that gets a shard; loads what the work needs. It and the jobs must be
            picklable.
    """

    def __init__(self, cluster: Cluster, prepare: Callable[[], Work[Job, Result]]) -> None:
        self._cluster = cluster
        self._do: Shared[_Shard[Job, Result]] = cluster.share(_Shard(prepare))

    def run(
        self, jobs: Iterable[tuple[int, Job]], scored: Callable[[int], None]
    ) -> Iterator[tuple[int, Result | GivenUp]]:
        """Have the jobs done.

        Args:
            jobs: each with a number of its own.
            scored: told of texts that were scored, a shard's at a time.

        Yields:
            A job's number and its result, as its shard ends.

        Raises:
            UserError: raised by the work, or the cluster cannot do it.
        """
        queue = list(jobs)
        shards: list[list[tuple[int, Job]]] = []
        for size in self._sizes(len(queue)):
            shards.append(queue[:size])
            del queue[:size]
        suspects: list[tuple[int, Job]] = []
        for index, result in self._cluster.run(self._do, enumerate(shards)):
            if isinstance(result, Lost):
                suspects += shards[index]
                note(f"A shard was lost each time ({result.reason}): its {len(shards[index])} examples are done alone.")
            else:
                yield from _results(result, scored)
        for index, result in self._cluster.run(self._do, enumerate([suspect] for suspect in suspects)):
            if isinstance(result, Lost):
                reason = f"killed two workers that had nothing else in hand ({result.reason})"
                yield suspects[index][0], GivenUp(reason)
            else:
                yield from _results(result, scored)

    def _sizes(self, jobs: int) -> list[int]:
        size = self._cluster.options.shard
        if size is None:
            return shard_sizes(jobs, self._cluster.places)
        return [size] * -(-jobs // size)


def shard_sizes(jobs: int, places: int) -> list[int]:
    """Sizes of shards that are done beside each other and end together: large ones first, then smaller and smaller.

    Each takes half of what would be a place's share of the rest (guided self-scheduling, Polychronopoulos and Kuck
    1987), from 128 down to 1.

    Example:
        >>> shard_sizes(100, 2)
        [25, 19, 14, 11, 8, 6, 5, 3, 3, 2, 1, 1, 1, 1]
    """
    sizes = []
    while jobs > 0:
        sizes.append(min(_MOST, -(-jobs // (2 * max(1, places)))))
        jobs -= sizes[-1]
    return sizes


class _Shard(Generic[Job, Result]):
    """What a task does: it prepares for the work, unless an earlier one has, and does a shard of it."""

    def __init__(self, prepare: Callable[[], Work[Job, Result]]) -> None:
        self._prepare = prepare
        self._work: Work[Job, Result] | None = None

    def __call__(self, jobs: Sequence[tuple[int, Job]]) -> tuple[list[tuple[int, Result]], int]:
        """Results of the jobs, and how many texts were scored for them."""
        if self._work is None:
            self._work = self._prepare()
        scored: list[int] = []
        return list(self._work(jobs, scored.append)), sum(scored)


def _results(
    result: "tuple[list[tuple[int, Result]], int] | Exception", scored: Callable[[int], None]
) -> Iterator[tuple[int, Result]]:
    if isinstance(result, Exception):
        raise result
    outcomes, texts = result
    scored(texts)
    yield from outcomes
