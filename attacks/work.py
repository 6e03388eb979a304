"""The work of an attack: examples in, outcomes out; done in this process, or prepared anew in a worker."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from attacks.example import ExampleAttacker
from attacks.interleave import Interleaver
from attacks.probes import probe
from attacks.recipes import Recipe, build
from attacks.settings import AttackSettings, RecipeOptions
from attacks.shortcuts import shortcuts
from attacks.textattack_import import no_downloads, quiet
from attacks.victim import Victim
from attacks.worker import Work
from robustbench_mt.errors import OtherVictimError
from robustbench_mt.progress import silence_notes
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Task

__all__ = ["Example", "Job", "Outcome", "Probe", "Reload", "prepare_work", "work_with"]

Text = tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """To attack an example. The job's number is its index in the split."""

    texts: Text
    label: int


@dataclass(frozen=True)
class Probe:
    """To probe the victim with some texts, see :func:`attacks.probes.probe`: they may kill it as any others."""

    texts: Sequence[Text]


Job = Example | Probe

Outcome = AttackRecord | list[str]
"""How an attack ended, or what to doubt of the victim."""

Reload = Callable[[Task], Victim]
"""Loads a victim for a task, which comes without its data."""


def work_with(built: Any, victim: Victim, task: Task, settings: AttackSettings) -> Work[Job, Outcome]:
    """Attack examples side by side with a built recipe.

    Args:
        built: a ``textattack.Attack``.
        victim, task, settings: what is attacked and how.
    """

    def work(jobs: Iterable[tuple[int, Job]], scored: Callable[[int], None]) -> Iterator[tuple[int, Outcome]]:
        def score(texts: Sequence[Text]) -> Any:
            scores = victim.score(texts)
            scored(len(texts))
            return scores

        def do(number: int, job: Job) -> tuple[int, Outcome]:
            if isinstance(job, Probe):
                return number, probe(_Counted(victim, scored), job.texts)
            return number, attacker.attack(number, job.texts, job.label)

        interleaver: Interleaver[tuple[int, Outcome]] = Interleaver(score, settings.in_flight)
        attacker = ExampleAttacker(built, victim, task, settings, interleaver.score, interleaver.clock)
        with quiet(), no_downloads(), shortcuts():
            for (number, outcome), seconds in interleaver.run(partial(do, *job) for job in jobs):
                if isinstance(outcome, AttackRecord):
                    yield number, replace(outcome, seconds=round(seconds, 4))
                else:
                    yield number, outcome

    return work


class _Counted(Victim):
    """A victim that says how many texts it has scored."""

    def __init__(self, victim: Victim, scored: Callable[[int], None]) -> None:
        super().__init__(victim.name, victim.fingerprint, victim.classes)
        self._victim = victim
        self._scored = scored

    def _raw_scores(self, texts: Sequence[Text]) -> Any:
        scores = self._victim._raw_scores(texts)
        self._scored(len(texts))
        return scores


def prepare_work(
    reload: Reload,
    fingerprint: str,
    task: Task,
    recipe: Recipe,
    settings: AttackSettings,
    options: RecipeOptions | None,
) -> Work[Job, Outcome]:
    """Load the victim and build the recipe in a worker; notes are silenced, as its parent has printed them.

    Raises:
        UserError: either cannot be done, or the victim is not the one with this fingerprint.
    """
    silence_notes()
    with quiet():
        victim = reload(task)
    if victim.fingerprint != fingerprint:
        raise OtherVictimError(
            f"The victim {victim.name} is another one in a worker process ({victim.fingerprint}, not {fingerprint}): "
            "was it changed? Start again."
        )
    return work_with(build(recipe, victim, task.protected_fields, task.fields, options), victim, task, settings)
