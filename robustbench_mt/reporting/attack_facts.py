"""What a methods section has to say of attacks: facts, without a sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_mt.reporting import citations
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.naming import NO_LIMIT
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.training_facts import unique

__all__ = ["AttackFacts", "RecipeFacts", "attack_facts"]

_CONSTRAINT = re.compile(r"\(\d+\): (\w+)(?:\(\s*((?:\(\w+\):[^\n]*\n\s*)+)\))?")
_ARGUMENT = re.compile(r"\((\w+)\):\s*([^\n]*\S)")


@dataclass(frozen=True)
class RecipeFacts:
    """A recipe: what is cited for it, its budget (empty for none), and the constraints as built."""

    name: str
    keys: tuple[str, ...]
    budget: str
    constraints: list[str]


@dataclass(frozen=True)
class AttackFacts:
    """The attacks on one split of a task.

    Attributes:
        checkpoints: how many were attacked.
        sizes: examples a file, the least and the most.
        samples: how they were taken, with which seeds.
        longest: characters of the longest text attacked at most.
        resources: what the recipes used, with what is cited for it; ``fallbacks`` what stood in for a missing one.
        left_out, ended: examples left out of n, and attacks that a budget ended.
    """

    task: str
    split: str
    checkpoints: int
    recipes: list[RecipeFacts]
    sizes: list[int]
    samples: list[str]
    seeds: list[int]
    longest: list[int]
    protected: list[str]
    resources: list[tuple[str, tuple[str, ...]]]
    fallbacks: list[str]
    left_out: int
    ended: int
    worst_case: bool


def attack_facts(summary: Summary) -> list[AttackFacts]:
    """One entry a task and split."""
    parts: dict[tuple[str, str], list[AttackGroup]] = {}
    for group in summary.groups:
        parts.setdefault((group.task, group.files[0].run.split), []).append(group)
    return [_attack(task, split, groups, summary) for (task, split), groups in parts.items()]


def _attack(task: str, split: str, groups: Sequence[AttackGroup], summary: Summary) -> AttackFacts:
    files = [file for group in groups for file in group.files]
    runs = [file.run for file in files]
    sizes = [len(file.attacked) for file in files]
    recipes = {
        group.recipe: RecipeFacts(
            group.recipe,
            citations.recipe_keys(group.files[0].run.recipe),
            "" if group.budget == NO_LIMIT else group.budget,
            _constraints(group.files[0].run.build),
        )
        for group in groups
    }
    resources = sorted({(name, where) for run in runs for name, where in run.resources.items()})
    return AttackFacts(
        task,
        split,
        len({(run.checkpoint, run.victim) for run in runs}),
        list(recipes.values()),
        sorted({min(sizes), max(sizes)}),
        unique(run.sample for run in runs),
        sorted({run.seed for run in runs}),
        sorted({run.max_characters for run in runs}),
        unique(name for run in runs for name in run.protected_fields),
        [
            (f"{name} ({where})", tuple(filter(None, [citations.RESOURCES.get(name)])))
            for name, where in resources
            if "fallback" not in where
        ],
        unique(fallback for file in files for fallback in sorted(file.attacked.stood_in)),
        sum(group.left_out for group in groups),
        sum(int((file.attacked.columns["ended_by"] > 0).sum()) for file in files),
        any(row.task == task for row in summary.worst_case),
    )


def _constraints(build: str) -> list[str]:
    """``LevenshteinEditDistance (max_edit_distance 30)``, from what TextAttack says of an attack that it built."""
    _, found, rest = build.partition("(constraints):")
    told = []
    for match in _CONSTRAINT.finditer(rest) if found else ():
        arguments = ", ".join(f"{name} {value}" for name, value in _ARGUMENT.findall(match[2] or ""))
        told.append(f"{match[1]} ({arguments})" if arguments else match[1])
    return told
