"""Packed linear layers against the plain model, over the same batches, alternating in one run.

    python benchmarks/packed_linears.py CHECKPOINT --task rotten_tomatoes

Prints, for several sizes of batch, real tokens a second of both, the median ratio, and how far logits are apart.
"""

import statistics
import time

import numpy as np
from cyclopts import run

from attacks.victim import load_victim
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks import load_task


def main(checkpoint: str, *, task: str = "rotten_tomatoes", texts: int = 300, rounds: int = 5) -> None:
    """Compare.

    Args:
        checkpoint: a Hugging Face directory.
        task: whose test split is scored.
        texts: how many of it.
        rounds: how often each side scores them all.
    """
    loaded = load_task(task)
    chosen = loaded.split("test").texts[:texts]
    victim = load_victim(checkpoint, loaded)
    packed, plain = (Scorer(victim.model, victim.tokenizer) for _ in range(2))
    plain._packed = plain.model
    tokens = sum(len(victim.tokenizer(*text)["input_ids"]) for text in chosen)
    for budget in (256, 1024, 4096):
        seconds: dict[str, list[float]] = {"plain": [], "packed": []}
        logits = {}
        for _ in range(rounds + 1):
            for name, scorer in (("plain", plain), ("packed", packed)):
                scorer._tokens = budget
                began = time.perf_counter()
                logits[name] = scorer(chosen)
                seconds[name].append(time.perf_counter() - began)
        # The first round warms up.
        timed = {name: values[1:] for name, values in seconds.items()}
        ratio = statistics.median(a / b for a, b in zip(timed["plain"], timed["packed"], strict=True))
        rates = ", ".join(f"{name} {tokens / statistics.median(values):.0f}" for name, values in timed.items())
        apart = np.abs(logits["plain"] - logits["packed"]).max()
        print(f"{budget} tokens a batch: tokens a second: {rates}; ratio {ratio:.2f}; logits within {apart:.1e}")


if __name__ == "__main__":
    run(main)
