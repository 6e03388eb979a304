"""Attacking a data set: each example once, each outcome on disk as it ends."""

import hashlib
import random
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attacks.outcomes import with_outcome
from attacks.recipes import Recipe, build, describe, resources_used
from attacks.settings import AttackSettings
from attacks.textattack_import import no_downloads, quiet
from attacks.victim import Victim
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import Ledger, read_records
from robustbench_mt.progress import note, progress
from robustbench_mt.records import AttackRecord, AttackRun, to_json
from robustbench_mt.tasks.task import Task
from robustbench_mt.versions import versions

__all__ = ["attack", "attack_path", "choose_examples", "example_seed", "is_attacked"]


def attack_path(out: Path, checkpoint: str, task: str, recipe: str) -> Path:
    """Where the outcomes of an attack are kept below a run's directory."""
    return out / "attacks" / checkpoint / task / f"{recipe}.jsonl"


def example_seed(seed: int, index: int) -> int:
    """The seed of one example (32 bits), from the run's seed and the example's index and nothing else."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{index}".encode()).digest()[:4], "big")


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
    textattack_attack = build(recipe, victim, task.protected_fields, task.fields)
    # The victim makes its own batches, sorted by length; TextAttack would cut them to 32 texts in its order.
    textattack_attack.goal_function.batch_size = 2**31
    resources = resources_used(recipe)
    run = AttackRun(
        checkpoint=victim.name,
        victim=victim.fingerprint,
        task=task.name,
        split=settings.split,
        data=examples.fingerprint,
        recipe=recipe.name,
        build=describe(textattack_attack),
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
    attacker = _Attacker(textattack_attack, victim, task, settings, resources)
    with Ledger(attack_path(out, victim.name, task.name, recipe.name), AttackRecord, to_json(run)) as ledger:
        done = {record.index for record in ledger.records}
        missing = [index for index in indices if index not in done]
        if len(missing) < len(indices):
            note(f"{recipe.name}: {len(indices) - len(missing)} of {len(indices)} examples are recorded already.")
        with quiet(), no_downloads(), progress(f"{recipe.name} against {victim.name}", len(missing)) as set_done:
            for number, index in enumerate(missing):
                ledger.append(attacker.attack(index, examples.texts[index], int(examples.labels[index])))
                set_done(number + 1)
        by_index = {record.index: record for record in ledger.records}
    return [by_index[index] for index in indices]


class _Attacker:
    """Attacks single examples; what one does leaves no trace in the next."""

    def __init__(
        self, built: Any, victim: Victim, task: Task, settings: AttackSettings, resources: Mapping[str, str]
    ) -> None:
        self._attack = built
        self._victim = victim
        self._task = task
        self._settings = settings
        self._fallbacks = [f"{name}: {where}" for name, where in resources.items() if "fallback" in where]

    def attack(self, index: int, texts: tuple[str, ...], label: int) -> AttackRecord:
        plain = AttackRecord(
            index=index,
            seed=example_seed(self._settings.seed, index),
            label=label,
            status="skipped",
            texts=list(texts),
            fallbacks=self._fallbacks,
        )
        reason = self._not_attackable(texts)
        if reason:
            scores = [round(float(score), 7) for score in self._victim.probabilities([texts])[0]]
            return replace(plain, message=reason, scores=scores)
        started = time.monotonic()
        _seed_all(plain.seed)
        try:
            result = self._attack.attack(OrderedDict(zip(self._task.fields, texts, strict=True)), label)
            outcome = with_outcome(plain, result, self._task.protected_fields)
        except UserError:
            raise
        except Exception as error:  # a recipe may raise anything; it must not pass as an attack withstood
            outcome = replace(plain, status="error", message=f"{type(error).__name__}: {error}")
        finally:
            self._attack.clear_cache()
        return replace(outcome, seconds=round(time.monotonic() - started, 4))

    def _not_attackable(self, texts: tuple[str, ...]) -> str:
        from textattack.shared.utils import words_from_text

        open_texts = [
            text
            for field, text in zip(self._task.fields, texts, strict=True)
            if field not in self._task.protected_fields
        ]
        longest = max(map(len, texts))
        if longest > self._settings.max_characters:
            return f"not attacked: {longest} characters, over the limit of {self._settings.max_characters}"
        if not any(words_from_text(text) for text in open_texts):
            return "not attacked: no word that may change"
        return ""


def _seed_all(seed: int) -> None:
    """TextAttack draws from all three global generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
