"""The settings of an attack that do not depend on the recipe, and of loading its victim."""

from dataclasses import dataclass
from typing import Literal

from robustbench_mt.errors import UserError
from robustbench_mt.seeds import checked_seed

__all__ = ["AttackSettings", "VictimOptions"]


@dataclass(frozen=True)
class AttackSettings:
    """Which examples to attack.

    Attributes:
        split: the split they come from.
        examples: how many; all of the split when it has fewer.
        sample: the first ones, or a random sample drawn with the seed.
        seed: each example's own seed is derived from it and the example's index.
        max_characters: longer texts are skipped, with this as the reason: some recipes take time that grows with the
            square of the length.
        in_flight: how many examples are attacked side by side, their texts scored together; it changes no outcome.
    """

    split: str = "test"
    examples: int = 100
    sample: Literal["first", "random"] = "first"
    seed: int = 0
    max_characters: int = 20_000
    in_flight: int = 32

    def __post_init__(self) -> None:
        for name in ("examples", "max_characters", "in_flight"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}: it must be at least 1.")
        checked_seed(self.seed)
        if self.sample not in ("first", "random"):
            raise UserError(f"sample is {self.sample!r}: it must be 'first' or 'random'.")


@dataclass(frozen=True)
class VictimOptions:
    """What may be done to load a victim.

    Attributes:
        map_labels: the task's label names as the checkpoint has them, e.g. ``negative=NEG,positive=POS``.
        allow_pickle: load pickled weights or scikit-learn files, which can run any code when they are read.
        allow_remote_code: run the modelling code that a checkpoint brings.
    """

    map_labels: str | None = None
    allow_pickle: bool = False
    allow_remote_code: bool = False
