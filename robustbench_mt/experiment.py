"""Experiments: a YAML file that names tasks, methods, seeds, recipes and ratios, and unfolds into cells."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import TypeAdapter, ValidationError

from attacks.settings import AttackSettings
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import claim, make_directory
from robustbench_mt.methods import MethodChoice, parse_method
from robustbench_mt.progress import note, progress
from robustbench_mt.tasks import TaskOptions, load_task
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["AttackPlan", "Experiment", "ImbalancePlan", "load_experiment", "packaged_experiment", "run_experiment"]

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True)
class AttackPlan(AttackSettings):
    """Which recipes to run on every checkpoint.

    Attributes:
        recipes: names; a list of names in place of one means the first that can run on this machine.
    """

    recipes: tuple[str | tuple[str, ...], ...] = ()

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    @property
    def settings(self) -> AttackSettings:
        return AttackSettings(**{name: value for name, value in asdict(self).items() if name != "recipes"})


@dataclass(frozen=True)
class ImbalancePlan:
    """Along which ratios to train.

    Attributes:
        ratios: majority : minority.
        minority: the class to shrink; the last label by default.
        seeds: the experiment's by default.
        training: settings of the sweep's trainings; the experiment's by default.
    """

    ratios: tuple[float, ...]
    minority: str | None = None
    seeds: tuple[int, ...] | None = None
    training: TrainingSettings | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT


@dataclass(frozen=True)
class Experiment:
    """What to do, as the YAML file says it.

    Attributes:
        name: of the experiment.
        tasks: names or files.
        methods: specs such as ``match:self_mass=0.5``.
        seeds: of the trainings.
        training: settings of the checkpoints' trainings.
        attack: recipes to run on every checkpoint, if any.
        imbalance: ratios to train along, if any.
    """

    name: str
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    attack: AttackPlan | None = None
    imbalance: ImbalancePlan | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    @cached_property
    def method_choices(self) -> list[MethodChoice]:
        return [parse_method(spec) for spec in self.methods]


def packaged_experiment(name: str) -> Path:
    """The path of an experiment that comes with the package, e.g. ``quickstart``."""
    return Path(str(files("robustbench_mt") / "experiments" / f"{name}.yaml"))


def load_experiment(path: Path) -> Experiment:
    """Read an experiment.

    Raises:
        UserError: the file cannot be read, is not YAML, or an entry is missing, unknown or of the wrong type.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read the experiment {path}: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"The experiment {path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"The experiment {path} is not a mapping: it needs name, tasks and methods.")
    try:
        experiment = TypeAdapter(Experiment).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"The experiment {path}, at {where}: {first['msg']}.") from None
    for name in ("tasks", "methods", "seeds"):
        if not getattr(experiment, name):
            raise UserError(f"The experiment {path} names no {name}: give at least one.")
    return experiment


def run_experiment(experiment: Experiment, out: Path, options: TaskOptions | None = None) -> Path:
    """Do every cell that has no record yet, and write the report.

    Args:
        experiment: what to do.
        out: the run's directory; it must be new or belong to this experiment.
        options: where the tasks' data are, and whether what is missing may be downloaded.

    Returns:
        The path of the report's page.

    Raises:
        UserError: the directory belongs to another experiment, or a cell's own.
    """
    options = options or TaskOptions()
    methods = experiment.method_choices
    make_directory(out)
    content: dict[str, Any] = asdict(experiment)
    claim(out / "experiment.json", content, f"{out} belongs to an experiment that")
    tasks = [load_task(name, options) for name in experiment.tasks]
    for task in tasks:
        if experiment.attack:
            task.require_classes("attacks")
        if experiment.imbalance:
            task.require_classes("imbalance curves")
    cells = len(tasks) * len(experiment.seeds) * len(methods)
    with progress(experiment.name, cells + bool(experiment.imbalance) * len(tasks)) as set_done:
        done = 0
        for task in tasks:
            for seed in experiment.seeds:
                for method in methods:
                    _checkpoint_cells(experiment, task, method, seed, out, options.allow_network)
                    done += 1
                    set_done(done)
            if experiment.imbalance:
                _imbalance_cells(experiment, experiment.imbalance, task, out, options.allow_network)
                done += 1
                set_done(done)
    from robustbench_mt.reporting import report

    return report([out])


def _checkpoint_cells(
    experiment: Experiment, task: Task, method: MethodChoice, seed: int, out: Path, allow_network: bool
) -> None:
    """Train, evaluate and attack one checkpoint."""
    from attacks.engine import attack, is_attacked
    from attacks.victim import load_victim
    from robustbench_mt.cells import evaluate_cell, train_cell

    path = train_cell(task, method, experiment.training, seed, out, allow_network=allow_network)
    victim = load_victim(str(path), task)
    evaluate_cell(victim, task, "test", out)
    if experiment.attack is None:
        return
    for recipe in map(_first_available, experiment.attack.recipes):
        # Building a recipe imports textattack, which takes seconds.
        if not is_attacked(victim, task, recipe, experiment.attack.settings, out):
            attack(victim, task, recipe, experiment.attack.settings, out)


def _first_available(names: str | tuple[str, ...]) -> Any:
    """The first recipe whose resources are here; the first one named when none is, so that its error is shown."""
    from attacks.recipes import RECIPES, availability
    from robustbench_mt.registry import choose

    recipes = [choose("recipe", name, RECIPES) for name in ([names] if isinstance(names, str) else names)]
    for recipe in recipes:
        if availability(recipe)[0]:
            if recipe is not recipes[0]:
                note(f"{recipes[0].name} cannot run here, so {recipe.name} does: {availability(recipes[0])[1]}")
            return recipe
    return recipes[0]


def _imbalance_cells(experiment: Experiment, plan: ImbalancePlan, task: Task, out: Path, allow_network: bool) -> None:
    from imbalance.sweep import curve_points, sweep

    sweep(
        task,
        curve_points(experiment.method_choices, plan.ratios, plan.seeds or experiment.seeds),
        plan.training or experiment.training,
        out / "imbalance.jsonl",
        minority=plan.minority,
        allow_network=allow_network,
    )
