"""Attacking single examples: what one does leaves no trace in another."""

import hashlib
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from attacks.outcomes import open_words, rounded, with_outcome
from attacks.settings import AttackSettings
from attacks.victim import Victim, as_texts
from robustbench_mt.errors import UserError
from robustbench_mt.records import NOT_ATTACKED, AttackRecord
from robustbench_mt.tasks.task import Task

__all__ = ["ExampleAttacker", "example_seed", "seed_generators"]

Text = tuple[str, ...]


def example_seed(seed: int, index: int) -> int:
    """The seed of one example (32 bits), from the run's seed and the example's index and nothing else."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{index}".encode()).digest()[:4], "big")


class ExampleAttacker:
    """Attacks examples of a task, several at a time when they are interleaved.

    TextAttack's ``Attack`` keeps the state of the example it works on, so each one in flight has an ``Attack`` of its
    own, with the same constraints and transformation.

    Args:
        built: a ``textattack.Attack``.
        victim: the classifier under attack.
        task, settings: what is attacked and how.
        score: how attacks have texts scored, n x classes; the victim's own or an interleaver's.
        clock: seconds that the attack which calls it has taken so far; only differences count.
    """

    def __init__(
        self,
        built: Any,
        victim: Victim,
        task: Task,
        settings: AttackSettings,
        score: Callable[[Sequence[Text]], Any],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._built = built
        self._victim = victim
        self._task = task
        self._settings = settings
        self._wrapper = _SharedVictim(victim, score)
        self._clock = clock
        self._idle: list[Any] = []

    def attack(self, index: int, texts: Text, label: int) -> AttackRecord:
        """Attack one example; an exception of the recipe becomes a record of status ``error``."""
        record = AttackRecord(
            index=index,
            seed=example_seed(self._settings.seed, index),
            label=label,
            status="skipped",
            texts=list(texts),
            message=self._not_attackable(texts),
        )
        if record.message:
            return replace(record, scores=rounded(self._victim.probabilities([texts])[0]))
        from textattack.shared import AttackedText

        from attacks.own_attack import OwnAttack

        own = self._idle.pop() if self._idle else OwnAttack(self._built, self._wrapper, self._settings, self._clock)
        seed_generators(record.seed)
        try:
            example = AttackedText(OrderedDict(zip(self._task.fields, texts, strict=True)))
            protected = self._task.protected_fields
            result = own.attack_within_budget(example, label, open_words(example, protected))
            record = with_outcome(record, result, protected)
            return replace(
                record,
                ended_by=own.ended_by if record.status == "failed" else "",
                candidates=own.candidates,
                candidates_kept=own.candidates_kept,
            )
        except UserError:
            raise
        except Exception as error:  # a recipe may raise anything; it must not pass as an attack withstood
            return replace(record, status="error", message=f"{type(error).__name__}: {error}")
        finally:
            own.clear_cache()
            self._idle.append(own)

    def _not_attackable(self, texts: Text) -> str:
        from textattack.shared.utils import words_from_text

        longest = max(map(len, texts))
        if longest > self._settings.max_characters:
            return f"{NOT_ATTACKED}: {longest} characters, over the limit of {self._settings.max_characters}"
        fields = zip(self._task.fields, texts, strict=True)
        if not any(words_from_text(text) for field, text in fields if field not in self._task.protected_fields):
            return f"{NOT_ATTACKED}: no word that may change"
        return ""


class _SharedVictim:
    """What a goal function sees of the victim: a model wrapper whose texts are scored together with others'."""

    def __init__(self, victim: Victim, score: Callable[[Sequence[Text]], Any]) -> None:
        self.model = victim.model
        self.tokenizer = victim.tokenizer
        self._score = score

    def __call__(self, text_input_list: Sequence[str | Text], **_: Any) -> torch.Tensor:
        return torch.from_numpy(self._score(as_texts(text_input_list)))


def seed_generators(seed: int) -> None:
    """Seed the three global generators that TextAttack draws from."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
