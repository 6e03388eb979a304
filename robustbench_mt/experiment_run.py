"""Doing an experiment: every cell that is not done yet, whatever becomes of the others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_mt.backend import BackendOptions, connected
from robustbench_mt.cell import Cell
from robustbench_mt.errors import BadRecordError, OtherSettingsError
from robustbench_mt.experiment import Experiment, may_differ, stored
from robustbench_mt.experiment_file import parse_experiment
from robustbench_mt.failures import Failures
from robustbench_mt.inside import inside
from robustbench_mt.kept_in_memory import forget
from robustbench_mt.ledger import make_directory, refuse_differences, write_atomically
from robustbench_mt.paths import AnyPath
from robustbench_mt.progress import note, progress
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.unfolding import choose_cells, unfold
from robustbench_mt.wording import quoted

if TYPE_CHECKING:
    from robustbench_mt.cluster import Cluster
    from robustbench_mt.reporting.report import Report

__all__ = ["Missing", "Outcome", "refuse_other_experiment", "run_experiment"]


@dataclass(frozen=True)
class Missing:
    """A cell that was to be done and is not, and why."""

    cell: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What has come of a run.

    Attributes:
        report: its page and what it tells; ``None`` where no cell is done.
        missing: of the chosen cells.
        left_out: how many others, which were not chosen, are not done.
    """

    report: "Report | None"
    missing: list[Missing]
    left_out: int


def run_experiment(
    experiment: Experiment,
    out: AnyPath,
    options: TaskOptions | None = None,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    backend: BackendOptions | None = None,
) -> Outcome:
    """Do every cell that is not done yet, and write the report.

    A cell that ends in an exception is recorded in ``failures.jsonl``, with its traceback below ``failures``, and the
    others go on.

    Args:
        experiment: what to do.
        out: the run's directory; it must be new or belong to this experiment, made here or on another machine. The
            experiment may have grown by tasks, methods, seeds, recipes or levels of a curve.
        options: where the tasks' data are, and whether what is missing may be downloaded.
        only, skip: patterns of cells' names, see :func:`robustbench_mt.unfolding.choose_cells`.
        backend: where the cells are done; in this process by default.

    Raises:
        UserError: the directory belongs to another experiment, or something is found, before anything is trained, that
            would fail.

    Example:
        >>> outcome = run_experiment(load_experiment("small.yaml"), out)
        >>> outcome.missing, outcome.report.page == out / "report" / "index.html"
        ([], True)
    """
    forget()
    out = Path(out)
    begun = refuse_other_experiment(experiment, out)
    cells = unfold(experiment, options or TaskOptions())
    chosen = choose_cells(cells, only, skip)
    names = {cell.name for cell in chosen}
    # What an experiment has grown by cannot be taken back once it is kept.
    known = {cell.name for cell in unfold(begun, options or TaskOptions())} if begun else {cell.name for cell in cells}
    for cell in cells:
        if cell.name in names or cell.name not in known:
            cell.check(out)
    make_directory(out)
    with Failures(out) as failures, connected(backend) as cluster:
        _keep(experiment, out)
        missing = _do(chosen, {cell.name: cell for cell in cells}, out, failures, experiment.name, cluster)
        for cell in cells:
            if cell.name in failures.open and cell.seems_done(out):
                failures.overcome(cell)
    left_out = sum(cell.name not in names and not cell.seems_done(out) for cell in cells)
    if len(missing) + left_out == len(cells):
        return Outcome(None, missing, left_out)
    from robustbench_mt.reporting.report import report

    return Outcome(report([out]), missing, left_out)


def refuse_other_experiment(experiment: Experiment, out: Path) -> Experiment | None:
    """Raise :class:`UserError` where a directory belongs to another experiment; each difference is named.

    What is kept there is read as a file of today would be: a field that its version did not know has its default.

    Returns:
        The experiment there, which may be less than this one; ``None`` where there is none yet.
    """
    path = inside(out, "experiment.json")
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise BadRecordError(f"{path} cannot be read ({error}): choose another --out.") from None
    begun = parse_experiment(there, str(path))
    if begun.name != experiment.name:
        asked = f"the experiment {quoted(begun.name)}, not to {quoted(experiment.name)}"
        raise OtherSettingsError(f"{out} belongs to {asked}: choose another --out.")
    known = stored(begun)
    refuse_differences(known, stored(experiment), f"{out} belongs to an experiment that", may_differ(experiment, known))
    return begun


def _keep(experiment: Experiment, out: Path) -> None:
    """Say in the directory what it belongs to; where another run has grown it in the meantime, that is refused."""
    begun = refuse_other_experiment(experiment, out)
    if begun is None or stored(begun) != stored(experiment):
        write_atomically(out / "experiment.json", json.dumps(stored(experiment), indent=1) + "\n")


def _do(
    chosen: Sequence[Cell],
    cells: Mapping[str, Cell],
    out: Path,
    failures: Failures,
    title: str,
    cluster: "Cluster | None",
) -> list[Missing]:
    """Do cells, and tell which are not done at the end."""
    missing: dict[str, Missing] = {}
    names = {cell.name for cell in chosen}

    def fails(cell: Cell, error: Exception) -> None:
        failure = failures.add(cell, error)
        missing[cell.name] = Missing(cell.name, f"{failure.error}: {failure.message}")
        note(f"Failed: {cell.name}: {failure.message}")

    with progress(title, len(chosen)) as set_done:
        ended = 0
        if cluster:
            from robustbench_mt.cells_on_cluster import do_on_cluster

            for ended, (cell, error) in enumerate(do_on_cluster(chosen, out, cluster), 1):
                if error:
                    fails(cell, error)
                set_done(ended)
        for number, cell in enumerate(chosen, 1):
            lacking = [need for need in cell.needs if not cells[need].is_done(out)]
            if cell.name in missing or cell.is_done(out):
                pass
            elif lacking:
                why = "is missing too" if lacking[0] in names else "was left out by --only or --skip"
                missing[cell.name] = Missing(cell.name, f"it needs {lacking[0]}, which {why}")
            else:
                try:
                    cell.do(out, cluster)
                except Exception as error:  # whatever it is, the other cells can go on
                    fails(cell, error)
            set_done(max(ended, number))
    return list(missing.values())
