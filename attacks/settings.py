"""The settings of an attack, of building its recipe, and of loading its victim."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robustbench_mt.errors import BadSettingError
from robustbench_mt.seeds import checked_seed
from robustbench_mt.setting_checks import check_choices, check_counts
from robustbench_mt.tasks.options import SplitOptions

__all__ = ["AttackSettings", "RecipeOptions", "VictimOptions"]


@dataclass(frozen=True)
class AttackSettings(SplitOptions):
    """Which examples to attack, and how much an attack may cost.

    Attributes:
        examples: how many; all of the split when it has fewer.
        sample: the first ones, or a random sample drawn with the seed.
        seed: each example's own seed is derived from it and the example's index.
        max_characters: longer texts are skipped, with this as the reason: some recipes take time that grows with the
            square of the length.
        max_queries: texts that one attack may have scored; no limit by default.
        max_seconds: of one attack, as its record counts them; no limit by default. The clock decides, so outcomes are
            not repeatable.
        max_words: the share of an example's words that may be changed, over 0 to 1; the recipe's own limit by default.
        in_flight: how many examples are attacked side by side, their texts scored together; it changes no outcome.
        workers: processes, each with a model of its own and its share of the cores; it changes no outcome. A cluster
            has its own.

    Example:
        >>> AttackSettings(examples=200, sample="random", max_queries=500).split
        'test'
    """

    examples: int = 100
    sample: Literal["first", "random"] = "first"
    seed: int = 0
    max_characters: int = 20_000
    max_queries: int | None = None
    max_seconds: float | None = None
    max_words: float | None = None
    in_flight: int = 128
    workers: int = 1

    def __post_init__(self) -> None:
        check_counts(self, "examples", "max_characters", "max_queries", "in_flight", "workers")
        # Negated, so that NaN is refused too.
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise BadSettingError(f"max_seconds is {self.max_seconds}: it must be over 0.")
        if self.max_words is not None and not 0 < self.max_words <= 1:
            raise BadSettingError(f"max_words is {self.max_words}: it is a share, over 0 and at most 1.")
        checked_seed(self.seed)
        check_choices(self)


@dataclass(frozen=True)
class RecipeOptions:
    """What recipes are built with in place of what they would look for.

    Attributes:
        word_vectors: a file of word vectors in place of TextAttack's counter-fitted ones: word2vec text, GloVe, or .npy
            with its words, one a line, in a .txt of the same stem beside it.
        sentence_encoder: of the recipes that end in -sbert: a base's name, or a directory with a sentence-transformers
            model.

    Example:
        >>> RecipeOptions(word_vectors=Path("glove.6B.50d.txt")).sentence_encoder
        'minilm'
    """

    word_vectors: Path | None = None
    sentence_encoder: str = "minilm"


@dataclass(frozen=True)
class VictimOptions:
    """How a victim may be loaded.

    Attributes:
        map_labels: the task's label names as the checkpoint has them, e.g. ``negative=NEG,positive=POS``.
        allow_pickle: load pickled weights or scikit-learn files, which can run any code when they are read.
        allow_remote_code: run the modelling code that a checkpoint brings.

    Example:
        >>> other_order = VictimOptions(map_labels="negative=positive,positive=negative")
        >>> load_victim("checkpoints/toy-vanilla-seed0", task, other_order).columns
        [1, 0]
    """

    map_labels: str | None = None
    allow_pickle: bool = False
    allow_remote_code: bool = False
