"""Cells as tasks of a cluster: trainings, which need nothing of other cells, done beside each other."""

import json
import tempfile
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from robustbench_mt.base_tokenizer import load_tokenizer
from robustbench_mt.bases import give_base
from robustbench_mt.cell import Cell
from robustbench_mt.cluster import Cluster, Lost, Shared
from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.directory_files import Packed, written_whole
from robustbench_mt.errors import NoClusterError, UserError
from robustbench_mt.inside import inside
from robustbench_mt.kept_in_memory import base_directory, give_task, kept
from robustbench_mt.ledger import Ledger, claim, read_records
from robustbench_mt.progress import silence_notes
from robustbench_mt.records import EvaluationRecord, Record, TrainingRecord
from robustbench_mt.scoring import length_limit
from robustbench_mt.tasks.names import is_path, portable_path
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.task import Task
from robustbench_mt.tokenized import Tokens, keep_tokens, keyed_tokens

__all__ = ["do_on_cluster"]

# A training may take hours, and machines that are lent by the hour go away.
_RETRIES = 3

# Until the first trainings are handed out no result is taken in, and what those read stays in the object store.
_AHEAD = 8

# What a training may leave, and what tells a record from the file's others.
_RECORDS: dict[type[Record], Callable[[Any], Hashable]] = {
    TrainingRecord: lambda record: record.checkpoint,
    EvaluationRecord: lambda record: record.key,
    ImbalanceRecord: lambda record: (record.task, record.identity, record.key),
    LabelNoiseRecord: lambda record: (record.task, record.identity, record.key),
}


def do_on_cluster(cells: Sequence[Cell], out: Path, cluster: Cluster) -> Iterator[tuple[Cell, Exception | None]]:
    """Have trainings done on a cluster, and put what each leaves into a run's directory as it ends.

    Left for later, as there is little to do for them here: cells that need others, cells that are begun, and cells
    whose numbers are another one's.

    Args:
        cells: what is asked for.
        out: the run's directory.
        cluster: where.

    Yields:
        A cell that has ended, and the exception where it has failed.

    Raises:
        UserError: the cluster cannot do it.
    """
    chosen: dict[object, Cell] = {}
    for cell in cells:
        if not (cell.needs or cell.is_done(out) or cell.is_begun(out)):
            chosen.setdefault(cell.same_training, cell)
    by_name = {cell.name: cell for cell in chosen.values()}
    jobs = ((cell.name, _packed(cell, cluster)) for cell in by_name.values())
    for name, result in cluster.run(cluster.share(_do), jobs, _RETRIES, _AHEAD):
        if isinstance(result, Lost):
            yield by_name[name], NoClusterError(f"It was lost {_RETRIES + 1} times on the cluster ({result.reason}).")
        elif isinstance(result, Exception):
            yield by_name[name], result
        else:
            try:
                _take_in(result, out)
            except UserError as error:
                yield by_name[name], error
            else:
                yield by_name[name], None


@dataclass(frozen=True)
class _Job:
    """A cell with what it would look for on its machine."""

    cell: Cell
    task: Shared[Task]
    base: Shared[Packed]
    tokens: Sequence[Shared[tuple[str, Tokens] | None]]


def _packed(cell: Cell, cluster: Cluster) -> _Job:
    name = cell.training["settings"]["base"]
    directory = base_directory(name, cell.data.allow_network)
    task = cluster.share_once(("task", cell.task_name, cell.data), lambda: cell.task)
    base = cluster.share_once(("base", directory), lambda: Packed.of(directory))
    tokens = _share_tokens(cell, directory, cluster)
    if is_path(cell.task_name):
        # What records call a task must not depend on the directory that its worker is in.
        cell = replace(cell, task_name=portable_path(cell.task_name))
    return _Job(cell, task, base, tokens)


def _share_tokens(cell: Cell, base: Path, cluster: Cluster) -> list[Shared[tuple[str, Tokens] | None]]:
    """What the training is going to tokenize, done here: trainings beside each other read much the same texts."""
    try:
        tokenizer, limit = _tokenizer(base)
        max_length = min(cell.training["settings"]["max_length"], limit)
        return [
            cluster.share_once(
                ("tokens", base, max_length, examples.fingerprint),
                partial(keyed_tokens, tokenizer, examples, max_length),
            )
            for examples in cell.read_in_training
        ]
    except Exception:  # whatever it is, this cell's training meets it too, and says so without stopping others
        return []


@kept(most=1)
def _tokenizer(base: Path) -> tuple[Any, int]:
    """The tokenizer of a base, and how many tokens the base can read."""
    from transformers import AutoConfig

    tokenizer = load_tokenizer(base)
    return tokenizer, length_limit(AutoConfig.from_pretrained(base, trust_remote_code=False), tokenizer)


def _do(job: _Job) -> Packed:
    """Do a cell in a directory of its own, and give what it leaves there."""
    silence_notes()
    cell = job.cell
    _give_task(cell.task_name, cell.data, job.task)
    for tokens in job.tokens:
        if known := tokens.read():
            keep_tokens(*known)
    with tempfile.TemporaryDirectory(prefix="robustbench-mt-") as scratch:
        give_base(cell.training["settings"]["base"], job.base.read().unpack(Path(scratch) / "base"))
        cell.do(Path(scratch) / "run")
        return Packed.of(Path(scratch) / "run")


@lru_cache(maxsize=8)
def _give_task(name: str, options: TaskOptions, task: Shared[Task]) -> None:
    """Once in a process: large data take seconds to read."""
    give_task(name, options, task.read())


def _take_in(left: Packed, out: Path) -> None:
    """Put what a cell has left into a run's directory: checkpoints first, as their records say that they are there."""
    for name in sorted({path.split("/")[1] for path in left.files if path.startswith("checkpoints/")}):
        with written_whole(inside(out, "checkpoints", name)) as partial:
            left.below(f"checkpoints/{name}").unpack(partial)
    with tempfile.TemporaryDirectory(prefix="robustbench-mt-") as scratch:
        run = left.unpack(Path(scratch))
        for path in sorted(run.glob("*.settings.json")):
            claim(inside(out, path.name), json.loads(path.read_bytes()), f"The curve in {out / path.name}")
        for kind, identity in _RECORDS.items():
            if records := list(read_records(run / kind.file, kind)):
                with Ledger(out / kind.file, kind) as ledger:
                    # A run that was killed between a cell's two files has the one's line already.
                    there = set(map(identity, ledger.records))
                    for record in records:
                        if identity(record) not in there:
                            ledger.append(record)
