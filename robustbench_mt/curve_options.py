"""Along what to train: the source of the commands' options, and of an experiment's sections."""

from dataclasses import dataclass

from imbalance.protocols import chosen_levels
from robustbench_mt.curve_records import DEFAULT_PROTOCOL

__all__ = ["ImbalanceOptions", "NoiseOptions"]


@dataclass(frozen=True, kw_only=True)
class ImbalanceOptions:
    """Along which ratios or shares to train.

    Attributes:
        protocol: what stays as it is: shrink (the minority shrinks, the other classes keep their size), constant-size
            (the set keeps its size), kept-share (a share of the minority is kept, and all else) or long-tail (class
            sizes fall exponentially).
        ratios: majority : minority, 1 or more; give it several times for several.
        shares: of the minority to keep, above 0 and at most 1, for the protocol kept-share in place of --ratio; give it
            several times for several.
        minority: the class to make rare; the last label by default.
        control: also train on a balanced set of as many examples as each level's set, which shows what fewer examples
            do by themselves.

    Raises:
        UserError: an unknown protocol, or not its levels.
    """

    protocol: str = DEFAULT_PROTOCOL
    ratios: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    minority: str | None = None
    control: bool = False

    def __post_init__(self) -> None:
        chosen_levels(self.protocol, self.ratios, self.shares)


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """With which shares of the training labels flipped to train.

    Attributes:
        shares: of the training labels to flip to another class at random, 0 to 1, e.g. 0.05; give it several times for
            several. Validation and test labels stay clean.
    """

    shares: tuple[float, ...]
