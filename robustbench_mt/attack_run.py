"""One checkpoint attacked by itself, without an experiment: by recipes, in this process, in several or on a cluster."""

from collections.abc import Sequence
from pathlib import Path

from attacks.settings import AttackSettings, RecipeOptions, VictimOptions
from robustbench_mt.backend import BackendOptions, connected
from robustbench_mt.registry import choose
from robustbench_mt.tasks.options import TaskOptions

__all__ = ["run_attacks"]


def run_attacks(
    checkpoint: str,
    task: str,
    recipes: Sequence[str],
    out: Path,
    *,
    settings: AttackSettings | None = None,
    recipe_options: RecipeOptions | None = None,
    victim: VictimOptions | None = None,
    options: TaskOptions | None = None,
    backend: BackendOptions | None = None,
) -> None:
    """Attack a checkpoint; examples that are recorded already are not attacked again.

    Args:
        checkpoint: a directory, a hub id, ``sklearn:FILE`` or ``python:MODULE:FUNCTION``.
        task: a name, a file or a directory.
        recipes: names from :data:`attacks.recipes.RECIPES`.
        out: the run's directory.
        settings: which examples, and what an attack may cost.
        recipe_options: what to build the recipes with in place of what they would look for.
        victim: flags for what is not safe, and a label mapping.
        options: where the task's data are, and whether what is missing may be downloaded.
        backend: where the examples are attacked; in this process by default.

    Raises:
        UserError: there is no such recipe, it cannot run here, or the checkpoint does not fit the task.
    """
    from attacks.engine import attack
    from attacks.recipes import RECIPES
    from attacks.travelling import reloading
    from attacks.victim import load_victim
    from robustbench_mt.tasks import load_task

    chosen, options = [choose("recipe", name, RECIPES) for name in recipes], options or TaskOptions()
    loaded = load_task(task, options)
    loaded.require_classes("attacks")
    settings = settings or AttackSettings()
    loaded.split(settings.split)
    attacked = load_victim(checkpoint, loaded, victim, allow_network=options.allow_network)
    with connected(backend) as cluster:
        reload = reloading(checkpoint, attacked, victim, cluster=cluster)
        for recipe in chosen:
            attack(attacked, loaded, recipe, settings, out, options=recipe_options, reload=reload, cluster=cluster)
