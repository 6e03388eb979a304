"""One curve by itself, without an experiment: every point that has no record yet."""

from collections.abc import Sequence
from pathlib import Path

from robustbench_mt.backend import BackendOptions, connected
from robustbench_mt.curve_plans import CurvePlan
from robustbench_mt.experiment_cells import CurveCell
from robustbench_mt.kept_in_memory import forget, loaded_task
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.progress import progress
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["run_curve"]


def run_curve(
    plan: CurvePlan,
    task: str,
    methods: Sequence[str],
    out: Path,
    settings: TrainingSettings | None = None,
    options: TaskOptions | None = None,
    backend: BackendOptions | None = None,
) -> None:
    """Train along a curve and evaluate on the untouched test set; what is recorded already is not done again.

    Args:
        plan: its levels and seeds.
        task: a name, a file or a directory.
        methods: their specs.
        out: the run's directory.
        settings: of the trainings.
        options: where the task's data are, and whether what is missing may be downloaded.
        backend: where the points are trained; in this process by default.

    Raises:
        UserError: see :func:`imbalance.sweep.sweep`; with Ray also what a training raises.
    """
    from imbalance.sweep import check_points, sweep

    settings, options = settings or TrainingSettings(), options or TaskOptions()
    forget()
    curve = plan.curve(loaded_task(task, options), settings)
    points = plan.points([parse_method(spec) for spec in methods], ())
    path = out / curve.file
    check_points(curve, points)
    with connected(backend) as cluster:
        if cluster:
            from robustbench_mt.cells_on_cluster import do_on_cluster

            # Of no points: other settings than those of what is there are refused before anything is trained.
            sweep(curve, [], path)
            cells = [CurveCell("", task, options, plan, settings, point) for point in points]
            with progress(curve.name, len(points)) as set_done:
                for number, (_, error) in enumerate(do_on_cluster(cells, out, cluster), 1):
                    if error:
                        raise error
                    set_done(number)
        sweep(curve, points, path, allow_network=options.allow_network)
