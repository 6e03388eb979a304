"""Attacking a data set: each example once, each outcome on disk as it ends."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from attacks.example import ExampleAttacker
from attacks.interleave import Interleaver
from attacks.recipes import Recipe, build, describe, resources_used
from attacks.settings import AttackSettings
from attacks.textattack_import import no_downloads, quiet
from attacks.victim import Victim
from robustbench_mt.ledger import Ledger, read_records
from robustbench_mt.progress import note, progress
from robustbench_mt.records import AttackRecord, AttackRun, to_json
from robustbench_mt.tasks.task import Task
from robustbench_mt.versions import versions

__all__ = ["attack", "attack_path", "choose_examples", "is_attacked"]


def attack_path(out: Path, checkpoint: str, task: str, recipe: str) -> Path:
    """Where the outcomes of an attack are kept below a run's directory."""
    return out / "attacks" / checkpoint / task / f"{recipe}.jsonl"


def choose_examples(available: int, settings: AttackSettings) -> list[int]:
    """Indices of the examples to attack, in the order in which they are attacked."""
    count = min(settings.examples, available)
    if settings.sample == "first":
        return list(range(count))
    order = np.random.default_rng(settings.seed).permutation(available)
    return [int(index) for index in order[:count]]


def is_attacked(victim: Victim, task: Task, recipe: Recipe, settings: AttackSettings, out: Path) -> bool:
    """Whether every example asked for has its record."""
    done = {
        record.index for record in read_records(attack_path(out, victim.name, task.name, recipe.name), AttackRecord)
    }
    return done.issuperset(choose_examples(len(task.split(settings.split)), settings))


def attack(victim: Victim, task: Task, recipe: Recipe, settings: AttackSettings, out: Path) -> list[AttackRecord]:
    """Attack examples of a task, and append each outcome to its file as it ends.

    Examples that are recorded already are not attacked again. An exception of the recipe becomes a record of status
    ``error``; a victim that fails ends the run.

    Args:
        victim: the classifier under attack.
        task: a classification task.
        recipe: from :data:`attacks.recipes.RECIPES`.
        settings: which examples.
        out: the run's directory.

    Returns:
        The records of the examples asked for, in their order.

    Raises:
        UserError: a regression task, a missing resource, a victim that fails, or a file written with other settings.
    """
    task.require_classes("attacks")
    examples = task.split(settings.split)
    built = build(recipe, victim, task.protected_fields, task.fields)
    resources = resources_used(recipe)
    run = AttackRun(
        checkpoint=victim.name,
        victim=victim.fingerprint,
        task=task.name,
        split=settings.split,
        data=examples.fingerprint,
        recipe=recipe.name,
        build=describe(built),
        sample=settings.sample,
        seed=settings.seed,
        max_characters=settings.max_characters,
        fields=list(task.fields),
        protected_fields=list(task.protected_fields),
        label_names=list(task.label_names),
        resources=resources,
        versions=versions("torch", "transformers", "textattack"),
    )
    indices = choose_examples(len(examples), settings)
    interleaver: Interleaver[AttackRecord] = Interleaver(victim.score, settings.in_flight)
    attacker = ExampleAttacker(built, victim, task, settings, interleaver.score)
    fallbacks = [f"{name}: {where}" for name, where in resources.items() if "fallback" in where]
    with Ledger(attack_path(out, victim.name, task.name, recipe.name), AttackRecord, to_json(run)) as ledger:
        done = {record.index for record in ledger.records}
        missing = [index for index in indices if index not in done]
        if len(missing) < len(indices):
            note(f"{recipe.name}: {len(indices) - len(missing)} of {len(indices)} examples are recorded already.")
        with quiet(), no_downloads(), progress(f"{recipe.name} against {victim.name}", len(missing)) as set_done:
            jobs = (
                partial(attacker.attack, index, examples.texts[index], int(examples.labels[index])) for index in missing
            )
            for number, (record, seconds) in enumerate(interleaver.run(jobs), 1):
                ledger.append(replace(record, seconds=round(seconds, 4), fallbacks=fallbacks))
                set_done(number)
        by_index = {record.index: record for record in ledger.records}
    return [by_index[index] for index in indices]
