"""Whether two methods differ: by a test over the seeds that both have, or else by intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_mt.comparisons import LEVEL, family_size, holm, paired_t_over_seeds
from robustbench_mt.statistics import Estimate

__all__ = ["UNTOLD", "BySeed", "Verdict", "by_intervals", "by_seeds", "by_test", "over_seeds"]

UNTOLD = "no difference can be told at this n"

BySeed = tuple[Sequence[float], Sequence[float]]
"""What a method and another have for the same seeds."""


@dataclass(frozen=True)
class Verdict:
    """``higher``, ``lower`` or :data:`UNTOLD`, and the test that says so, with its ``p``."""

    told: str
    why: str = ""
    p: float | None = None


def by_intervals(value: Estimate, other: Estimate) -> Verdict:
    """A difference where two 95% intervals do not overlap, which is stricter than a test at 5%."""
    if value.value is None or other.value is None or not value.differs_from(other):
        return Verdict(UNTOLD)
    return Verdict("higher" if value.value > other.value else "lower")


def by_seeds(pairs: Sequence[BySeed], intervals: Sequence[Verdict]) -> list[Verdict]:
    """By the paired t-test over seeds, corrected by Holm for all these pairs.

    Args:
        pairs: of a task's methods, at all levels or on all sets.
        intervals: what is said of a pair that shares fewer than two seeds.
    """
    ps = holm([paired_t_over_seeds(first, second) for first, second in pairs])
    tested = family_size(ps)
    return [
        by_test(p, sum(first) > sum(second), over_seeds(len(first)), tested) if len(first) > 1 else by_their_intervals
        for (first, second), p, by_their_intervals in zip(pairs, ps, intervals, strict=True)
    ]


def over_seeds(seeds: int) -> str:
    """The paired t-test over seeds, in words."""
    return f"paired t over {seeds} seeds"


def by_test(p: float | None, is_higher: bool, test: str, tested: int) -> Verdict:
    """By a test that was made.

    Args:
        p: corrected by Holm for ``tested`` comparisons; ``None`` where it cannot be told.
        is_higher: whether the method has the larger mean.
        test: in words.
    """
    if p is None:
        return Verdict(UNTOLD)
    told = UNTOLD if p >= LEVEL else "higher" if is_higher else "lower"
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return Verdict(told, f" ({shown}, {test}{f', Holm over {tested}' if tested > 1 else ''})", p)
