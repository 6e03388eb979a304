"""The settings of matching at inference: the source of the command line's options."""

import math
from dataclasses import dataclass, fields

from robustbench_mt.errors import BadSettingError, ConflictingOptionsError
from robustbench_mt.seeds import checked_seed
from robustbench_mt.setting_checks import check_counts

__all__ = ["MatchInferenceSettings"]


@dataclass(frozen=True)
class MatchInferenceSettings:
    """Matching at inference as well, an ablation: a prediction then depends on the batch that its text is in.

    Attributes:
        match_inference: match within batches of the split, in its order, and tell how much depends on batch-mates.
        batch_size: texts that are matched together; the last batch is what is left.
        match_temperature: in place of the one that the checkpoint was trained with.
        shuffles: how often batches are drawn anew, to see what changes with them.
        shuffle_seed: of those draws.
    """

    match_inference: bool = False
    batch_size: int = 32
    match_temperature: float | None = None
    shuffles: int = 5
    shuffle_seed: int = 0

    def __post_init__(self) -> None:
        check_counts(self, "batch_size")
        if self.shuffles < 2:
            raise BadSettingError(f"shuffles is {self.shuffles}: it takes 2 to see a difference.")
        if self.match_temperature is not None and not 0 < self.match_temperature < math.inf:
            raise BadSettingError(f"match_temperature is {self.match_temperature}: it must be above 0 and finite.")
        checked_seed(self.shuffle_seed)
        if not self.match_inference and any(getattr(self, field.name) != field.default for field in fields(self)):
            raise ConflictingOptionsError(
                "Settings of matching at inference are given, but not --match-inference: add it."
            )
