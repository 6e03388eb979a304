"""What an experiment is: parts, each with tasks, methods and seeds, and what is done with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from pydantic import TypeAdapter

from attacks.settings import AttackSettings, RecipeOptions
from robustbench_mt.curve_plans import CurvePlan, ImbalancePlan, NoisePlan
from robustbench_mt.flat import flat
from robustbench_mt.methods.choice import MethodChoice, parse_method
from robustbench_mt.training_settings import TrainingSettings
from robustbench_mt.variants import Variant, variants

__all__ = ["ONLY_PART", "AttackPlan", "Experiment", "Part", "may_differ", "stored"]

ONLY_PART = ""
"""What the part of an experiment that names none is called."""

_STRICT = {"extra": "forbid"}

# What changes no outcome; of word vectors, records say what their content is, wherever they lie.
_MAY_DIFFER = ("attack.in_flight", "attack.workers", "attack.word_vectors")
# Each entry has cells of its own, which others do not touch.
_MAY_GROW = (
    *("tasks", "methods", "seeds", "attack.recipes"),
    *("imbalance.ratios", "imbalance.shares", "imbalance.seeds", "label_noise.shares", "label_noise.seeds"),
)


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
class Part:
    """Trainings that belong together, and what is done with them.

    Attributes:
        tasks: names or files.
        methods: specs such as ``match:self_mass=0.5``.
        seeds: of the trainings.
        training: settings of the checkpoints' trainings.
        vary: of these, values by name, as in ``{"batch_size": [8, 16]}``: each method is trained with each combination.
        checkpoints: whether to train and evaluate a checkpoint of each method; else only along the curves.
        keep_checkpoints: else each is deleted once it is evaluated, and attacks are not possible.
        tuned_on: how the settings were chosen, in a sentence for the report.
        attack: recipes to run on every checkpoint, if any.
        imbalance: ratios to train along, if any.
        label_noise: shares of flipped training labels to train along, if any.
        test_examples: score and attack no more than this many test examples; see :class:`TaskOptions`.
    """

    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    vary: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    checkpoints: bool = True
    keep_checkpoints: bool = True
    tuned_on: str = ""
    attack: AttackPlan | None = None
    imbalance: ImbalancePlan | None = None
    label_noise: NoisePlan | None = None
    test_examples: int | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    @property
    def method_choices(self) -> list[MethodChoice]:
        return [parse_method(spec) for spec in self.methods]

    @property
    def variants(self) -> list[Variant]:
        return variants(self.training, self.vary)

    @property
    def curve_plans(self) -> list[CurvePlan]:
        """Those that are given."""
        return [plan for plan in (self.imbalance, self.label_noise) if plan]


@dataclass(frozen=True)
class Experiment:
    """What to do, as a YAML file says it.

    Attributes:
        name: of the experiment.
        parts: by name; one called :data:`ONLY_PART` where the file names none.
        scale: which of the file's scales it is; empty where that has none.
    """

    name: str
    parts: dict[str, Part]
    scale: str = ""


def stored(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain JSON values, laid out as a YAML file without scales: what a run's directory keeps."""
    parts = {name: TypeAdapter(Part).dump_python(part, mode="json") for name, part in experiment.parts.items()}
    if ONLY_PART in parts:
        return {"name": experiment.name, "scale": experiment.scale, **parts[ONLY_PART]}
    return {"name": experiment.name, "scale": experiment.scale, "parts": parts}


def may_differ(experiment: Experiment, there: Mapping[str, Any]) -> set[str]:
    """Which of the stored settings may be others when a run goes on, on another machine or with more to do.

    Args:
        experiment: to go on with.
        there: what the directory keeps.
    """
    now, before = flat(stored(experiment)), flat(there)
    prefixes = [f"parts.{part}." if part else "" for part in experiment.parts]
    grown = {
        name
        for name in (prefix + entry for prefix in prefixes for entry in _MAY_GROW)
        if before.get(name) and set(map(repr, before[name])) <= set(map(repr, now.get(name) or ()))
    }
    return {prefix + name for prefix in prefixes for name in _MAY_DIFFER} | grown
