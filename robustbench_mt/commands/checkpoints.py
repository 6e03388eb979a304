"""Making checkpoints and scoring them."""

from pathlib import Path
from typing import Annotated

from attacks.settings import VictimOptions
from robustbench_mt.commands.parameters import FLAT
from robustbench_mt.distributed import is_main_process
from robustbench_mt.match_inference_settings import MatchInferenceSettings
from robustbench_mt.tasks.options import SplitOptions, TaskOptions
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["evaluate", "train"]


def train(
    *,
    task: str,
    method: str,
    out: Path,
    seed: int = 0,
    training: Annotated[TrainingSettings | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
) -> None:
    """Fine-tune a base on a task; the checkpoint is an ordinary Hugging Face directory.

    Args:
        task: a name (see list tasks), a file or a directory.
        method: a name (see list methods), with settings as in match:self_mass=0.5,temperature=2.
        out: the run's directory; the checkpoint is written below it.
        seed: of the head's initial weights, the order of the examples, and dropout.
    """
    data = data or TaskOptions()
    from robustbench_mt.cells import train_cell
    from robustbench_mt.methods.choice import parse_method
    from robustbench_mt.tasks import load_task

    choice = parse_method(method)
    path = train_cell(
        load_task(task, data), choice, training or TrainingSettings(), seed, out, allow_network=data.allow_network
    )
    if is_main_process():
        print(path)


def evaluate(
    checkpoint: str,
    *,
    task: str,
    chosen: Annotated[SplitOptions | None, FLAT] = None,
    static: Path | None = None,
    out: Path | None = None,
    victim: Annotated[VictimOptions | None, FLAT] = None,
    matching: Annotated[MatchInferenceSettings | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
) -> None:
    """Score a checkpoint on a task, without an attack.

    Args:
        checkpoint: a directory, a hub id, sklearn:FILE or python:MODULE:FUNCTION.
        task: a name (see list tasks), a file or a directory.
        static: score this file's adversarial texts in place of a split: AdvGLUE's JSON, an attack's .jsonl,
            TextAttack's CSV log, or a table with the task's fields and a label.
        out: a run's directory to keep the record in.
    """
    from robustbench_mt.evaluation_run import run_evaluation
    from robustbench_mt.reporting.printing import print_batch_dependence, print_evaluation

    split = (chosen or SplitOptions()).split
    record, dependence = run_evaluation(
        checkpoint, task, split, out, static=static, victim=victim, matching=matching, options=data
    )
    print_evaluation(record)
    if dependence:
        print_batch_dependence(dependence)
