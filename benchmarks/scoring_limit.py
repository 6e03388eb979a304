"""Where an attack's time goes, and how near it comes to the model's own speed.

    python benchmarks/scoring_limit.py CHECKPOINT --task rotten_tomatoes --recipe deepwordbug --recipe pwws

For each recipe, alternating in one run: the attack; a bare forward pass over the texts that it had scored, tokenized
and packed into sorted batches beforehand; the same with the plain model of transformers; and a plain matrix product.
Prints the share of the attack's time that the model takes, real tokens a second of each, their ratio, and the rate of
floating-point operations.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from batches import batches_of, run_batches
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from attacks.recipes import RECIPES, Recipe, build
from attacks.score_cache import ScoreCache
from attacks.settings import AttackSettings
from attacks.victim import HuggingFaceVictim, load_victim
from attacks.work import Example, Job, Outcome, prepare_work, work_with
from attacks.workers import Workers
from robustbench_mt.ledger import Ledger
from robustbench_mt.records import AttackRecord
from robustbench_mt.registry import choose
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks import TaskOptions, load_task
from robustbench_mt.tasks.task import Task

app = App(help=__doc__)
SIZE = 1024
PRODUCTS = 20


@app.default
def main(
    checkpoint: str,
    *,
    task: str = "rotten_tomatoes",
    recipe: Annotated[tuple[str, ...], Parameter(negative=())] = ("deepwordbug", "pwws"),
    examples: int = 50,
    in_flight: int = AttackSettings.in_flight,
    workers: int = 1,
    rounds: int = 5,
    data: Annotated[TaskOptions, Parameter(name="*")] = TaskOptions(),  # noqa: B008 (frozen)
) -> None:
    """Measure.

    Args:
        checkpoint: a Hugging Face directory.
        task: whose test split is attacked.
        recipe: give it several times for several.
        examples: how many, the first of the split.
        in_flight: examples attacked side by side.
        workers: processes that attack; of several, the share of time in the model is not seen.
        rounds: how often everything is measured; medians are shown.
    """
    loaded = load_task(task, data)
    victim = load_victim(checkpoint, loaded)
    assert isinstance(victim, HuggingFaceVictim)
    settings = AttackSettings(examples=examples, in_flight=in_flight, workers=workers)
    columns = ("attack, tokens/s", "bare, tokens/s", "attack : bare", "plain, tokens/s")
    rates = Table("recipe", "texts", "in the model", *columns)
    a_token = 2 * _weights(victim.model) / 1e9
    for chosen in [choose("recipe", name, RECIPES) for name in recipe]:
        measured = _measure(chosen, checkpoint, victim, loaded, settings, rounds)
        rates.add_row(chosen.name, *measured.cells())
        rate = measured.tokens_per_second
        print(
            f"{chosen.name}: billions of operations a second: matrix product {measured.product:.0f}; at {a_token:.3f} a"
            f" token (all linear layers), bare {rate('bare') * a_token:.0f}, plain {rate('plain') * a_token:.0f}"
        )
    Console(markup=False, highlight=False, width=120).print(rates)


@dataclass
class _Measured:
    """What was measured of a recipe.

    Attributes:
        texts: how many the attack had scored.
        tokens: real ones in them.
        rounds: the seconds of each.
    """

    texts: int
    tokens: int
    rounds: list[dict[str, float]]

    def cells(self) -> list[str]:
        """The table's, but for the recipe's name."""
        attack, bare, plain = (f"{self.tokens_per_second(name):.0f}" for name in ("attack", "bare", "plain"))
        share = self._ratio("model", "attack")
        in_the_model = "-" if math.isnan(share) else f"{share:.0%}"
        return [str(self.texts), in_the_model, attack, bare, f"{self._ratio('bare', 'attack'):.0%}", plain]

    def tokens_per_second(self, name: str) -> float:
        return self.tokens / statistics.median(seconds[name] for seconds in self.rounds)

    def _ratio(self, one: str, other: str) -> float:
        return statistics.median(seconds[one] / seconds[other] for seconds in self.rounds)

    @property
    def product(self) -> float:
        """Of matrices, billions of operations a second."""
        return PRODUCTS * 2 * SIZE**3 / statistics.median(seconds["product"] for seconds in self.rounds) / 1e9


def _measure(
    recipe: Recipe, checkpoint: str, victim: HuggingFaceVictim, task: Task, settings: AttackSettings, rounds: int
) -> _Measured:
    built = build(recipe, victim, task.protected_fields, task.fields)
    # Once before the clock starts: what a recipe reads from disk is read.
    texts = _attack(built, victim, task, settings).texts
    batches, tokens = batches_of(victim.tokenizer, texts, victim._scorer._tokens)
    load, without_texts = partial(load_victim, checkpoint), replace(task, splits={})
    prepare = partial(prepare_work, load, victim.fingerprint, without_texts, recipe, settings, None)
    measured = _Measured(len(texts), tokens, [])
    for _ in range(rounds):
        if settings.workers == 1:
            began = time.perf_counter()
            model = _attack(built, victim, task, settings).model_seconds
            attack = time.perf_counter() - began
        else:
            model, attack = math.nan, _attack_with_workers(prepare, task, settings)
        measured.rounds.append({"model": model, "attack": attack, **_peers(victim, batches)})
    return measured


@dataclass
class _Seen:
    """What an attack had scored.

    Attributes:
        texts: in the order of the scoring.
        model_seconds: in the model.
    """

    texts: list[tuple[str, ...]] = field(default_factory=list)
    model_seconds: float = 0.0


def _peers(victim: HuggingFaceVictim, batches: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Seconds of what the attack is held against, once."""
    seconds = {}
    for name, model in (("bare", victim._scorer._fast), ("plain", victim.model)):
        began = time.perf_counter()
        run_batches(model, batches)
        seconds[name] = time.perf_counter() - began
    matrix = torch.randn(SIZE, SIZE)
    began = time.perf_counter()
    for _ in range(PRODUCTS):
        matrix @ matrix
    seconds["product"] = time.perf_counter() - began
    return seconds


def _attack(built: Any, victim: HuggingFaceVictim, task: Task, settings: AttackSettings) -> _Seen:
    seen = _Seen()
    victim._cache = ScoreCache()
    examples = task.split(settings.split)
    jobs = ((index, Example(examples.texts[index], int(examples.labels[index]))) for index in range(settings.examples))
    scorer = victim._scorer
    victim._scorer = _Watched(scorer, seen)  # type: ignore[assignment]
    try:
        with (
            tempfile.TemporaryDirectory() as out,
            Ledger(Path(out) / "attack.jsonl", AttackRecord) as ledger,
        ):
            for _, record in work_with(built, victim, task, settings)(jobs, lambda _: None):
                assert isinstance(record, AttackRecord)
                ledger.append(record)
    finally:
        victim._scorer = scorer
    return seen


def _attack_with_workers(prepare: Any, task: Task, settings: AttackSettings) -> float:
    """Seconds of an attack by processes that have loaded everything, and attacked a few other examples."""
    threads = max(1, torch.get_num_threads() // settings.workers)
    warm, jobs = (
        [(index, Example(part.texts[index], int(part.labels[index]))) for index in range(count)]
        for part, count in (
            (task.split("validation"), 4 * settings.workers),
            (task.split(settings.split), settings.examples),
        )
    )
    with Workers[Job, Outcome](prepare, settings.workers, threads) as processes:
        list(processes.run(warm, lambda _: None))
        began = time.perf_counter()
        list(processes.run(jobs, lambda _: None))
        return time.perf_counter() - began


class _Watched:
    """A scorer that tells what it is asked for."""

    def __init__(self, scorer: Scorer, seen: _Seen) -> None:
        self._scorer = scorer
        self._seen = seen

    def __call__(self, texts: Sequence[tuple[str, ...]]) -> Any:
        self._seen.texts += texts
        fast = self._scorer._fast

        def timed(**batch: Any) -> Any:
            began = time.perf_counter()
            result = fast(**batch)
            self._seen.model_seconds += time.perf_counter() - began
            return result

        self._scorer._fast = timed  # type: ignore[assignment]
        try:
            return self._scorer(texts)
        finally:
            self._scorer._fast = fast


def _weights(model: Any) -> int:
    return sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))


if __name__ == "__main__":
    app()
