"""The kinds of cells of an experiment."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbalance.protocols import PROTOCOLS
from robustbench_mt.cell import Cell
from robustbench_mt.curve_plans import CurvePlan, ImbalancePlan
from robustbench_mt.curve_records import DEFAULT_PROTOCOL
from robustbench_mt.experiment import AttackPlan
from robustbench_mt.inside import run_checkpoint
from robustbench_mt.kept_in_memory import base_directory, check_recipe, drop_victim, loaded_victim, recorded
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import MethodChoice, parse_method
from robustbench_mt.records import AttackRecord, EvaluationRecord, TrainingRecord
from robustbench_mt.seeds import checked_seed
from robustbench_mt.tasks import task_slug
from robustbench_mt.tasks.task import Examples
from robustbench_mt.training_settings import TrainingSettings
from robustbench_mt.variants import Variant

if TYPE_CHECKING:
    from imbalance.sweep import Curve, Point
    from robustbench_mt.cluster import Cluster

__all__ = ["AttackCell", "CurveCell", "TrainCell"]


@dataclass(frozen=True)
class TrainCell(Cell):
    """Train a checkpoint and evaluate it.

    Attributes:
        method: its spec.
        variant: the settings, with their name where the experiment varies them.
        keep: else the checkpoint is deleted once it is evaluated.
    """

    method: str
    variant: Variant
    seed: int
    keep: bool

    @property
    def what(self) -> str:
        return "train"

    @property
    def words(self) -> tuple[str, ...]:
        return self.method, self.variant.name, f"seed{self.seed}"

    @property
    def training(self) -> Mapping[str, Any]:
        settings = asdict(self.variant.settings)
        return {"method": self.method, "seed": self.seed, "variant": self.variant.name, "settings": settings}

    @property
    def asked(self) -> object:
        return self.variant

    @property
    def choice(self) -> MethodChoice:
        return parse_method(self.method)

    @property
    def read_in_training(self) -> tuple[Examples, ...]:
        from robustbench_mt.trainer import shown_examples, training_data, validation_data

        settings = self.variant.settings
        train = training_data(self.task, settings, self.seed)
        return shown_examples(train, self.choice.create(), self.seed), validation_data(self.task, settings)

    @property
    def checkpoint(self) -> str:
        """What records call the checkpoint."""
        from robustbench_mt.trainer import checkpoint_name

        return checkpoint_name(task_slug(self.task_name), self.choice, self.seed, self.variant.name)

    def path(self, out: Path) -> Path:
        """The checkpoint's directory in a run's."""
        return run_checkpoint(out, self.checkpoint)

    def check(self, out: Path) -> None:
        from robustbench_mt.cells import refuse_other_training
        from robustbench_mt.trainer import training_data, validation_data

        settings = self.variant.settings
        checked_seed(self.seed)
        training_data(self.task, settings, self.seed)
        validation_data(self.task, settings)
        self.task.split("test")
        base_directory(settings.base, self.data.allow_network)
        for record in recorded(out, TrainingRecord):
            if record.checkpoint == self.checkpoint:
                refuse_other_training(record, self.task, self.choice, settings, self.seed, self.path(out))

    def is_done(self, out: Path) -> bool:
        trained = [record for record in recorded(out, TrainingRecord) if record.checkpoint == self.checkpoint]
        evaluated = {record.key for record in recorded(out, EvaluationRecord)}
        # The task's name is the record's, as its data need not be here.
        is_evaluated = any((self.checkpoint, record.task, "test") in evaluated for record in trained)
        return is_evaluated and (not self.keep or self.path(out).exists())

    def is_begun(self, out: Path) -> bool:
        return self.path(out).exists()

    def do(self, out: Path, cluster: "Cluster | None" = None) -> None:
        from robustbench_mt.cells import evaluate_cell, train_cell

        drop_victim()
        path = train_cell(
            self.task,
            self.choice,
            self.variant.settings,
            self.seed,
            out,
            variant=self.variant.name,
            allow_network=self.data.allow_network,
        )
        evaluate_cell(loaded_victim(path, self.task_name, self.data), self.task, "test", out)
        if not self.keep:
            shutil.rmtree(path)


@dataclass(frozen=True)
class AttackCell(Cell):
    """Attack a checkpoint with a recipe.

    Attributes:
        target: the cell that makes the checkpoint.
        recipe: its name.
        plan: the settings of the attack; its recipes do not count.
    """

    target: TrainCell
    recipe: str
    plan: AttackPlan

    @property
    def what(self) -> str:
        return "attack"

    @property
    def words(self) -> tuple[str, ...]:
        return *self.target.words, self.recipe

    @property
    def training(self) -> Mapping[str, Any]:
        return self.target.training

    @property
    def asked(self) -> object:
        return self.target.asked, replace(self.plan, recipes=())

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.target.name,)

    def check(self, out: Path) -> None:
        self.task.require_classes("attacks")
        self.task.split(self.plan.split)
        check_recipe(self.recipe, self.plan.recipe_options)

    def records(self, out: Path) -> list[AttackRecord]:
        """The examples that are attacked already."""
        from attacks.engine import attack_path

        path = attack_path(out, self.target.checkpoint, task_slug(self.task_name), self.recipe)
        return list(read_records(path, AttackRecord))

    def missing(self, out: Path) -> int:
        """How many of the examples are not attacked yet."""
        return self._missing(self.records(out))

    def is_done(self, out: Path) -> bool:
        # Without records it is known without the task's data.
        records = self.records(out)
        return bool(records) and not self._missing(records)

    def do(self, out: Path, cluster: "Cluster | None" = None) -> None:
        from attacks.engine import attack
        from attacks.recipes import RECIPES
        from attacks.travelling import reloading
        from robustbench_mt.cells import refuse_other_evaluation

        path = self.target.path(out)
        victim = loaded_victim(path, self.task_name, self.data)
        # A checkpoint that was deleted and trained again, on another machine perhaps, need not be the one evaluated.
        for record in recorded(out, EvaluationRecord):
            if record.key == (victim.name, self.task.name, "test"):
                refuse_other_evaluation(record, victim, self.task, out / EvaluationRecord.file)
        attack(
            victim,
            self.task,
            RECIPES[self.recipe],
            self.plan.settings,
            out,
            options=self.plan.recipe_options,
            reload=reloading(str(path), victim, cluster=cluster),
            cluster=cluster,
        )

    def _missing(self, records: Sequence[AttackRecord]) -> int:
        from attacks.engine import choose_examples

        asked = choose_examples(len(self.task.split(self.plan.split)), self.plan.settings)
        return len(set(asked) - {record.index for record in records})


@dataclass(frozen=True)
class CurveCell(Cell):
    """Train at a point of a curve, and evaluate.

    Attributes:
        plan: of the curve; its levels and seeds do not count.
        settings: of the training.
        point: where.
    """

    plan: CurvePlan
    settings: TrainingSettings
    point: "Point"

    @property
    def what(self) -> str:
        return self.plan.name

    @property
    def words(self) -> tuple[str, ...]:
        level, told = "share", [""]
        if isinstance(self.plan, ImbalancePlan):
            level = PROTOCOLS[self.plan.protocol].level
            told = [self.plan.protocol if self.plan.protocol != DEFAULT_PROTOCOL else "", self.plan.minority or ""]
        control = "control" if self.point.control else ""
        return self.point.method.spec, *told, f"{level}{self.point.level:g}", control, f"seed{self.point.seed}"

    @property
    def training(self) -> Mapping[str, Any]:
        settings = asdict(self.settings)
        return {"method": self.point.method.spec, "seed": self.point.seed, "variant": "", "settings": settings}

    @property
    def asked(self) -> object:
        return self.settings

    @property
    def same_training(self) -> object:
        curve, point = self.curve, self.point
        data = curve.training_set(point).fingerprint
        return curve.file, self.task.name, point.method.spec, point.seed, data, repr(self.settings)

    @property
    def read_in_training(self) -> tuple[Examples, ...]:
        from robustbench_mt.trainer import shown_examples, validation_data

        point = self.point
        train = shown_examples(self.curve.training_set(point), point.method.create(), point.seed)
        return train, validation_data(self.task, self.settings)

    @property
    def curve(self) -> "Curve[Any]":
        """The curve that the point is on."""
        return self.plan.curve(self.task, self.settings)

    def check(self, out: Path) -> None:
        from imbalance.sweep import check_points, refuse_other_settings

        curve = self.curve
        check_points(curve, [self.point])
        refuse_other_settings(curve, out / curve.file)
        base_directory(self.settings.base, self.data.allow_network)

    def is_done(self, out: Path) -> bool:
        curve = self.curve
        asked = self.task.name, curve.identity, self.point.key
        return any((r.task, r.identity, r.key) == asked for r in recorded(out, curve.record_type))

    def do(self, out: Path, cluster: "Cluster | None" = None) -> None:
        from imbalance.sweep import sweep

        drop_victim()
        curve = self.curve
        sweep(curve, [self.point], out / curve.file, allow_network=self.data.allow_network)
