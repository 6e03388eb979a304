"""How much predictions depend on batch-mates where a classifier matches at inference."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.ledger import Ledger, refuse_differences
from robustbench_mt.progress import progress
from robustbench_mt.tasks.task import Task
from robustbench_mt.versions import versions

if TYPE_CHECKING:
    from attacks.victim import Victim
    from robustbench_mt.match_inference import MatchedVictim

__all__ = ["batch_dependence", "batch_dependence_cell"]


def batch_dependence(
    matched: "MatchedVictim", plain: "Victim", task: Task, split: str, shuffles: int, seed: int
) -> BatchDependenceRecord:
    """Classify a split in batches drawn several times, and compare.

    Args:
        matched: classifies texts in batches, in the order in which they are given.
        plain: the same checkpoint, which does not match.
        task, split: what to classify.
        shuffles: how many times, at least 2.
        seed: of the draws.

    Raises:
        UserError: a regression task.
    """
    task.require_classes("the measure of how much predictions depend on batch-mates")
    examples = task.split(split)
    labels = np.asarray(examples.labels)
    alone = plain.probabilities(examples.texts).argmax(axis=1)
    drawn: list[NDArray[np.float32]] = []
    with progress(f"shuffle the batches of {task.name}", shuffles) as show:
        for shuffle in range(shuffles):
            order = np.random.default_rng([seed, shuffle]).permutation(len(examples))
            probabilities = matched.probabilities([examples.texts[row] for row in order])
            # Back in the split's order.
            drawn.append(probabilities[np.argsort(order)])
            show(shuffle + 1)
    classes = np.array([probabilities.argmax(axis=1) for probabilities in drawn])
    of_truth = np.array([probabilities[np.arange(len(labels)), labels] for probabilities in drawn], np.float64)
    return BatchDependenceRecord(
        checkpoint=matched.name,
        victim=matched.fingerprint,
        batch_size=matched.batch_size,
        temperature=matched.temperature,
        task=task.name,
        split=split,
        data=examples.fingerprint,
        seed=seed,
        n=len(examples),
        accuracy_alone=float((alone == labels).mean()),
        accuracies=[float((predicted == labels).mean()) for predicted in classes],
        changed=int((classes != classes[0]).any(axis=0).sum()),
        differing=float((classes != alone).mean()),
        deviation=float(of_truth.std(axis=0, ddof=1).mean()),
        versions=versions("torch", "transformers"),
    )


def batch_dependence_cell(
    matched: "MatchedVictim",
    plain: "Victim",
    task: Task,
    split: str,
    out: Path | None,
    shuffles: int,
    seed: int,
) -> BatchDependenceRecord:
    """Measure unless the record is there, and return it.

    Args:
        matched, plain, task, split, shuffles, seed: as :func:`batch_dependence` takes them.
        out: the run's directory; ``None`` to keep no record.

    Raises:
        UserError: the record that is there is of another classifier of the same name, or of other data.
    """
    if out is None:
        return batch_dependence(matched, plain, task, split, shuffles, seed)
    with Ledger(out / BatchDependenceRecord.file, BatchDependenceRecord) as ledger:
        asked = (matched.name, task.name, split, shuffles, seed)
        for record in ledger.records:
            if (record.checkpoint, record.task, record.split, len(record.accuracies), record.seed) == asked:
                refuse_differences(
                    {"victim": record.victim, "data": record.data},
                    {"victim": matched.fingerprint, "data": task.split(split).fingerprint},
                    f"The batch dependence of {matched.name} on {task.name} in {ledger.path}",
                )
                return record
        record = batch_dependence(matched, plain, task, split, shuffles, seed)
        ledger.append(record)
    return record
