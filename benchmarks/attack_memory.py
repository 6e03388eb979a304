"""Whether memory stays flat over a long attack.

    python benchmarks/attack_memory.py CHECKPOINT --task rotten_tomatoes --recipe deepwordbug --examples 2000

Prints the process's resident memory as examples end, and by how much it grew over the last three quarters of them:
over the first quarter, caches fill up to their bounds.
"""

import os
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from attacks.recipes import RECIPES, build
from attacks.settings import AttackSettings
from attacks.victim import load_victim
from attacks.work import Example, work_with
from robustbench_mt.ledger import Ledger
from robustbench_mt.records import AttackRecord
from robustbench_mt.registry import choose
from robustbench_mt.tasks import TaskOptions, load_task

app = App(help=__doc__)
MARKS = 16


@app.default
def main(
    checkpoint: str,
    *,
    task: str = "rotten_tomatoes",
    recipe: str = "deepwordbug",
    examples: int = 2000,
    split: str = "train",
    data: Annotated[TaskOptions, Parameter(name="*")] = TaskOptions(),  # noqa: B008 (frozen)
) -> None:
    """Measure.

    Args:
        checkpoint: a Hugging Face directory.
        task: which task.
        recipe: one recipe.
        examples: how many, the first of the split.
        split: of the task.
    """
    loaded = load_task(task, data)
    victim = load_victim(checkpoint, loaded)
    built = build(choose("recipe", recipe, RECIPES), victim, loaded.protected_fields, loaded.fields)
    chosen = loaded.split(split)
    jobs = ((index, Example(chosen.texts[index], int(chosen.labels[index]))) for index in range(examples))
    marks = []
    with tempfile.TemporaryDirectory() as out, Ledger(Path(out) / "attack.jsonl", AttackRecord) as ledger:
        work = work_with(built, victim, loaded, AttackSettings(examples=examples))
        for ended, (_, record) in enumerate(work(jobs, lambda _: None), 1):
            assert isinstance(record, AttackRecord)
            ledger.append(record)
            if ended % max(1, examples // MARKS) == 0:
                marks.append(_resident())
                print(f"{ended} examples: {marks[-1]:.0f} MB", flush=True)
    later = marks[len(marks) // 4 :]
    print(f"growth over the last three quarters: {later[-1] - later[0]:+.0f} MB ({later[-1] / later[0] - 1:+.1%})")


def _resident() -> float:
    """This process's resident memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    app()
