"""Transfer: adversarial texts found against one checkpoint, scored on others."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.adversarial import found_texts, keeps_label
from attacks.settings import VictimOptions
from attacks.victim import Victim, load_victim
from robustbench_mt.attack_runs import some_attack_runs
from robustbench_mt.checkpoints import read_training
from robustbench_mt.errors import ConflictingOptionsError, NothingToDoError, OtherVictimError
from robustbench_mt.inside import inside, run_checkpoint
from robustbench_mt.ledger import Ledger
from robustbench_mt.progress import note, progress
from robustbench_mt.records import AttackRecord, AttackRun, TransferRecord
from robustbench_mt.registry import choose
from robustbench_mt.tasks import task_slug
from robustbench_mt.tasks.task import Task

__all__ = ["transfer"]


@dataclass(frozen=True)
class _Source:
    """What one recipe found against one checkpoint."""

    run: AttackRun
    found: list[AttackRecord]


@dataclass(frozen=True)
class _Target:
    """A classifier to score on: what to load, how, and for which task."""

    spec: str
    options: VictimOptions
    task: str


def transfer(
    directory: Path,
    victims: Sequence[str] = (),
    options: VictimOptions | None = None,
    *,
    task: str | None = None,
    allow_network: bool = False,
) -> list[TransferRecord]:
    """Score the adversarial texts of a run on its checkpoints and on others, and append to ``DIR/transfer.jsonl``.

    Targets are the checkpoints below ``DIR/checkpoints`` that were trained on the attacked task, the attacked one among
    them, and those given. Recipes whose texts keep their label are left out. A pair that is recorded for the same
    classifier and as many adversarial texts is not scored again.

    Args:
        directory: the run's.
        victims: further targets: what :func:`attacks.victim.load_victim` takes.
        options: of loading ``victims``.
        task: transfer only attacks on this one; a name or a path as for training.
        allow_network: download a hub id that is not in the Hugging Face cache.

    Returns:
        The records of all sources and targets, new or not.

    Raises:
        UserError: there are no attacks, a record cannot be read, or a target cannot be loaded, is not for the task, or
            has the name of another.
    """
    groups = _by_task(_sources(directory, task))
    tasks = list(dict.fromkeys(sources[0].run.task for sources in groups))
    given = [_Target(spec, options or VictimOptions(), _task_of(spec, tasks)) for spec in victims]
    plan = [(sources, _targets(directory, sources, given)) for sources in groups]
    pairs = sum(len(sources) * len(targets) for sources, targets in plan)
    asked: list[Hashable] = []
    with Ledger(directory / TransferRecord.file, TransferRecord) as ledger, progress("transfer", pairs) as set_done:
        latest = {_pair(record): record for record in ledger.records}
        for sources, targets in plan:
            for victim in _loaded(targets, sources[0].run, allow_network):
                for source in sources:
                    record = _unscored(source, victim)
                    before = latest.get(_pair(record))
                    if before is None or replace(before, n=0, fooled=0) != record:
                        latest[_pair(record)] = _scored(record, source, victim)
                        ledger.append(latest[_pair(record)])
                    asked.append(_pair(record))
                    set_done(len(asked))
    return [latest[pair] for pair in dict.fromkeys(asked)]


def _pair(record: TransferRecord) -> Hashable:
    return record.source, record.task, record.recipe, record.target


def _sources(directory: Path, task: str | None) -> list[_Source]:
    runs = some_attack_runs(directory)
    if task is not None:
        attacked = {run.task: run.task for _, run in runs}
        wanted = choose(f"task of the attacks in {directory}", attacked.get(task, task_slug(task)), attacked)
        runs = [(path, run) for path, run in runs if run.task == wanted]
    sources = [
        _Source(run, found_texts(path, len(run.fields), len(run.label_names)))
        for path, run in runs
        if not keeps_label(run.recipe)
    ]
    if not sources:
        recipes = ", ".join(sorted({run.recipe for _, run in runs}))
        raise NothingToDoError(
            f"{directory} has attacks of {recipes} alone, whose texts keep their label: attack with others."
        )
    return sources


def _by_task(sources: Sequence[_Source]) -> list[list[_Source]]:
    groups: dict[Hashable, list[_Source]] = {}
    for source in sources:
        run = source.run
        groups.setdefault((run.task, tuple(run.fields), tuple(run.label_names)), []).append(source)
    return list(groups.values())


def _task_of(spec: str, tasks: Sequence[str]) -> str:
    """Which of the attacked tasks a given classifier is for."""
    if len(tasks) == 1:
        return tasks[0]
    training = read_training(Path(spec))
    if training is None or training.task not in tasks:
        raise ConflictingOptionsError(
            f"There are attacks on {', '.join(tasks)}, and {spec} does not say for which it is: add --task."
        )
    return training.task


def _targets(directory: Path, sources: Sequence[_Source], given: Sequence[_Target]) -> list[_Target]:
    """The run's checkpoints that were trained on the task of these sources or attacked, and the given ones for it."""
    task, attacked = sources[0].run.task, {source.run.checkpoint for source in sources}
    targets = []
    for found in sorted(inside(directory, "checkpoints").glob("[!.]*")):
        path = run_checkpoint(directory, found.name)
        training = read_training(path)
        if path.name in attacked or (training and training.task == task):
            # No option is needed for them: this package wrote them, labels and all.
            targets.append(_Target(str(path), VictimOptions(), task))
    targets += [target for target in given if target.task == task]
    if not targets:
        raise OtherVictimError(f"{directory} has no checkpoint for task {task} to score on: add --victim.")
    return targets


def _loaded(targets: Sequence[_Target], run: AttackRun, allow_network: bool) -> Iterator[Victim]:
    """The targets, one loaded at a time."""
    task = Task(run.task, tuple(run.fields), tuple(run.label_names), {})
    fingerprints: dict[str, str] = {}
    for target in targets:
        victim = load_victim(target.spec, task, target.options, allow_network=allow_network)
        if fingerprints.setdefault(victim.name, victim.fingerprint) != victim.fingerprint:
            raise OtherVictimError(f"Two classifiers are called {victim.name}, one of them {target.spec}: rename one.")
        yield victim


def _unscored(source: _Source, victim: Victim) -> TransferRecord:
    run = source.run
    if victim.name == run.checkpoint and victim.fingerprint != run.victim:
        raise OtherVictimError(
            f"The classifier {victim.name} is not the one that {run.recipe} attacked (its fingerprint is "
            f"{victim.fingerprint}, not {run.victim}): rename it, or load it as for the attack."
        )
    return TransferRecord(
        source=run.checkpoint,
        attacked=run.victim,
        recipe=run.recipe,
        task=run.task,
        split=run.split,
        data=run.data,
        target=victim.name,
        victim=victim.fingerprint,
        found=len(source.found),
        n=0,
        fooled=0,
    )


def _scored(record: TransferRecord, source: _Source, victim: Victim) -> TransferRecord:
    labels = np.array([found.label for found in source.found], np.int64)
    right_before = _right(victim, [tuple(found.texts) for found in source.found], labels)
    right_after = _right(victim, [tuple(found.perturbed_texts or ()) for found in source.found], labels)
    fooled = int((right_before & ~right_after).sum())
    if victim.fingerprint == source.run.victim and fooled < record.found:
        note(
            f"Warning: {record.source} is fooled by {fooled} of the {record.found} texts that {record.recipe} found "
            "against it: robustbench-mt verify shows which do not hold."
        )
    return replace(record, n=int(right_before.sum()), fooled=fooled)


def _right(victim: Victim, texts: Sequence[tuple[str, ...]], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = victim.score(texts).argmax(axis=1) == labels
    return right
