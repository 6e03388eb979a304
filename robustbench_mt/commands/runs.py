"""Whole runs: along class ratios and label noise, experiments, and their reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from robustbench_mt.commands.parameters import FLAT, REQUIRED
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.training_settings import TrainingSettings

if TYPE_CHECKING:
    from imbalance.sweep import Curve

__all__ = ["imbalance", "label_noise", "quickstart", "report", "run"]


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


def imbalance(
    *,
    task: str,
    method: Annotated[tuple[str, ...], REQUIRED],
    ratio: Annotated[tuple[float, ...], REQUIRED],
    seed: Annotated[tuple[int, ...], REQUIRED],
    out: Path,
    minority: str | None = None,
    training: Annotated[TrainingSettings | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
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
    from imbalance.class_ratios import ImbalanceCurve
    from robustbench_mt.tasks import load_task

    curve = ImbalanceCurve(load_task(task, data), training or TrainingSettings(), minority)
    _sweep(curve, method, ratio, seed, out, allow_network=data.allow_network)


def label_noise(
    *,
    task: str,
    method: Annotated[tuple[str, ...], REQUIRED],
    share: Annotated[tuple[float, ...], REQUIRED],
    seed: Annotated[tuple[int, ...], REQUIRED],
    out: Path,
    training: Annotated[TrainingSettings | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
) -> None:
    """Train with a share of the training labels flipped and evaluate on clean ones; run again, it goes on.

    Args:
        task: a name (see list tasks), a file or a directory.
        method: a name (see list methods); give it several times for several.
        share: of the training labels to flip to another class at random, 0 to 1, e.g. 0.05; give it several times for
            several. Validation and test labels stay clean.
        seed: give it several times for several.
        out: the run's directory.
    """
    data = data or TaskOptions()
    from imbalance.label_noise import LabelNoiseCurve
    from robustbench_mt.tasks import load_task

    curve = LabelNoiseCurve(load_task(task, data), training or TrainingSettings())
    _sweep(curve, method, share, seed, out, allow_network=data.allow_network)


def run(experiment: Path, *, out: Path, data: Annotated[TaskOptions | None, FLAT] = None) -> None:
    """Do an experiment: train, evaluate, attack, unbalance and report; run again, it does what is missing.

    Args:
        experiment: a YAML file.
        out: the run's directory.
    """
    from robustbench_mt.experiment import load_experiment, run_experiment

    page = run_experiment(load_experiment(experiment), out, data)
    _print_results([out], page)


def report(directory: Annotated[tuple[Path, ...], REQUIRED], *, out: Path | None = None) -> None:
    """Write tables, figures and a page from the records of one or more runs.

    Args:
        directory: a run's directory; several are merged.
        out: where to write; DIR/report of the first run by default.
    """
    from robustbench_mt.reporting.report import report as write_report

    _print_results(directory, write_report(directory, out))


def _sweep(
    curve: "Curve[Any]",
    methods: Sequence[str],
    levels: Sequence[float],
    seeds: Sequence[int],
    out: Path,
    *,
    allow_network: bool,
) -> None:
    from imbalance.sweep import curve_points, sweep
    from robustbench_mt.methods.choice import parse_method
    from robustbench_mt.reporting.printing import print_results

    points = curve_points([parse_method(spec) for spec in methods], levels, seeds)
    sweep(curve, points, out / curve.file, allow_network=allow_network)
    print_results([out])


def _print_results(directories: Sequence[Path], page: Path) -> None:
    from robustbench_mt.reporting.printing import print_results

    print_results(directories)
    print(f"report: {page}")
