"""A run directory as the other rooms would write it: real records, values from seeded generators."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.ledger import Ledger
from robustbench_mt.records import (
    AttackRecord,
    AttackRun,
    EvaluationRecord,
    MatchingSnapshot,
    MatchingTrace,
    TrainingRecord,
    TransferRecord,
    to_json,
)

VERSIONS = {"python": "3.12.1", "robustbench-mt": "0.1.0", "torch": "2.9.0", "transformers": "4.57.0"}
LABELS = ["negative", "positive"]
CHANGED = {"textfooler": 0.2, "deepwordbug": 0.1, "pwws": 0.15, "input-reduction": 0.7}
SYNONYMS = {"dull": "boring", "a": "one", "film": "movie", "bright": "shiny", "acting": "playing", "story": "tale"}
MOST_QUERIES = {"pwws": 150}
WORDS = ("the", "film", "is", "a", "bright", "story", "with", "dull", "acting", "and", "some", "warm", "moments")


def training(method: str, seed: int, **changes: Any) -> TrainingRecord:
    random = np.random.default_rng([seed, len(method)])
    matching = None
    if method.startswith("match"):
        steps = np.arange(1, 301)
        own = 0.25 + 0.55 * np.exp(-steps / 80) + random.normal(0, 0.02, 300)
        other = 0.06 + 0.06 * np.exp(-steps / 60) + random.normal(0, 0.01, 300)
        mass = np.stack([steps, own, 1 - own - other, other], axis=1).tolist()
        snapshots = [snapshot(step, random) for step in (1, 75, 150, 225, 300)]
        matching = MatchingTrace(mass, snapshots)
    record = TrainingRecord(
        checkpoint=f"reviews-{method}-seed{seed}",
        task="reviews",
        base="minilm",
        method=method,
        seed=seed,
        label_names=LABELS,
        settings={"learning_rate": 1e-4, "epochs": 3.0, "method": {"name": method}},
        data={"train": "c0ffee", "train_examples": 8530},
        history=[{"step": 300, "epoch": 3, "loss": 0.3}],
        seconds=61.5,
        versions=VERSIONS,
        temperature=12.25 if matching else None,
        matching=matching,
    )
    return replace(record, **changes)


def snapshot(step: int, random: np.random.Generator) -> MatchingSnapshot:
    labels = random.integers(0, 2, 32)
    scores = random.normal(0, 0.6, (32, 32)) + 4 * np.eye(32) * np.exp(-step / 100)
    scores += (labels[:, None] == labels[None, :]) * step / 120
    matrix = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return MatchingSnapshot(step, labels.tolist(), matrix.round(4).tolist())


def evaluation(made: TrainingRecord, correct: int = 850, **changes: Any) -> EvaluationRecord:
    metrics = {"accuracy": correct / 1000, "macro_f1": correct / 1000 - 0.002}
    intervals = {name: (value - 0.02, value + 0.02) for name, value in metrics.items()}
    record = EvaluationRecord(made.checkpoint, "f00d", "reviews", "test", 1000, metrics, intervals, [500, 500], "beef")
    record.interval_kinds.update(accuracy="Wilson over examples", macro_f1="stratified Wilson over examples")
    return replace(record, **changes)


def attack_run(checkpoint: str, recipe: str, **changes: Any) -> AttackRun:
    run = AttackRun(
        checkpoint=checkpoint,
        victim=f"weights of {checkpoint}",
        task="reviews",
        split="test",
        data="beef",
        recipe=recipe,
        build=f"Attack({recipe})",
        sample="first",
        seed=0,
        max_characters=20000,
        fields=["text"],
        protected_fields=[],
        label_names=LABELS,
        resources={"stop words": "scikit-learn (fallback)"},
        versions=VERSIONS | {"textattack": "0.3.11"},
    )
    return replace(run, **changes)


def outcomes(recipe: str, n: int, strength: float, seed: int = 0, length: int = 18) -> list[AttackRecord]:
    """Attacked examples of which about ``strength`` of those classified correctly fall; every 25th is an error.

    Texts and labels are the same for all, what is right before the attack the same for all recipes with one ``seed``.
    """
    random = np.random.default_rng([seed, len(recipe), int(strength * 100)])
    return [_outcome(index, recipe, strength, seed, random, length) for index in range(n)]


def _outcome(
    index: int, recipe: str, strength: float, seed: int, random: np.random.Generator, length: int
) -> AttackRecord:
    example, victim = np.random.default_rng(index), np.random.default_rng([seed, index])
    words = example.choice(WORDS, size=int(example.integers(length // 2, length * 2))).tolist()
    label = int(example.integers(2))
    sure = round(float(victim.uniform(0.55, 0.99)), 4)
    scores = [1 - sure, sure] if label else [sure, 1 - sure]
    plain = AttackRecord(index, 1000 + index, label, "skipped", [" ".join(words)], scores=scores, words=len(words))
    plain = replace(plain, seconds=0.5, fallbacks=["stop words: scikit-learn (fallback)"])
    if index % 25 == 24:
        return replace(plain, status="error", message="RuntimeError: the recipe broke")
    if victim.random() < 0.14:
        return replace(plain, scores=scores[::-1], message="misclassified before the attack")
    changed = min(len(words), 1 + int(random.poisson(CHANGED[recipe] * len(words))))
    places = set(random.choice(len(words), size=changed, replace=False).tolist())
    if recipe == "input-reduction":
        after = [word for place, word in enumerate(words) if place not in places]
    else:
        after = [SYNONYMS.get(word, f"{word}s") if place in places else word for place, word in enumerate(words)]
    fell = bool(random.random() < strength)
    queries = int(random.integers(20, 200))
    most = MOST_QUERIES.get(recipe, 200)
    return replace(
        plain,
        status="success" if fell else "failed",
        perturbed_texts=[" ".join(after)],
        perturbed_scores=scores[::-1] if fell else scores,
        queries=min(queries, most),
        ended_by="queries" if queries > most and not fell else "",
        candidates=8 * queries,
        candidates_kept=queries,
        words_changed=changed,
    )


def fallen(**changes: Any) -> AttackRecord:
    """An example whose label flipped."""
    record = AttackRecord(
        index=0,
        seed=7,
        label=1,
        status="success",
        texts=["a bright story"],
        perturbed_texts=["a shiny story"],
        scores=[0.1, 0.9],
        perturbed_scores=[0.8, 0.2],
        queries=12,
        words=3,
        words_changed=1,
    )
    return replace(record, **changes)


def stood(index: int, **changes: Any) -> AttackRecord:
    """An example that withstood."""
    return fallen(index=index, status="failed", perturbed_scores=[0.4, 0.6], **changes)


def transfer(source: TrainingRecord, target: TrainingRecord, recipe: str, **changes: Any) -> TransferRecord:
    n = 40 + 2 * source.seed + target.seed
    fooled = n // (2 if source.method == target.method else 4)
    record = TransferRecord(
        source.checkpoint, "cafe", recipe, "reviews", "test", "beef", target.checkpoint, "f00d", n + 5, n, fooled
    )
    return replace(record, **changes)


def imbalance_point(method: str, ratio: float, seed: int) -> ImbalanceRecord:
    random = np.random.default_rng([seed, int(ratio), len(method)])
    f1 = float(0.85 - (0.16 if method == "vanilla" else 0.1) * np.log10(ratio) * 2 + random.normal(0, 0.02))
    metrics = {"minority_precision": f1 + 0.05, "minority_recall": f1 - 0.05, "minority_f1": f1, "macro_f1": f1 + 0.02}
    return ImbalanceRecord(
        task="reviews",
        base="minilm",
        method=method,
        ratio=ratio,
        seed=seed,
        label_names=LABELS,
        minority="positive",
        train_counts=[2000, int(2000 / ratio)],
        n=1000,
        test_counts=[500, 500],
        metrics=metrics | {"accuracy": f1 + 0.03},
        intervals={name: (value - 0.02, value + 0.02) for name, value in metrics.items()},
        settings={"learning_rate": 1e-4},
        data={"train": f"{seed}-{ratio}"},
        seconds=31.0,
        versions=VERSIONS,
    )


def label_noise_point(method: str, share: float, seed: int) -> LabelNoiseRecord:
    random = np.random.default_rng([seed, int(share * 100), len(method)])
    accuracy = float(0.86 - (0.9 if method == "vanilla" else 0.5) * share + random.normal(0, 0.01))
    metrics = {"accuracy": accuracy, "macro_f1": accuracy - 0.01, "matthews": 2 * accuracy - 1, "f1": accuracy - 0.02}
    flipped = round(4000 * share)
    return LabelNoiseRecord(
        task="reviews",
        base="minilm",
        method=method,
        seed=seed,
        label_names=LABELS,
        train_counts=[2000 + flipped // 50 + seed, 2000 - flipped // 50 - seed],
        n=1000,
        test_counts=[500, 500],
        metrics=metrics,
        intervals={name: (value - 0.02, value + 0.02) for name, value in metrics.items()},
        settings={"learning_rate": 1e-4},
        data={"train": f"{seed}-{share}"},
        seconds=31.0,
        versions=VERSIONS,
        share=share,
        flipped=flipped,
    )


def batch_dependence(checkpoint: str, **changes: Any) -> BatchDependenceRecord:
    record = BatchDependenceRecord(
        checkpoint=checkpoint,
        victim=f"weights of {checkpoint}-matched",
        batch_size=8,
        temperature=12.25,
        task="reviews",
        split="test",
        data="beef",
        seed=0,
        n=200,
        accuracy_alone=0.86,
        accuracies=[0.84, 0.85, 0.87],
        changed=24,
        differing=0.075,
        deviation=0.0312,
        versions=VERSIONS,
    )
    return replace(record, **changes)


def write(path: Path, record_type: Any, records: Sequence[Any], run: AttackRun | None = None) -> None:
    """What a ledger writes, which waits for the disk at each record."""
    with Ledger(path, record_type, to_json(run) if run else None):
        pass
    with path.open("a", encoding="ascii") as stream:
        stream.writelines(f"{json.dumps(to_json(record), allow_nan=False)}\n" for record in records)


def write_attack(directory: Path, run: AttackRun, records: Sequence[AttackRecord]) -> Path:
    path = directory / "attacks" / run.checkpoint / run.task / f"{run.recipe}.jsonl"
    write(path, AttackRecord, records, run)
    return path


def attack_only(directory: Path, record: AttackRecord, **changes: Any) -> Path:
    """A run with one attack on one example."""
    write_attack(directory, attack_run("mine", "textfooler", **changes), [record])
    return directory


def write_run(directory: Path, seeds: Sequence[int] = (0, 1, 2), n: int = 60) -> Path:
    made = [training(method, seed) for seed in seeds for method in ("match", "vanilla")]
    write(directory / "train.jsonl", TrainingRecord, made)
    evaluations = [evaluation(record, 840 + record.seed) for record in made]
    evaluations += [evaluation(record, 400, split="static hard reviews", n=150, data="bad") for record in made]
    write(directory / "evaluate.jsonl", EvaluationRecord, evaluations)
    pairs = [(one, other) for one in made for other in made if one is not other]
    transfers = [transfer(one, other, recipe) for recipe in ("pwws", "textfooler") for one, other in pairs]
    write(directory / "transfer.jsonl", TransferRecord, transfers)
    for record in made:
        for recipe, strength in (("textfooler", 0.75), ("deepwordbug", 0.5), ("pwws", 0.6), ("input-reduction", 0.9)):
            eased = strength - (0.35 if record.method == "match" and recipe != "pwws" else 0)
            examples = outcomes(recipe, n, eased, record.seed + 10 * (record.method == "match"))
            attacked = attack_run(record.checkpoint, recipe, max_queries=MOST_QUERIES.get(recipe))
            write_attack(directory, attacked, examples)
    ratios = (1.0, 5.0, 10.0, 20.0, 50.0)
    points = [imbalance_point(m, ratio, seed) for m in ("vanilla", "match") for ratio in ratios for seed in seeds]
    write(directory / "imbalance.jsonl", ImbalanceRecord, points)
    shares = (0.0, 0.05, 0.1, 0.15, 0.2)
    noise = [label_noise_point(m, share, seed) for m in ("vanilla", "match") for share in shares for seed in seeds]
    write(directory / "label_noise.jsonl", LabelNoiseRecord, noise)
    return directory
