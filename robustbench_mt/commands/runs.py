"""Whole runs: along class ratios and label noise, experiments, and their reports."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from robustbench_mt.backend import BackendOptions
from robustbench_mt.commands.parameters import FLAT, REQUIRED, SINGULAR
from robustbench_mt.curve_options import ImbalanceOptions, NoiseOptions
from robustbench_mt.progress import note
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.training_settings import TrainingSettings

if TYPE_CHECKING:
    from robustbench_mt.experiment_run import Outcome

__all__ = ["imbalance", "label_noise", "quickstart", "report", "run"]

# Missing cells that are named on the terminal.
_SHOWN = 20


def quickstart(*, out: Path | None = None, smoke: bool = False) -> int:
    """Train, attack and unbalance vanilla and Match-Tuned checkpoints, and write the report.

    Args:
        out: the run's directory; ./quickstart by default, ./quickstart-smoke with --smoke.
        smoke: the same in a minute, too small for conclusions.
    """
    from robustbench_mt.experiment_file import load_experiment, packaged_experiment
    from robustbench_mt.experiment_run import run_experiment

    name = "quickstart-smoke" if smoke else "quickstart"
    out = out or Path(name)
    return _told(run_experiment(load_experiment(packaged_experiment(name)), out), out)


def imbalance(
    *,
    task: str,
    method: Annotated[tuple[str, ...], REQUIRED],
    imbalance: Annotated[ImbalanceOptions | None, SINGULAR] = None,
    seed: Annotated[tuple[int, ...], REQUIRED],
    out: Path,
    training: Annotated[TrainingSettings | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
    backend: Annotated[BackendOptions | None, FLAT] = None,
) -> None:
    """Train along class ratios and evaluate on the untouched test set; run again, it goes on.

    Args:
        task: a name (see list tasks), a file or a directory.
        method: a name (see list methods); give it several times for several.
        seed: give it several times for several.
        out: the run's directory. It may have several protocols.
    """
    from robustbench_mt.curve_plans import ImbalancePlan
    from robustbench_mt.curve_run import run_curve
    from robustbench_mt.reporting.printing import print_results

    plan = ImbalancePlan(seeds=seed, **vars(imbalance or ImbalanceOptions()))
    run_curve(plan, task, method, out, training, data, backend)
    print_results([out])


def label_noise(
    *,
    task: str,
    method: Annotated[tuple[str, ...], REQUIRED],
    noise: Annotated[NoiseOptions, SINGULAR],
    seed: Annotated[tuple[int, ...], REQUIRED],
    out: Path,
    training: Annotated[TrainingSettings | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
    backend: Annotated[BackendOptions | None, FLAT] = None,
) -> None:
    """Train with a share of the training labels flipped and evaluate on clean ones; run again, it goes on.

    Args:
        task: a name (see list tasks), a file or a directory.
        method: a name (see list methods); give it several times for several.
        seed: give it several times for several.
        out: the run's directory.
    """
    from robustbench_mt.curve_plans import NoisePlan
    from robustbench_mt.curve_run import run_curve
    from robustbench_mt.reporting.printing import print_results

    run_curve(NoisePlan(seeds=seed, **vars(noise)), task, method, out, training, data, backend)
    print_results([out])


def run(
    experiment: Path,
    *,
    out: Path,
    scale: str = "",
    only: Annotated[tuple[str, ...], REQUIRED] = (),
    skip: Annotated[tuple[str, ...], REQUIRED] = (),
    dry_run: bool = False,
    data: Annotated[TaskOptions | None, FLAT] = None,
    backend: Annotated[BackendOptions | None, FLAT] = None,
) -> int:
    """Do an experiment: train, evaluate, attack, unbalance and report; run again, it does what is missing.

    A cell that fails is recorded and the others go on; the exit status is 1 as long as one is missing.

    Args:
        experiment: a YAML file.
        out: the run's directory.
        scale: one of the file's scales; its first by default.
        only: do only cells whose name matches this pattern, as in glue/* or */match/*; may be given several times.
        skip: leave out cells whose name matches this pattern; may be given several times.
        dry_run: write nothing; show the cells, and what is missing in steps, tokens and hours (about a minute).
    """
    from robustbench_mt.experiment_file import load_experiment
    from robustbench_mt.experiment_run import run_experiment

    loaded = load_experiment(experiment, scale)
    if dry_run:
        from robustbench_mt.dry_run import print_dry_run

        print_dry_run(loaded, out, data or TaskOptions(), only=only, skip=skip)
        return 0
    return _told(run_experiment(loaded, out, data, only=only, skip=skip, backend=backend), out)


def report(directory: Annotated[tuple[Path, ...], REQUIRED], *, out: Path | None = None) -> None:
    """Write tables, figures and a page from the records of one or more runs.

    Args:
        directory: a run's directory; several are merged.
        out: where to write; DIR/report of the first run by default.
    """
    from robustbench_mt.reporting.printing import print_report
    from robustbench_mt.reporting.report import report

    print_report(report(directory, out))


def _told(outcome: "Outcome", out: Path) -> int:
    """Print what has come of a run, and return the exit status."""
    from robustbench_mt.reporting.printing import print_report

    if outcome.report:
        print_report(outcome.report)
    for missing in outcome.missing[:_SHOWN]:
        note(f"missing: {missing.cell}: {missing.reason}")
    if len(outcome.missing) > _SHOWN:
        note(f"missing: {len(outcome.missing) - _SHOWN} more")
    if outcome.left_out:
        note(f"{outcome.left_out} cells that --only and --skip leave out are not done.")
    if not outcome.missing:
        return 0
    again = shlex.join(["robustbench-mt", *sys.argv[1:]])
    note(f"The failures' tracebacks are in {out / 'failures'}. To do what is missing: {again}")
    return 1
