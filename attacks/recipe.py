"""What a recipe is, before it is built for a victim."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from attacks.settings import RecipeOptions

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One of TextAttack's recipes.

    Attributes:
        name: what the command line and records call it.
        class_name: its class in ``textattack.attack_recipes``.
        paper: authors, year, title.
        url: of the paper.
        summary: what it does to a text.
        needs: names of resources, see :data:`robustbench_mt.resources.RESOURCES`.
        not_applicable: why it cannot attack a victim of this benchmark, resources or not; empty for all others.
        keeps_label: it looks for the least text with the same prediction, rather than for another prediction.
        single_field: why it cannot attack sentence pairs; empty for all others.
        gradients: it reads the victim's gradients.
        arguments: what its ``build`` is given beside the victim.
        compose: builds it for a victim in place of its class, where that has parts that no victim here fits.
        adapt: turns what TextAttack built into this recipe, where the two differ: it is given the
            ``textattack.Attack``, the victim and the :class:`attacks.settings.RecipeOptions`, and returns the
            ``Attack`` to use.
    """

    name: str
    class_name: str
    paper: str
    url: str
    summary: str
    needs: tuple[str, ...] = ()
    not_applicable: str = ""
    keeps_label: bool = False
    single_field: str = ""
    gradients: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)
    compose: Callable[[Any], Any] | None = None
    adapt: Callable[[Any, Any, RecipeOptions], Any] | None = None
