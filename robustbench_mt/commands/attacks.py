"""Attacking checkpoints, and what is done with the adversarial texts."""

from pathlib import Path
from typing import Annotated

from attacks.settings import AttackSettings, RecipeOptions, VictimOptions
from robustbench_mt.backend import BackendOptions
from robustbench_mt.commands.parameters import FLAT, REQUIRED
from robustbench_mt.tasks.options import NetworkOptions, TaskOptions

__all__ = ["attack", "transfer", "verify"]


def attack(
    checkpoint: str,
    *,
    task: str,
    recipe: Annotated[tuple[str, ...], REQUIRED],
    out: Path,
    attack: Annotated[AttackSettings | None, FLAT] = None,
    recipe_options: Annotated[RecipeOptions | None, FLAT] = None,
    victim: Annotated[VictimOptions | None, FLAT] = None,
    data: Annotated[TaskOptions | None, FLAT] = None,
    backend: Annotated[BackendOptions | None, FLAT] = None,
) -> None:
    """Attack a checkpoint with TextAttack's recipes; run again, it goes on.

    Args:
        checkpoint: a directory, a hub id, sklearn:FILE or python:MODULE:FUNCTION.
        task: a name (see list tasks), a file or a directory.
        recipe: a name (see list recipes); give it several times for several.
        out: the run's directory.
    """
    from robustbench_mt.attack_run import run_attacks
    from robustbench_mt.reporting.printing import print_results

    run_attacks(
        *(checkpoint, task, recipe, out),
        settings=attack,
        recipe_options=recipe_options,
        victim=victim,
        options=data,
        backend=backend,
    )
    print_results([out])


def verify(
    directory: Path,
    *,
    victim: str | None = None,
    options: Annotated[VictimOptions | None, FLAT] = None,
    recipe_options: Annotated[RecipeOptions | None, FLAT] = None,
    network: Annotated[NetworkOptions | None, FLAT] = None,
) -> int:
    """Score recorded adversarial texts again and check what recipes promise; exit status 1 when something is not so.

    Args:
        directory: a run's directory.
        victim: the attacked checkpoint, where the directory does not hold it: a directory, a hub id, sklearn:FILE or
            python:MODULE:FUNCTION.
    """
    from attacks.verify import report_lines
    from attacks.verify import verify as verify_attacks

    holds, allow_network = True, (network or NetworkOptions()).allow_network
    for verified in verify_attacks(
        directory, victim, options, recipe_options=recipe_options, allow_network=allow_network
    ):
        print("\n".join(report_lines(verified)))
        holds = holds and not verified.findings
    return 0 if holds else 1


def transfer(
    directory: Path,
    *,
    victim: Annotated[tuple[str, ...], REQUIRED] = (),
    task: str | None = None,
    options: Annotated[VictimOptions | None, FLAT] = None,
    network: Annotated[NetworkOptions | None, FLAT] = None,
) -> None:
    """Score the adversarial texts found against each checkpoint of a run on all others.

    Args:
        directory: a run's directory.
        victim: a further checkpoint to score on: a directory, a hub id, sklearn:FILE or python:MODULE:FUNCTION; give it
            several times for several.
        task: only attacks on this task.
    """
    from attacks.transfer import transfer as transfer_attacks
    from robustbench_mt.reporting.printing import print_results

    allow_network = (network or NetworkOptions()).allow_network
    transfer_attacks(directory, victim, options, task=task, allow_network=allow_network)
    print_results([directory])
