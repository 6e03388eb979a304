"""The inference copy against the plain model, over the same batches, alternating in one run.

    python benchmarks/inference_copy.py CHECKPOINT --task rotten_tomatoes

Prints, for several sizes of batch, real tokens a second of the plain model, of one with packed linear layers alone and
of the inference copy that scoring uses, the median ratios, and how far logits are apart.
"""

import copy
import statistics
import time

import torch
from batches import batches_of, run_batches
from cyclopts import run

from attacks.victim import load_victim
from robustbench_mt.inference import inference_copy
from robustbench_mt.packed_linears import pack_linears
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
    victim = load_victim(checkpoint, loaded)
    packed = copy.deepcopy(victim.model).eval()
    pack_linears(packed)
    models = {"plain": victim.model.eval(), "packed": packed, "inference copy": inference_copy(victim.model)}
    for budget in (256, 512, 1024, 2048, 4096):
        batches, tokens = batches_of(victim.tokenizer, loaded.split("test").texts[:texts], budget)
        seconds: dict[str, list[float]] = {name: [] for name in models}
        logits = {}
        for _ in range(rounds + 1):
            for name, model in models.items():
                began = time.perf_counter()
                logits[name] = run_batches(model, batches)
                seconds[name].append(time.perf_counter() - began)
        # The first round warms up.
        timed = {name: values[1:] for name, values in seconds.items()}
        for name, values in timed.items():
            ratio = statistics.median(a / b for a, b in zip(timed["plain"], values, strict=True))
            apart = torch.abs(logits[name] - logits["plain"]).max()
            rate = tokens / statistics.median(values)
            print(f"{budget} tokens a batch, {name}: {rate:.0f} tokens a second, ratio {ratio:.2f}, within {apart:.1e}")


if __name__ == "__main__":
    run(main)
