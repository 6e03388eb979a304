"""What attacks on Ray gain and cost: two single-threaded workers against one, and the overhead of a shard.

    python benchmarks/scale_out.py CHECKPOINT --task rotten_tomatoes --recipe deepwordbug --examples 100 --rounds 3

Starts a Ray of two workers on this machine, with a core each. For the side with one worker the other's core is held by
a task that sleeps. Every measurement has a victim of its own, which has scored none of the texts, and begins when its
workers are ready. Prints

- the throughput of both sides, in alternation, and the median of their ratios;
- seconds an example in shards of several sizes, by one worker: small ones fill batches badly and cost a task each;
- what a shard costs that does nothing: to its worker, and to the driver; and what a record costs the driver;
- from these, what so many workers and so many examples take, and up to how many workers overhead is under 2%.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import App, Parameter

from attacks.recipes import RECIPES
from attacks.settings import AttackSettings, RecipeOptions
from attacks.shards import Shards, shard_sizes
from attacks.travelling import reloading
from attacks.victim import load_victim
from attacks.work import Example, prepare_work
from attacks.worker import Work
from robustbench_mt.backend import BackendOptions
from robustbench_mt.cluster import Cluster
from robustbench_mt.ledger import Ledger
from robustbench_mt.records import AttackRecord
from robustbench_mt.registry import choose
from robustbench_mt.tasks import TaskOptions, load_task

app = App(help=__doc__)

_SIZES = (1, 4, 16, 64)
_EMPTY = 300
_WORKERS = (1, 10, 100, 1000)
_EXAMPLES = (1_000, 10_000, 100_000, 1_000_000)

Jobs = list[tuple[int, Example]]


@app.default
def main(
    checkpoint: str,
    *,
    task: str = "rotten_tomatoes",
    recipe: str = "deepwordbug",
    examples: int = 100,
    rounds: int = 3,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008 (frozen)
    data: Annotated[TaskOptions, Parameter(name="*")] = TaskOptions(),  # noqa: B008 (frozen)
) -> None:
    """Measure.

    Args:
        checkpoint: a Hugging Face directory.
        task: whose test split is attacked.
        recipe: of the attack.
        examples: how many, the first of the split.
        rounds: in each, both sides have their turn.
    """
    torch.set_num_threads(1)
    loaded = load_task(task, data)
    victim = load_victim(checkpoint, loaded)
    jobs, others = (
        [(index, Example(texts, int(label))) for index, (texts, label) in enumerate(pairs)]
        for split, count in (("test", examples), ("validation", 16))
        for pairs in [list(zip(loaded.split(split).texts, loaded.split(split).labels, strict=True))[:count]]
    )
    with Cluster(BackendOptions("ray"), cores=2) as cluster:
        prepare = partial(
            prepare_work,
            reloading(checkpoint, victim, cluster=cluster),
            victim.fingerprint,
            replace(loaded, splits={}),
            choose("recipe", recipe, RECIPES),
            AttackSettings(),
            options,
        )
        bench = _Bench(cluster, prepare, jobs, others)
        _compare(bench, rounds)
        with _one_worker(cluster):
            costs = _costs(bench)
    _print_model(costs)


@dataclass
class _Bench:
    """An attack that can be measured again and again."""

    cluster: Cluster
    prepare: Callable[[], Work[Any, Any]]
    jobs: Jobs
    others: Jobs

    def seconds(self, size: int | None = None) -> tuple[float, list[AttackRecord]]:
        """Of an attack in shards of a size, from when workers are ready; and its records."""
        shards = Shards(self.cluster, self.prepare)
        self.cluster.options = replace(self.cluster.options, shard=4)
        list(shards.run(self.others, lambda _: None))
        self.cluster.options = replace(self.cluster.options, shard=size)
        began = time.perf_counter()
        records = [record for _, record in shards.run(self.jobs, lambda _: None)]
        return time.perf_counter() - began, records


@contextmanager
def _one_worker(cluster: Cluster) -> Iterator[None]:
    """Within, one of two cores is taken."""
    import ray

    with tempfile.NamedTemporaryFile() as there:
        held = ray.remote(num_cpus=1)(_sleep_while).remote(there.name)
        while ray.available_resources().get("CPU", 0) > 1:
            time.sleep(0.1)
        try:
            yield
        finally:
            there.close()
            ray.get(held)


def _sleep_while(there: str) -> None:
    while Path(there).exists():
        time.sleep(0.1)


def _compare(bench: _Bench, rounds: int) -> None:
    ratios = []
    for number in range(rounds):
        two, _ = bench.seconds()
        with _one_worker(bench.cluster):
            one, _ = bench.seconds()
        ratios.append(one / two)
        rates = [len(bench.jobs) / seconds for seconds in (one, two)]
        load = os.getloadavg()[0]
        print(f"round {number + 1}: {rates[0]:.1f} and {rates[1]:.1f} examples a second with one and two workers, "
              f"ratio {ratios[-1]:.2f} (load {load:.1f})", flush=True)  # fmt: skip
    print(f"two workers against one, median of {rounds}: {statistics.median(ratios):.2f} times the throughput")


@dataclass
class _Costs:
    """Seconds: by an example in shards of each size, by an empty shard (of its worker, of the driver), by a record."""

    by_size: dict[int, float]
    shard: float
    driver: float
    record: float

    @property
    def example(self) -> float:
        """In the largest shard."""
        return self.by_size[max(self.by_size)]

    @property
    def fast_shard(self) -> int:
        """The smallest size measured at which throughput is within 2% of the largest shards'."""
        return min(size for size, seconds in self.by_size.items() if seconds * 0.98 <= self.example)

    @property
    def least_shard(self) -> int:
        """The smallest whose own cost is under 2% of its examples', however full its batches are."""
        return int(49 * self.shard / self.example) + 1


def _costs(bench: _Bench) -> _Costs:
    """By one worker."""
    by_size: dict[int, float] = {}
    records: list[AttackRecord] = []
    for size in (len(bench.jobs), *_SIZES):
        seconds, records = bench.seconds(size)
        by_size[size] = seconds / len(bench.jobs)
        print(f"shards of {size}: {1000 * by_size[size]:.1f} ms an example", flush=True)
    shards = Shards(bench.cluster, partial(_nothing, records[:16]))
    list(shards.run([(0, bench.jobs[0])], lambda _: None))
    bench.cluster.options = replace(bench.cluster.options, shard=16)
    many = [(number, bench.jobs[number % len(bench.jobs)][1]) for number in range(16 * _EMPTY)]
    began, computed = time.perf_counter(), time.process_time()
    list(shards.run(many, lambda _: None))
    seconds, computed = time.perf_counter() - began, time.process_time() - computed
    with tempfile.TemporaryDirectory() as scratch, Ledger(Path(scratch) / "records.jsonl", AttackRecord) as ledger:
        began = time.perf_counter()
        for record in records:
            ledger.append(record)
        record_seconds = (time.perf_counter() - began) / len(records)
    costs = _Costs(by_size, seconds / _EMPTY, computed / _EMPTY, record_seconds)
    print(
        f"an empty shard of 16 examples: {1000 * costs.shard:.1f} ms, {1000 * costs.driver:.1f} ms of the driver's time"
    )
    print(f"a record on disk: {1000 * costs.record:.2f} ms of the driver's time")
    print(f"throughput is within 2% of the largest shards' at {costs.fast_shard} examples a shard")
    print(f"a shard's own cost is under 2% of its examples' from {costs.least_shard} on")
    return costs


def _nothing(records: list[AttackRecord]) -> Work[Any, AttackRecord]:
    """Prepares to give records of real size for no work."""

    def work(jobs: Iterable[tuple[int, Any]], scored: Callable[[int], None]) -> Iterator[tuple[int, AttackRecord]]:
        for number, _ in jobs:
            yield number, records[number % len(records)]

    return work


def _print_model(costs: _Costs) -> None:
    """Time once workers are ready: theirs, or the driver's where that is what all wait for; and overhead's part of it.

    Overhead is all but attacking in shards of the largest size measured.
    """
    print("| examples |", *(f"{workers:,} workers |" for workers in _WORKERS), "under 2% up to |")
    print("| --- |", *("--- |" for _ in _WORKERS), "--- |")
    for examples in _EXAMPLES:
        cells = [_cell(costs, examples, workers) for workers in _WORKERS]
        print(f"| {examples:,} |", *(f"{cell} |" for cell in cells), f"{_most_workers(costs, examples):,} workers |")
    print("* the driver, which writes every record to disk, is what all wait for")


def _most_workers(costs: _Costs, examples: int) -> int:
    """Up to how many workers overhead is under 2%."""
    return next(workers for workers in count(1) if _modelled(costs, examples, workers)[1] >= 0.02) - 1


def _cell(costs: _Costs, examples: int, workers: int) -> str:
    seconds, overhead, is_drivers = _modelled(costs, examples, workers)
    unit, size = ("h", 3600) if seconds > 3600 else ("min", 60) if seconds > 60 else ("s", 1)
    return f"{seconds / size:.1f} {unit}, {100 * overhead:.2f}%{'*' * is_drivers}"


def _modelled(costs: _Costs, examples: int, workers: int) -> tuple[float, float, bool]:
    """Seconds, overhead's share of them, and whether they are the driver's."""
    sizes = shard_sizes(examples, workers)
    least = examples * costs.example / workers
    # The last shard to begin is done while others have nothing left.
    working = least + len(sizes) / workers * costs.shard + sizes[-1] * costs.example
    driving = len(sizes) * costs.driver + examples * costs.record
    seconds = max(working, driving)
    return seconds, (seconds - least) / seconds, driving > working


if __name__ == "__main__":
    app()
