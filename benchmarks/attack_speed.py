"""Our engine against stock TextAttack: the same checkpoint, recipe, examples and seeds, alternating in one run.

    python benchmarks/attack_speed.py CHECKPOINT --task rotten_tomatoes --recipe deepwordbug --recipe pwws

Stock TextAttack is its ``HuggingFaceModelWrapper``, the recipe as it builds it, and ``Attack.attack``, one example
after another, each with the seed that ours has. (Recipes that TextAttack does not have, textfooler-sbert for one, are
built by us and attack through its wrapper.) Prints for each recipe the ratio of wall times and the median seconds an
example, lists every example whose status, adversarial text or query count differs, and ends with the geometric mean of
the ratios.
"""

import statistics
import tempfile
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from attacks.engine import attack
from attacks.example import example_seed, seed_generators
from attacks.outcomes import with_outcome
from attacks.recipes import RECIPES, Recipe, build
from attacks.settings import AttackSettings, RecipeOptions
from attacks.textattack_import import import_textattack, no_downloads, quiet
from attacks.victim import Victim, load_victim
from robustbench_mt.bases import find_model
from robustbench_mt.checkpoints import load_classifier
from robustbench_mt.records import AttackRecord
from robustbench_mt.registry import choose
from robustbench_mt.resources import prepare
from robustbench_mt.tasks import TaskOptions, load_task
from robustbench_mt.tasks.task import Task

app = App(help=__doc__)


@app.default
def main(
    checkpoint: str,
    *,
    task: str = "rotten_tomatoes",
    recipe: Annotated[tuple[str, ...], Parameter(negative=())] = ("deepwordbug", "pwws"),
    examples: int = 50,
    block: int = 25,
    options: Annotated[RecipeOptions, Parameter(name="*")] = RecipeOptions(),  # noqa: B008 (frozen)
    data: Annotated[TaskOptions, Parameter(name="*")] = TaskOptions(),  # noqa: B008 (frozen)
) -> None:
    """Compare.

    Args:
        checkpoint: a Hugging Face directory.
        task: whose test split is attacked.
        recipe: give it several times for several.
        examples: how many, the first of the split.
        block: examples that one side attacks before the other has its turn.
    """
    # Stock recipes protect no field but one that is called premise.
    loaded = load_task(task, replace(data, protect=()))
    victim = load_victim(checkpoint, loaded)
    table = Table("recipe", "n", "ratio of wall times", "stock, median s", "ours, median s", "queries", "differing")
    ratios = []
    for chosen in [choose("recipe", name, RECIPES) for name in recipe]:
        row = _compare(chosen, victim, checkpoint, loaded, examples, block, options)
        ratios.append(row.ratio)
        table.add_row(chosen.name, str(examples), f"{row.ratio:.1f}", *row.cells)
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(f"geometric mean of the ratios: {statistics.geometric_mean(ratios):.1f}")


class _Comparison:
    """Wall times and records of both sides."""

    def __init__(self) -> None:
        self.stock_wall = self.our_wall = 0.0
        self.stock: list[AttackRecord] = []
        self.ours: list[AttackRecord] = []

    @property
    def ratio(self) -> float:
        return self.stock_wall / self.our_wall

    @property
    def differing(self) -> list[tuple[AttackRecord, AttackRecord]]:
        def outcome(record: AttackRecord) -> tuple[Any, ...]:
            return record.status, record.perturbed_texts, record.queries

        pairs = zip(self.stock, self.ours, strict=True)
        return [(stock, ours) for stock, ours in pairs if outcome(stock) != outcome(ours)]

    @property
    def cells(self) -> tuple[str, ...]:
        medians = [statistics.median(record.seconds for record in side) for side in (self.stock, self.ours)]
        queries = sum(record.queries for record in self.ours)
        return (f"{medians[0]:.3f}", f"{medians[1]:.3f}", str(queries), str(len(self.differing)))


def _compare(
    recipe: Recipe,
    victim: Victim,
    checkpoint: str,
    task: Task,
    examples: int,
    block: int,
    options: RecipeOptions,
) -> _Comparison:
    stock = _build_stock(recipe, checkpoint, task, options)
    comparison = _Comparison()
    with tempfile.TemporaryDirectory() as scratch:
        # The recipe is built before the clock starts, as stock's is; on texts that are not attacked later.
        warm = replace(task, splits={"test": task.split("validation")})
        attack(victim, warm, recipe, AttackSettings(examples=1), Path(scratch) / "warm", options=options)
        for start in range(0, examples, block):
            stop = min(start + block, examples)
            began = time.perf_counter()
            comparison.stock += [_stock(stock, task, index) for index in range(start, stop)]
            comparison.stock_wall += time.perf_counter() - began
            began = time.perf_counter()
            done = attack(victim, task, recipe, AttackSettings(examples=stop), Path(scratch) / "ours", options=options)
            comparison.our_wall += time.perf_counter() - began
            comparison.ours += done[start:]
            print(f"{recipe.name}: {stop} of {examples}, ratio so far {comparison.ratio:.1f}", flush=True)
    for theirs, ours in comparison.differing:
        print(f"{recipe.name}, example {ours.index} differs:")
        for name, record in (("stock", theirs), ("ours", ours)):
            print(f"  {name}: {record.status}, {record.queries} queries, {record.perturbed_texts}")
            print(f"    scores {record.perturbed_scores}")
    return comparison


def _build_stock(recipe: Recipe, checkpoint: str, task: Task, options: RecipeOptions) -> Any:
    textattack = import_textattack()
    model, tokenizer = load_classifier(find_model(checkpoint))
    # As TextAttack's Attacker does it.
    model.to(textattack.shared.utils.device)
    wrapper = textattack.models.wrappers.HuggingFaceModelWrapper(model, tokenizer)
    if recipe.adapt or options.word_vectors:
        return build(recipe, wrapper, (), task.fields, options)
    prepare(recipe.needs, f"The recipe {recipe.name}")
    with quiet(), no_downloads():
        return getattr(textattack.attack_recipes, recipe.class_name).build(wrapper, **recipe.arguments)


def _stock(built: Any, task: Task, index: int) -> AttackRecord:
    texts, label = task.split("test").texts[index], int(task.split("test").labels[index])
    seed = example_seed(0, index)
    seed_generators(seed)
    began = time.perf_counter()
    with quiet(), no_downloads():
        result = built.attack(OrderedDict(zip(task.fields, texts, strict=True)), label)
    seconds = time.perf_counter() - began
    record = AttackRecord(index=index, seed=seed, label=label, status="skipped", texts=list(texts))
    return replace(with_outcome(record, result, ()), seconds=seconds)


if __name__ == "__main__":
    app()
