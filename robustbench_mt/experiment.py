"""Experiments: a YAML file that names tasks, methods, seeds, recipes and ratios, and unfolds into cells."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml
from pydantic import TypeAdapter, ValidationError

from attacks.settings import AttackSettings, RecipeOptions
from robustbench_mt.curve_plans import CurvePlan, ImbalancePlan, NoisePlan
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import claim, make_directory
from robustbench_mt.methods.choice import MethodChoice, parse_method
from robustbench_mt.progress import note, progress
from robustbench_mt.registry import choose
from robustbench_mt.tasks import TaskOptions, load_task
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings
from robustbench_mt.variants import Variant, variants

if TYPE_CHECKING:
    from attacks.recipes import Recipe
    from imbalance.sweep import Curve, Point

__all__ = ["AttackPlan", "Experiment", "load_experiment", "packaged_experiment", "run_experiment"]

_STRICT = {"extra": "forbid"}

# What changes no outcome; of word vectors, records say what their content is, wherever they lie.
_MAY_DIFFER = ("attack.in_flight", "attack.workers", "attack.word_vectors")


@dataclass(frozen=True)
class AttackPlan(AttackSettings, RecipeOptions):
    """Which recipes to run on every checkpoint, and how.

    Attributes:
        recipes: names; a list of names in place of one means the first that can run on this machine.
    """

    recipes: tuple[str | tuple[str, ...], ...] = ()

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    @property
    def settings(self) -> AttackSettings:
        return AttackSettings(**{entry.name: getattr(self, entry.name) for entry in fields(AttackSettings)})

    @property
    def recipe_options(self) -> RecipeOptions:
        return RecipeOptions(**{entry.name: getattr(self, entry.name) for entry in fields(RecipeOptions)})


@dataclass(frozen=True)
class Experiment:
    """What to do, as the YAML file says it.

    Attributes:
        name: of the experiment.
        tasks: names or files.
        methods: specs such as ``match:self_mass=0.5``.
        seeds: of the trainings.
        training: settings of the checkpoints' trainings.
        vary: of these, values by name, as in ``{"batch_size": [8, 16]}``: each method is trained with each combination.
        keep_checkpoints: else each is deleted once it is evaluated, and attacks are not possible.
        tuned_on: how the settings were chosen, in a sentence for the report.
        attack: recipes to run on every checkpoint, if any.
        imbalance: ratios to train along, if any.
        label_noise: shares of flipped training labels to train along, if any.
    """

    name: str
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    vary: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    keep_checkpoints: bool = True
    tuned_on: str = ""
    attack: AttackPlan | None = None
    imbalance: ImbalancePlan | None = None
    label_noise: NoisePlan | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    @property
    def method_choices(self) -> list[MethodChoice]:
        return [parse_method(spec) for spec in self.methods]

    @property
    def variants(self) -> list[Variant]:
        return variants(self.training, self.vary)

    @property
    def curve_plans(self) -> list[CurvePlan]:
        return [plan for plan in (self.imbalance, self.label_noise) if plan]


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
    if experiment.attack and not experiment.keep_checkpoints:
        raise UserError(f"The experiment {path} attacks checkpoints that it does not keep: leave keep_checkpoints out.")
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
    owner = f"{out} belongs to an experiment that"
    content = TypeAdapter(Experiment).dump_python(experiment, mode="json")
    claim(out / "experiment.json", content, owner, ignore=_MAY_DIFFER)
    tasks = [load_task(name, options) for name in experiment.tasks]
    recipes = _recipes(experiment)
    for task in tasks:
        _check(experiment, task)
    checkpoints = [
        _Checkpoint(task, method, variant, seed)
        for task in tasks
        for seed in experiment.seeds
        for variant in experiment.variants
        for method in methods
    ]
    curves = [curve for task in tasks for curve in _curves(experiment, task)]
    with progress(experiment.name, len(checkpoints) + len(curves)) as set_done:
        for number, checkpoint in enumerate(checkpoints, 1):
            _checkpoint_cells(experiment, checkpoint, recipes, out, options)
            set_done(number)
        for number, (curve, points) in enumerate(curves, len(checkpoints) + 1):
            _curve_cells(curve, points, out, options)
            set_done(number)
    from robustbench_mt.reporting.report import report

    return report([out])


def _recipes(experiment: Experiment) -> "list[Recipe]":
    """The recipes to run: of alternatives, the first whose resources are here.

    Raises:
        UserError: there is no such recipe, or what it needs is not here, or the word vectors cannot be read.
    """
    from attacks.recipes import RECIPES, availability, needed, resources_used
    from robustbench_mt.resources import require

    if experiment.attack is None:
        return []
    options = experiment.attack.recipe_options
    chosen = []
    for names in experiment.attack.recipes:
        recipes = [choose("recipe", name, RECIPES) for name in ([names] if isinstance(names, str) else names)]
        recipe = next((recipe for recipe in recipes if availability(recipe, options)[0]), recipes[0])
        if recipe is not recipes[0]:
            reason = availability(recipes[0], options)[1]
            note(f"{recipes[0].name} cannot run ({reason}); {recipe.name} stands in for it.")
        require(needed(recipe, options), f"The recipe {recipe.name}")
        # It reads the word vectors: a broken file is found now, and not after hours of training.
        resources_used(recipe, options)
        chosen.append(recipe)
    return chosen


def _check(experiment: Experiment, task: Task) -> None:
    """Raise :class:`UserError` for what would fail after hours."""
    if experiment.attack:
        task.require_classes("attacks")
        task.split(experiment.attack.split)
    for curve, points in _curves(experiment, task):
        from imbalance.sweep import check_points

        check_points(curve, points)


def _curves(experiment: Experiment, task: Task) -> "list[tuple[Curve[Any], list[Point]]]":
    methods, seeds = experiment.method_choices, experiment.seeds
    return [(plan.curve(task, experiment.training), plan.points(methods, seeds)) for plan in experiment.curve_plans]


@dataclass(frozen=True)
class _Checkpoint:
    task: Task
    method: MethodChoice
    variant: Variant
    seed: int


def _checkpoint_cells(
    experiment: Experiment, checkpoint: _Checkpoint, recipes: "Sequence[Recipe]", out: Path, options: TaskOptions
) -> None:
    """Train, evaluate and attack one checkpoint."""
    from attacks.engine import attack, is_attacked
    from attacks.victim import load_victim
    from robustbench_mt.cells import evaluate_cell, is_evaluated, train_cell
    from robustbench_mt.trainer import checkpoint_name

    task, method, variant, seed = checkpoint.task, checkpoint.method, checkpoint.variant, checkpoint.seed
    if not experiment.keep_checkpoints and is_evaluated(checkpoint_name(task.name, method, seed, variant.name), out):
        return
    path = train_cell(
        task, method, variant.settings, seed, out, variant=variant.name, allow_network=options.allow_network
    )
    victim = load_victim(str(path), task)
    evaluate_cell(victim, task, "test", out)
    if not experiment.keep_checkpoints:
        shutil.rmtree(path)
        return
    settings = experiment.attack.settings if experiment.attack else AttackSettings()
    for recipe in recipes:
        # Building a recipe imports textattack, which takes seconds.
        if not is_attacked(victim, task, recipe, settings, out):
            chosen = experiment.attack.recipe_options if experiment.attack else None
            attack(victim, task, recipe, settings, out, options=chosen, reload=partial(load_victim, str(path)))


def _curve_cells(curve: "Curve[Any]", points: "Sequence[Point]", out: Path, options: TaskOptions) -> None:
    from imbalance.sweep import sweep

    sweep(curve, points, out / curve.file, allow_network=options.allow_network)
