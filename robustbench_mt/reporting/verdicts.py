"""Whether two methods differ: by a paired test over the seeds that both have, or else by intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_mt.comparisons import LEVEL, holm, paired_t_over_seeds
from robustbench_mt.statistics import Estimate

__all__ = ["UNTOLD", "BySeed", "Verdict", "by_intervals", "by_seeds", "by_test"]

UNTOLD = "no difference can be told at this n"

BySeed = tuple[Sequence[float], Sequence[float]]
"""What a method and another have for the same seeds."""


@dataclass(frozen=True)
class Verdict:
    """``higher``, ``lower`` or :data:`UNTOLD`, and the test that says so."""

    told: str
    why: str = ""


def by_intervals(value: Estimate, other: Estimate) -> Verdict:
    """A difference where two 95% intervals do not overlap, which is stricter than a test at 5%."""
    if value.value is None or other.value is None or not value.differs_from(other):
        return Verdict(UNTOLD)
    return Verdict("higher" if value.value > other.value else "lower")


def by_seeds(pairs: Sequence[BySeed], intervals: Sequence[Verdict]) -> list[Verdict]:
    """By the paired t-test over seeds, corrected by Holm for all these pairs.

    Args:
        pairs: of the same two methods at several levels, or under several recipes.
        intervals: what is said of a pair that shares fewer than two seeds.
    """
    ps = [paired_t_over_seeds(first, second) for first, second in pairs]
    corrected = iter(holm([p for p in ps if p is not None]))
    tested = sum(p is not None for p in ps)
    verdicts = []
    for (first, second), p, by_their_intervals in zip(pairs, ps, intervals, strict=True):
        if len(first) < 2:
            verdicts.append(by_their_intervals)
        elif p is None:
            verdicts.append(Verdict(UNTOLD))
        else:
            verdicts.append(by_test(next(corrected), sum(first) > sum(second), len(first), tested))
    return verdicts


def by_test(p: float, is_higher: bool, seeds: int, tested: int) -> Verdict:
    """By a paired t-test that was made.

    Args:
        p: corrected by Holm for ``tested`` comparisons.
        is_higher: whether the method has the larger mean.
        seeds: how many both have.
    """
    told = UNTOLD if p >= LEVEL else "higher" if is_higher else "lower"
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return Verdict(told, f" ({shown}, paired t over {seeds} seeds{f', Holm over {tested}' if tested > 1 else ''})")
