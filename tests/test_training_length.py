"""How long a training is: what a method is told beforehand is what the trainer then does."""

from dataclasses import replace
from typing import Any

import pytest

from robustbench_mt.methods import METHODS
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_length import TrainingLength, training_length
from robustbench_mt.training_settings import TrainingSettings

told: list[Plan] = []
shown: list[Any] = []
updated: list[Any] = []


class Counting(Method):
    """Vanilla, which takes notes."""

    summary = "counts"
    changes = "nothing"

    def attach(self, model: Any, plan: Plan) -> None:
        told.append(plan)

    def before_step(self, batch: Any) -> None:
        shown.append(len(batch["labels"]))

    def after_update(self, model: Any) -> None:
        updated.append(len(shown))


# Of 40 examples in batches of 8.
@pytest.mark.parametrize(
    ("changes", "updates", "passes"),
    [
        ({"epochs": 1, "accumulation": 4}, 2, 5),
        ({"epochs": 3, "accumulation": 4}, 6, 15),
        ({"epochs": 0.5, "accumulation": 4}, 1, 4),
        ({"epochs": 1.5, "accumulation": 4}, 3, 9),
        ({"epochs": 2, "accumulation": 8}, 2, 10),
        ({"epochs": 0.5}, 3, 3),
        ({"epochs": 0.01}, 1, 1),
        ({"steps": 4, "accumulation": 3}, 4, 10),
        ({"steps": 5, "accumulation": 3}, 5, 13),
        ({"steps": 7}, 7, 7),
    ],
    ids=str,
)
def test_a_plan_is_what_is_done(
    changes: dict[str, Any],
    updates: int,
    passes: int,
    task: Task,
    settings: TrainingSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(METHODS, "counting", Counting)
    for notes in (told, shown, updated):
        notes.clear()
    fine_tune(task, parse_method("counting"), replace(settings, train_examples=40, validation_examples=4, **changes))
    assert (len(updated), len(shown)) == (updates, passes)
    assert [(plan.updates, plan.passes) for plan in told] == [(updates, passes)]


def test_a_begun_epoch_has_no_more_batches_than_it_has() -> None:
    assert training_length(5, 4, 3.0, steps=2) == TrainingLength(2, 5)
    assert training_length(5, 4, 3.0, steps=3) == TrainingLength(3, 9)
    assert training_length(1, 4, 0.25) == TrainingLength(1, 1)


def test_matching_begins_where_an_epochs_last_update_is_short(task: Task, settings: TrainingSettings) -> None:
    short = replace(settings, train_examples=40, validation_examples=4, epochs=1, accumulation=4)
    matching = fine_tune(task, parse_method("match:start=0.7"), short).record.matching
    assert matching is not None
    assert [row[0] for row in matching.mass] == [4, 5]
    quarters = fine_tune(task, parse_method("match"), short).record.matching
    assert quarters is not None
    assert [snapshot.step for snapshot in quarters.snapshots] == [1, 2, 3, 4, 5]
