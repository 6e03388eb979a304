"""The command line: parse, call one function, print.

Nothing heavy is imported before a command runs, so that ``--help`` and ``list`` answer at once.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from attacks.settings import AttackSettings, RecipeOptions, VictimOptions
from robustbench_mt import __version__
from robustbench_mt.errors import UserError
from robustbench_mt.registry import choose
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["app", "main"]

INTERRUPTED = 130

# The fields of a dataclass become a command's options.
Flat = Parameter(name="*")
Required = Parameter(negative=())

app = App(
    name="robustbench-mt",
    version=__version__,
    help="How robust is a fine-tuned text classifier, and which way of fine-tuning makes it more so?",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0 or what it returns, 2 for a user's mistake, 130 when interrupted."""
    try:
        status = app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=False)
    except (UserError, CycloptsError) as error:
        print(f"robustbench-mt: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("robustbench-mt: interrupted; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be written, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status if isinstance(status, int) else 0


@app.command
def quickstart(*, out: Path | None = None, smoke: bool = False) -> None:
    """Train, attack and unbalance vanilla and Match-Tuned checkpoints, and write the report.

    Args:
        out: the run's directory; ./quickstart by default, ./quickstart-smoke with --smoke.
        smoke: the same in a minute, too small for conclusions.
    """
    from robustbench_mt.experiment import load_experiment, packaged_experiment, run_experiment

    name = "quickstart-smoke" if smoke else "quickstart"
    out = out or Path(name)
    page = run_experiment(load_experiment(packaged_experiment(name)), out)
    _print_results([out], page)


@app.command
def train(
    *,
    task: str,
    method: str,
    out: Path,
    seed: int = 0,
    training: Annotated[TrainingSettings | None, Flat] = None,
    data: Annotated[TaskOptions | None, Flat] = None,
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
    from robustbench_mt.methods import parse_method
    from robustbench_mt.tasks import load_task

    choice = parse_method(method)
    path = train_cell(
        load_task(task, data), choice, training or TrainingSettings(), seed, out, allow_network=data.allow_network
    )
    print(path)


@app.command
def evaluate(
    checkpoint: str,
    *,
    task: str,
    split: str = "test",
    static: Path | None = None,
    out: Path | None = None,
    victim: Annotated[VictimOptions | None, Flat] = None,
    data: Annotated[TaskOptions | None, Flat] = None,
) -> None:
    """Score a checkpoint on a task, without an attack.

    Args:
        checkpoint: a directory, a hub id, sklearn:FILE or python:MODULE:FUNCTION.
        task: a name (see list tasks), a file or a directory.
        split: train, validation or test.
        static: score this file's adversarial texts in place of a split: AdvGLUE's JSON, an attack's .jsonl,
            TextAttack's CSV log, or a table with the task's fields and a label.
        out: a run's directory to keep the record in.
    """
    data = data or TaskOptions()
    from attacks.victim import load_victim
    from robustbench_mt.cells import evaluate_cell
    from robustbench_mt.reporting.printing import print_evaluation
    from robustbench_mt.tasks import load_task

    doubts = None
    if static is None:
        loaded = load_task(task, data)
        loaded.split(split)
    else:
        from attacks.static_sets import load_static_set

        static_set = load_static_set(static, task, data, split=split)
        loaded, split, doubts = static_set.task, static_set.split, static_set.doubts
    scored = load_victim(checkpoint, loaded, victim, allow_network=data.allow_network)
    print_evaluation(evaluate_cell(scored, loaded, split, out, doubts))


@app.command
def attack(
    checkpoint: str,
    *,
    task: str,
    recipe: Annotated[tuple[str, ...], Required],
    out: Path,
    attack: Annotated[AttackSettings | None, Flat] = None,
    recipe_options: Annotated[RecipeOptions | None, Flat] = None,
    victim: Annotated[VictimOptions | None, Flat] = None,
    data: Annotated[TaskOptions | None, Flat] = None,
) -> None:
    """Attack a checkpoint with TextAttack's recipes; run again, it goes on.

    Args:
        checkpoint: a directory, a hub id, sklearn:FILE or python:MODULE:FUNCTION.
        task: a name (see list tasks), a file or a directory.
        recipe: a name (see list recipes); give it several times for several.
        out: the run's directory.
    """
    data = data or TaskOptions()
    from robustbench_mt.interrupt import ends_soon_when_interrupted

    with ends_soon_when_interrupted():
        from attacks.engine import attack as attack_task
        from attacks.recipes import RECIPES
        from attacks.victim import load_victim
        from robustbench_mt.reporting.printing import print_results
        from robustbench_mt.tasks import load_task

        recipes = [choose("recipe", name, RECIPES) for name in recipe]
        loaded = load_task(task, data)
        loaded.require_classes("attacks")
        settings = attack or AttackSettings()
        loaded.split(settings.split)
        attacked = load_victim(checkpoint, loaded, victim, allow_network=data.allow_network)
        reload = partial(load_victim, checkpoint, options=victim)
        for chosen in recipes:
            attack_task(attacked, loaded, chosen, settings, out, options=recipe_options, reload=reload)
        print_results([out])


@app.command
def verify(
    directory: Path,
    *,
    victim: str | None = None,
    options: Annotated[VictimOptions | None, Flat] = None,
    recipe_options: Annotated[RecipeOptions | None, Flat] = None,
    allow_network: bool = False,
) -> int:
    """Score recorded adversarial texts again and check what recipes promise; exit status 1 when something is not so.

    Args:
        directory: a run's directory.
        victim: the attacked checkpoint, where the directory does not hold it: a directory, a hub id, sklearn:FILE or
            python:MODULE:FUNCTION.
        allow_network: download a hub id that is not in the Hugging Face cache.
    """
    from attacks.verify import report_lines
    from attacks.verify import verify as verify_attacks

    holds = True
    for verified in verify_attacks(
        directory, victim, options, recipe_options=recipe_options, allow_network=allow_network
    ):
        print("\n".join(report_lines(verified)))
        holds = holds and not verified.findings
    return 0 if holds else 1


@app.command
def transfer(
    directory: Path,
    *,
    victim: Annotated[tuple[str, ...], Required] = (),
    task: str | None = None,
    options: Annotated[VictimOptions | None, Flat] = None,
    allow_network: bool = False,
) -> None:
    """Score the adversarial texts found against each checkpoint of a run on all others.

    Args:
        directory: a run's directory.
        victim: a further checkpoint to score on: a directory, a hub id, sklearn:FILE or python:MODULE:FUNCTION; give it
            several times for several.
        task: only attacks on this task.
        allow_network: download a hub id that is not in the Hugging Face cache.
    """
    from attacks.transfer import transfer as transfer_attacks
    from robustbench_mt.reporting.printing import print_results

    transfer_attacks(directory, victim, options, task=task, allow_network=allow_network)
    print_results([directory])


@app.command
def imbalance(
    *,
    task: str,
    method: Annotated[tuple[str, ...], Required],
    ratio: Annotated[tuple[float, ...], Required],
    seed: Annotated[tuple[int, ...], Required],
    out: Path,
    minority: str | None = None,
    training: Annotated[TrainingSettings | None, Flat] = None,
    data: Annotated[TaskOptions | None, Flat] = None,
) -> None:
    """Train along class ratios and evaluate on the untouched test set; run again, it goes on.

    Args:
        task: a name (see list tasks), a file or a directory.
        method: a name (see list methods); give it several times for several.
        ratio: majority : minority, 1 or more; give it several times for several.
        seed: give it several times for several.
        out: the run's directory.
        minority: the class to shrink; the last label by default.
    """
    data = data or TaskOptions()
    from imbalance.sweep import curve_points, sweep
    from robustbench_mt.methods import parse_method
    from robustbench_mt.reporting.printing import print_results
    from robustbench_mt.tasks import load_task

    points = curve_points([parse_method(spec) for spec in method], ratio, seed)
    sweep(
        load_task(task, data),
        points,
        training or TrainingSettings(),
        out / "imbalance.jsonl",
        minority=minority,
        allow_network=data.allow_network,
    )
    print_results([out])


@app.command
def run(experiment: Path, *, out: Path, data: Annotated[TaskOptions | None, Flat] = None) -> None:
    """Do an experiment: train, evaluate, attack, unbalance and report; run again, it does what is missing.

    Args:
        experiment: a YAML file.
        out: the run's directory.
    """
    from robustbench_mt.experiment import load_experiment, run_experiment

    page = run_experiment(load_experiment(experiment), out, data)
    _print_results([out], page)


@app.command
def report(directory: Annotated[tuple[Path, ...], Required], *, out: Path | None = None) -> None:
    """Write tables, figures and a page from the records of one or more runs.

    Args:
        directory: a run's directory; several are merged.
        out: where to write; DIR/report of the first run by default.
    """
    from robustbench_mt.reporting.report import report as write_report

    _print_results(directory, write_report(directory, out))


@app.command(name="list")
def list_names(
    what: Literal["tasks", "methods", "recipes"], *, recipe_options: Annotated[RecipeOptions | None, Flat] = None
) -> None:
    """Show the tasks, methods or recipes at hand; of recipes also whether they can run, with the options given."""
    from robustbench_mt.listing import print_methods, print_recipes, print_tasks

    if what == "recipes":
        print_recipes(recipe_options)
    else:
        {"tasks": print_tasks, "methods": print_methods}[what]()


@app.command
def resources(action: Literal["show", "fetch"] = "show", *, name: tuple[str, ...] = ()) -> None:
    """Show what recipes need and where it was found; fetch downloads what is missing.

    Args:
        action: show (the default) or fetch.
        name: fetch this resource; give it several times for several.
    """
    from robustbench_mt.listing import print_resources

    if action == "fetch":
        from robustbench_mt.resources import fetch

        fetch(name)
    print_resources()


def _print_results(directories: Sequence[Path], page: Path) -> None:
    from robustbench_mt.reporting.printing import print_results

    print_results(directories)
    print(f"report: {page}")
