"""How robust is a fine-tuned text classifier, and which way of fine-tuning makes it more so?

All that a notebook or a script calls is imported from here; nothing heavy is imported before it is used.

Examples:
    >>> from robustbench_mt import PROTOCOLS, RECIPES
    >>> RECIPES["deepwordbug"].paper[:37]
    'Gao, Lanchantin, Soffa and Qi (2018),'
    >>> list(PROTOCOLS)
    ['shrink', 'constant-size', 'kept-share', 'long-tail']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from robustbench_mt.quiet import quiet_imports, without_telemetry

if TYPE_CHECKING:
    from attacks.catalogue import RECIPES as RECIPES
    from attacks.engine import attack as attack
    from attacks.settings import AttackSettings as AttackSettings
    from attacks.settings import RecipeOptions as RecipeOptions
    from attacks.settings import VictimOptions as VictimOptions
    from attacks.victim import FunctionVictim as FunctionVictim
    from attacks.victim import load_victim as load_victim
    from imbalance.class_ratios import ImbalanceCurve as ImbalanceCurve
    from imbalance.label_noise import LabelNoiseCurve as LabelNoiseCurve
    from imbalance.label_noise import flip_labels as flip_labels
    from imbalance.protocols import PROTOCOLS as PROTOCOLS
    from imbalance.sampling import make_imbalanced as make_imbalanced
    from imbalance.sweep import curve_points as curve_points
    from imbalance.sweep import sweep as sweep
    from robustbench_mt.errors import UserError as UserError
    from robustbench_mt.evaluation import evaluate as evaluate
    from robustbench_mt.experiment_file import load_experiment as load_experiment
    from robustbench_mt.experiment_file import packaged_experiment as packaged_experiment
    from robustbench_mt.experiment_run import run_experiment as run_experiment
    from robustbench_mt.frames import adversarial_dataset as adversarial_dataset
    from robustbench_mt.frames import examples_dataset as examples_dataset
    from robustbench_mt.frames import examples_frame as examples_frame
    from robustbench_mt.frames import records_frame as records_frame
    from robustbench_mt.methods.choice import parse_method as parse_method
    from robustbench_mt.reporting.report import report as report
    from robustbench_mt.reporting.summary import summarize as summarize
    from robustbench_mt.statistics import wilson as wilson
    from robustbench_mt.tasks import load_task as load_task
    from robustbench_mt.tasks import task_from as task_from
    from robustbench_mt.tasks.options import TaskOptions as TaskOptions
    from robustbench_mt.tasks.task import Task as Task
    from robustbench_mt.trainer import fine_tune as fine_tune
    from robustbench_mt.training_settings import TrainingSettings as TrainingSettings

__version__ = "0.1.0"

without_telemetry()

# The same again for Python, which must not import torch or textattack for a name that nobody asks for.
_HOMES = {
    "attacks.catalogue": ("RECIPES",),
    "attacks.engine": ("attack",),
    "attacks.settings": ("AttackSettings", "RecipeOptions", "VictimOptions"),
    "attacks.victim": ("FunctionVictim", "load_victim"),
    "imbalance.class_ratios": ("ImbalanceCurve",),
    "imbalance.label_noise": ("LabelNoiseCurve", "flip_labels"),
    "imbalance.protocols": ("PROTOCOLS",),
    "imbalance.sampling": ("make_imbalanced",),
    "imbalance.sweep": ("curve_points", "sweep"),
    "robustbench_mt.errors": ("UserError",),
    "robustbench_mt.evaluation": ("evaluate",),
    "robustbench_mt.experiment_file": ("load_experiment", "packaged_experiment"),
    "robustbench_mt.experiment_run": ("run_experiment",),
    "robustbench_mt.frames": ("adversarial_dataset", "examples_dataset", "examples_frame", "records_frame"),
    "robustbench_mt.methods.choice": ("parse_method",),
    "robustbench_mt.reporting.report": ("report",),
    "robustbench_mt.reporting.summary": ("summarize",),
    "robustbench_mt.statistics": ("wilson",),
    "robustbench_mt.tasks": ("load_task", "task_from"),
    "robustbench_mt.tasks.options": ("TaskOptions",),
    "robustbench_mt.tasks.task": ("Task",),
    "robustbench_mt.trainer": ("fine_tune",),
    "robustbench_mt.training_settings": ("TrainingSettings",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    quiet_imports()
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
