"""How fast this machine trains and scores: a few real steps, within a time limit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from robustbench_mt.methods.choice import parse_method
from robustbench_mt.scoring import Scorer, encode_texts
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["Speed", "calibrate"]

_FEW = 2
"""Examples of the first training and the first scoring, which find everything cold and are not timed."""

_BATCHES = (1, 5)
"""Batches of the last two trainings, after short ones that tell whether these end in time. The difference of the two is
free of what a training costs before its first step."""

_SCORED = (16, 256)
"""Texts of the two scorings after that, which are timed."""


@dataclass(frozen=True)
class Speed:
    """What training and scoring take here, in seconds.

    Attributes:
        trained: a token of a step of ``vanilla``, forward and backward.
        scored: a token of a text that is scored.
        setup: what each training takes beside its steps.
    """

    trained: float
    scored: float
    setup: float


def calibrate(task: Task, settings: TrainingSettings, seconds: float, *, allow_network: bool = False) -> Speed:
    """Train and score a little, with the base, the batch size and the length of an experiment.

    Args:
        task: whose texts to train on.
        settings: of the trainings; without ``compile``, which takes longer than the calibration may.
        seconds: time limit; but for the first three, of 2, 2 and 8 examples, no training begins that would not end in
            time. Where the first takes a third of it, the second is left out; a token then seems to cost more than it
            does, as there is no difference of two trainings that would be free of a step's fixed cost.
        allow_network: download the base when it is a hub id.

    Raises:
        UserError: the base or the data are not here.
    """
    started = time.monotonic()
    examples = task.split("train")
    order = np.random.default_rng(0).permutation(len(examples)).tolist()
    settings = replace(
        settings, epochs=1, steps=None, accumulation=1, validation_examples=1, keep="last", compile=False
    )
    timed: list[tuple[int, float]] = []
    sizes = (_FEW, _FEW, 4 * _FEW, *(settings.batch_size * batches for batches in _BATCHES))
    for number, size in enumerate(sizes):
        if number == 1 and time.monotonic() - started > seconds / 3:
            continue
        # By examples instead of tokens: each has about as many.
        expected = _slope(timed) * size * timed[-1][0] / sizes[number - 1] if timed else 0.0
        if number > 2 and time.monotonic() - started + expected > seconds:
            break
        begun = time.monotonic()
        subset = examples.select(order[:size])
        tuned = fine_tune(task, parse_method("vanilla"), settings, train=subset, allow_network=allow_network)
        if number > 0:
            setup = time.monotonic() - begun - tuned.record.seconds
            timed.append((_tokens(tuned, subset, settings.max_length), tuned.record.seconds))
    per_token = _slope(timed)
    return Speed(per_token, _scoring(tuned, examples, order, seconds / 3, per_token / 3), setup)


def _slope(timed: Sequence[tuple[int, float]]) -> float:
    """Seconds a token: of the last two trainings' difference where that makes sense, else of the last."""
    tokens, seconds = timed[-1]
    fewer, sooner = timed[-2] if len(timed) > 1 else (0, 0.0)
    return (seconds - sooner) / (tokens - fewer) if tokens > fewer and seconds > sooner else seconds / tokens


def _scoring(tuned: FineTuned, examples: Examples, order: Sequence[int], seconds: float, expected: float) -> float:
    """Seconds a scored token; no more texts than ``seconds`` allow, if a token takes what is ``expected``."""
    scorer = Scorer(tuned.model, tuned.tokenizer)
    scorer(examples.select(order[:_FEW]).texts)
    per_token = expected
    for size in _SCORED:
        subset = examples.select(order[:size])
        tokens = _tokens(tuned, subset, scorer.max_length)
        if tokens * per_token > seconds:
            break
        begun = time.monotonic()
        scorer(subset.texts)
        per_token = (time.monotonic() - begun) / tokens
    return per_token


def _tokens(tuned: FineTuned, examples: Examples, max_length: int) -> int:
    return sum(len(text["input_ids"]) for text in encode_texts(tuned.tokenizer, examples.texts, max_length))
