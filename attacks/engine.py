"""Attacking a data set: each example once, each outcome on disk as it ends."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from attacks.example import example_seed
from attacks.recipes import Recipe, build, describe, resources_used
from attacks.settings import AttackSettings, RecipeOptions
from attacks.victim import Victim
from attacks.work import Example, Job, Outcome, Probe, Reload, prepare_work, work_with
from attacks.worker import Work
from attacks.workers import GivenUp, Workers
from robustbench_mt.comparisons import what_can_be_shown
from robustbench_mt.errors import ConflictingOptionsError
from robustbench_mt.inside import inside
from robustbench_mt.ledger import Ledger, read_records
from robustbench_mt.paths import AnyPath
from robustbench_mt.progress import Show, note, progress
from robustbench_mt.records import AttackRecord, AttackRun, to_json
from robustbench_mt.tasks.task import Task
from robustbench_mt.threads import available_cores
from robustbench_mt.versions import versions

if TYPE_CHECKING:
    from robustbench_mt.cluster import Cluster

__all__ = ["attack", "attack_path", "choose_examples"]


_Do = Callable[[Iterable[tuple[int, Job]], Callable[[int], None]], Iterator[tuple[int, Outcome | GivenUp]]]


def attack_path(out: Path, checkpoint: str, task: str, recipe: str) -> Path:
    """Where the outcomes of an attack are kept below a run's directory.

    Raises:
        UserError: a link or a name leads out of the directory.
    """
    return inside(out, "attacks", checkpoint, task, f"{recipe}.jsonl")


def choose_examples(available: int, settings: AttackSettings) -> list[int]:
    """Indices of the examples to attack, in the order in which they are attacked."""
    count = min(settings.examples, available)
    if settings.sample == "first":
        return list(range(count))
    order = np.random.default_rng(settings.seed).permutation(available)
    return [int(index) for index in order[:count]]


def attack(
    victim: Victim,
    task: Task,
    recipe: Recipe,
    settings: AttackSettings,
    out: AnyPath,
    *,
    options: RecipeOptions | None = None,
    reload: Reload | None = None,
    cluster: "Cluster | None" = None,
) -> list[AttackRecord]:
    """Attack examples of a task, and append each outcome to its file as it ends.

    Examples that are recorded already are not attacked again. An exception of the recipe becomes a record of status
    ``error``, as does an example that kills two workers; a victim that fails ends the run.

    Args:
        victim: the classifier under attack.
        task: a classification task.
        recipe: from :data:`attacks.recipes.RECIPES`.
        settings: which examples, and how.
        out: the run's directory.
        options: what the recipe is built with in place of what it would look for.
        reload: loads the same victim in a worker; must be picklable, and is needed for more than one worker:
            ``functools.partial(load_victim, "DIR")``. On a cluster, :func:`attacks.travelling.reloading` makes it.
        cluster: where shards of the examples are attacked, in place of ``settings.workers``.

    Returns:
        The records of the examples asked for, in their order.

    Raises:
        UserError: a regression task, a missing resource, a victim that fails, a file that cannot be written or was
            written with other settings, or workers that cannot start.

    Example:
        >>> records = attack(victim, task, RECIPES["deepwordbug"], AttackSettings(examples=3), out)
        >>> [record.status for record in records]
        ['success', 'success', 'success']
    """
    task.require_classes("attacks")
    examples = task.split(settings.split)
    indices = choose_examples(len(examples), settings)
    path = attack_path(Path(out), victim.name, task.name, recipe.name)
    recorded = list(read_records(path, AttackRecord))
    with ExitStack() as stack:
        do: _Do | None = None
        count = len(_missing(indices, recorded))
        if count and (settings.workers > 1 or cluster):
            # Workers are sent single examples, so the task travels without its data.
            parts = victim.fingerprint, replace(task, splits={}), recipe, settings, options
            prepare = partial(prepare_work, _given(reload, settings, cluster), *parts)
            if cluster:
                from attacks.shards import Shards

                do = Shards(cluster, prepare).run
            else:
                # First, so that they get ready while the recipe is built here.
                do = stack.enter_context(_start_workers(prepare, settings.workers, count)).run
        with progress(f"loading {recipe.name}", None):
            built = build(recipe, victim, task.protected_fields, task.fields, options)
        do = do or work_with(built, victim, task, settings)
        doubts = [] if recorded else _doubts(victim.name, [examples.texts[index] for index in indices], do)
        run = replace(_run(victim, task, recipe, settings, options, built), warnings=doubts)
        ledger = stack.enter_context(Ledger(path, AttackRecord, to_json(run), may_differ=("versions", "warnings")))
        if not recorded:
            note(what_can_be_shown(len(indices)))
        # Looked at again: from here on, no other run can write.
        missing = _missing(indices, ledger.records)
        if len(missing) < len(indices):
            note(f"{recipe.name}: {len(indices) - len(missing)} of {len(indices)} examples are recorded already.")
        show = stack.enter_context(progress(f"{recipe.name} against {victim.name}", len(missing)))
        shown = _Shown(show)
        fallbacks = [f"{name}: {where}" for name, where in run.resources.items() if "fallback" in where]
        jobs = {index: Example(examples.texts[index], int(examples.labels[index])) for index in missing}
        for index, outcome in do(jobs.items(), shown.scored):
            record = _record(index, jobs[index], settings, outcome)
            ledger.append(replace(record, fallbacks=fallbacks))
            shown.example_ended()
        by_index = {record.index: record for record in ledger.records}
    return [by_index[index] for index in indices]


class _Shown:
    """What a progress bar shows of an attack: examples, and texts scored, as the first example may take long to end."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._ended = self._texts = 0

    def scored(self, texts: int) -> None:
        self._texts += texts
        self._show(self._ended, f"{self._texts} texts scored")

    def example_ended(self) -> None:
        self._ended += 1
        self.scored(0)


def _missing(indices: Sequence[int], records: Sequence[AttackRecord]) -> list[int]:
    recorded = {record.index for record in records}
    return [index for index in indices if index not in recorded]


def _run(
    victim: Victim, task: Task, recipe: Recipe, settings: AttackSettings, options: RecipeOptions | None, built: Any
) -> AttackRun:
    encoder = ["sentence-transformers"] if "sentence encoder" in recipe.needs else []
    return AttackRun(
        checkpoint=victim.name,
        victim=victim.fingerprint,
        task=task.name,
        split=settings.split,
        data=task.split(settings.split).fingerprint,
        recipe=recipe.name,
        build=describe(built),
        sample=settings.sample,
        seed=settings.seed,
        max_characters=settings.max_characters,
        max_queries=settings.max_queries,
        max_seconds=settings.max_seconds,
        max_words=settings.max_words,
        fields=list(task.fields),
        protected_fields=list(task.protected_fields),
        label_names=list(task.label_names),
        resources=resources_used(recipe, options),
        versions=versions("torch", "transformers", "textattack", *encoder),
    )


def _doubts(name: str, texts: Sequence[tuple[str, ...]], do: _Do) -> list[str]:
    doubts: list[str] = []
    with progress(f"probing {name}", None) as show:
        for _, outcome in do([(0, Probe(texts))], _Shown(show).scored):
            if isinstance(outcome, GivenUp):
                doubts.append(f"Probing it {outcome.reason}.")
            else:
                assert isinstance(outcome, list)
                doubts += outcome
    for doubt in doubts:
        note(f"Warning: {name}: {doubt}")
    return doubts


def _given(reload: Reload | None, settings: AttackSettings, cluster: "Cluster | None") -> Reload:
    if reload is None:
        who = "A cluster's workers" if cluster else f"{settings.workers} workers"
        raise ConflictingOptionsError(f"{who} need reload, which loads the victim in each: see attack's help.")
    return reload


def _start_workers(prepare: Callable[[], Work[Job, Outcome]], count: int, examples: int) -> Workers[Job, Outcome]:
    # Never more than torch would use here: that may be what the user wants.
    threads = min(torch.get_num_threads(), max(1, available_cores() // count))
    return Workers(prepare, min(count, examples), threads)


def _record(index: int, example: Example, settings: AttackSettings, outcome: Outcome | GivenUp) -> AttackRecord:
    """The record of an example, also of one that has no outcome."""
    if isinstance(outcome, GivenUp):
        seed = example_seed(settings.seed, index)
        return AttackRecord(index, seed, example.label, "error", list(example.texts), message=outcome.reason)
    assert isinstance(outcome, AttackRecord)
    return outcome
