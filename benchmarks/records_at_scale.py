"""Time and memory of ``summarize``, ``report`` and ``records export`` on a run with very many attacked examples.

    python benchmarks/records_at_scale.py --examples 1000000 --out /tmp/at-scale

The records are synthetic: 5 methods of 5 seeds, each attacked by 4 recipes, on texts of 20 to 100 words. A run that is
there already is taken as it is. Each command has a process of its own.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from robustbench_mt.ledger import Ledger
from robustbench_mt.records import AttackRecord, AttackRun, TrainingRecord, to_json

METHODS = {"vanilla": 0.0, "match": 0.1, "r3f": 0.05, "freelb": 0.12, "mixup": 0.02}
SEEDS = range(5)
RECIPES = {"textfooler": 0.8, "pwws": 0.7, "deepwordbug": 0.6, "pruthi": 0.4}
LABELS = ["negative", "positive"]
VERSIONS = {"python": "3.11", "robustbench-mt": "0.1.0"}

# Each prints what it wrote, or nothing.
COMMANDS = {
    "summarize": "from robustbench_mt.reporting.summary import summarize; summarize([Path(sys.argv[1])])",
    "report": "from robustbench_mt.cli import main; main(['report', sys.argv[1]])",
    "records export": "from robustbench_mt.cli import main;"
    " main(['records', 'export', sys.argv[1], '--out', sys.argv[1] + '/attacks.parquet'])",
}


def sentences(count: int) -> list[list[str]]:
    """Words as seldom as in a language, the same each time."""
    random = np.random.default_rng(0)
    lengths = random.integers(20, 101, count)
    words = np.minimum(random.zipf(1.3, int(lengths.sum())), 30_000)
    return [[f"w{word}" for word in of_text.tolist()] for of_text in np.split(words, lengths.cumsum()[:-1])]


def attacked(texts: list[list[str]], recipe: str, method: str, seed: int) -> Iterator[AttackRecord]:
    """One record a text."""
    random = np.random.default_rng([seed, *recipe.encode(), *method.encode()])
    fallbacks = ["stop words: scikit-learn (fallback)"]
    for index, words in enumerate(texts):
        label, sure, draw = index % 2, round(float(random.uniform(0.5, 1)), 6), random.random()
        scores = [1 - sure, sure] if label else [sure, 1 - sure]
        record = AttackRecord(index, seed, label, "skipped", [" ".join(words)], scores=scores, fallbacks=fallbacks)
        if draw < 0.02:
            yield replace(record, status="error", message="RuntimeError: the recipe broke")
        elif draw < 0.14:
            yield replace(record, scores=scores[::-1], message="misclassified before the attack")
        else:
            changed = int(random.integers(1, len(words) // 3))
            after = list(words)
            for place in random.choice(len(words), changed, replace=False).tolist():
                after[place] = f"{after[place]}x"
            fell = random.random() < RECIPES[recipe] - METHODS[method]
            yield replace(
                record,
                status="success" if fell else "failed",
                perturbed_texts=[" ".join(after)],
                perturbed_scores=scores[::-1] if fell else scores,
                queries=int(random.integers(20, 900)),
                words=len(words),
                words_changed=changed,
                seconds=round(float(random.uniform(0.1, 3)), 3),
                candidates=4000,
                candidates_kept=900,
            )


def write_run(out: Path, examples: int) -> None:
    """A run's directory with so many attacked examples in all."""
    trainings = [made(method, seed) for method in METHODS for seed in SEEDS]
    texts = sentences(examples // (len(trainings) * len(RECIPES)))
    with Ledger(out / TrainingRecord.file, TrainingRecord) as ledger:
        for training in trainings:
            ledger.append(training)
    for training in trainings:
        for recipe in RECIPES:
            path = out / "attacks" / training.checkpoint / training.task / f"{recipe}.jsonl"
            first, *others = attacked(texts, recipe, training.method, training.seed)
            with Ledger(path, AttackRecord, to_json(attack_run(training.checkpoint, training.task, recipe))) as records:
                records.append(first)
            # Not appended one by one: each would be forced to the disk.
            with path.open("a", encoding="ascii") as stream:
                stream.writelines(f"{json.dumps(to_json(record))}\n" for record in others)


def made(method: str, seed: int) -> TrainingRecord:
    """How a checkpoint was trained."""
    return TrainingRecord(
        checkpoint=f"reviews-{method}-seed{seed}",
        task="reviews",
        base="minilm",
        method=method,
        seed=seed,
        label_names=LABELS,
        settings={"learning_rate": 1e-4, "method": {"name": method}},
        data={"train": "c0ffee"},
        history=[{"step": 300, "epoch": 3, "loss": 0.3}],
        seconds=61.5,
        versions=VERSIONS,
    )


def attack_run(checkpoint: str, task: str, recipe: str) -> AttackRun:
    """What an attack's records share."""
    return AttackRun(
        checkpoint=checkpoint,
        victim=f"weights of {checkpoint}",
        task=task,
        split="test",
        data="beef",
        recipe=recipe,
        build=f"Attack({recipe})",
        sample="first",
        seed=0,
        max_characters=20_000,
        fields=["text"],
        protected_fields=[],
        label_names=LABELS,
        resources={"stop words": "scikit-learn (fallback)"},
        versions=VERSIONS,
    )


def measure(code: str, out: Path) -> str:
    """Run it in a process of its own; seconds by the clock and of the processor, and the most memory it had."""
    sys.stdout.flush()
    started = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    program = [sys.executable, "-c", f"import sys; from pathlib import Path; {code}", str(out)]
    _, status, used = os.wait4(os.posix_spawn(sys.executable, program, os.environ, file_actions=quiet), 0)
    if status:
        raise SystemExit(f"it failed with status {status}: {code}")
    processor = used.ru_utime + used.ru_stime
    return f"{time.perf_counter() - started:.0f} s ({processor:.0f} s of the processor), {used.ru_maxrss / 1024:.0f} MB"


def main() -> None:
    """Write the records, and measure each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=COMMANDS, action="append")
    options = parser.parse_args()
    if not options.out.exists():
        write_run(options.out, options.examples)
    files = list(options.out.glob("attacks/*/*/*.jsonl"))
    size = sum(path.stat().st_size for path in files)
    print(f"{options.examples:,} records asked for, {len(files)} files, {size / 1e6:,.0f} MB")
    for name in options.only or COMMANDS:
        print(f"{name}: {measure(COMMANDS[name], options.out)}")
        if name == "report":
            print(f"its page: {(options.out / 'report' / 'index.html').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
