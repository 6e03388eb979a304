"""What to think of a classifier that is right no more often than by chance."""

from scipy import stats

__all__ = ["no_better_than_chance"]


def no_better_than_chance(correct: int, n: int, classes: int) -> str:
    """What an accuracy at or under chance means, as the end of a sentence; empty where it is above.

    Only where it is under chance by more than chance (binomial test at 5%, one-sided) are labels probably mixed up.

    Args:
        correct: of ``n`` examples.
        classes: chance is one in so many.
    """
    if not n or correct * classes > n:
        return ""
    if stats.binomtest(correct, n, 1 / classes, alternative="less").pvalue <= 0.05:
        return "under chance: the labels are probably in another order than the task's; map them with --map-labels"
    return f"at or under chance: nothing was learned that {n} examples can show, unless the labels are in another order"
