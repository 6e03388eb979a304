"""Subsets of a labelled set with the class counts asked for.

For one seed the subsets are nested: what is in the 1:20 set is in the 1:10 set, so that a curve shows what fewer
examples do and not what other examples do. Each class is put in a fixed random order, and a subset takes the first
examples of each.
"""

from collections.abc import Sequence

import numpy as np

from robustbench_mt.errors import UserError

__all__ = ["class_counts", "keep_share", "long_tail", "make_imbalanced"]


def make_imbalanced(
    labels: Sequence[int],
    ratio: float,
    *,
    minority: int = 1,
    majority_size: int | None = None,
    seed: int = 0,
) -> list[int]:
    """Indices of a subset in which every other class has ``ratio`` times as many examples as ``minority``.

    The other classes keep ``majority_size`` examples at every ratio, so only the minority shrinks.

    Args:
        labels: class indices.
        ratio: majority : minority, at least 1.
        minority: the class to shrink.
        majority_size: examples of each other class; by default the size of the smallest class, so that 1:1 exists.
        seed: of the order in which examples are taken.

    Returns:
        Positions in ``labels``, ascending.

    Raises:
        UserError: a ratio under 1, or one that the data cannot give (both numbers are named).
    """
    if not ratio >= 1:
        raise UserError(f"The ratio {ratio:g} is under 1: it is majority : minority, so give 1 or more.")
    available = class_counts(labels)
    if not 0 <= minority < len(available):
        raise UserError(f"There is no class {minority}: the labels have the classes 0 to {len(available) - 1}.")
    size = min(available) if majority_size is None else majority_size
    wanted = [size] * len(available)
    wanted[minority] = round(size / ratio)
    if wanted[minority] < 1:
        raise UserError(
            f"The ratio {ratio:g} asks for {size / ratio:.2g} minority examples beside {size} of each other class: "
            "give a smaller ratio or more data."
        )
    return _take(labels, wanted, seed)


def keep_share(labels: Sequence[int], class_index: int, share: float, *, seed: int = 0) -> list[int]:
    """Indices of a subset that keeps a share of one class and everything else.

    Args:
        labels: class indices.
        class_index: the class to shrink.
        share: what to keep of it, above 0 and at most 1.
        seed: of the order in which examples are taken.

    Raises:
        UserError: a share out of its range, or one that leaves no example.
    """
    if not 0 < share <= 1:
        raise UserError(f"The share {share:g} is out of range: keep more than 0 and at most 1 of a class.")
    wanted = class_counts(labels)
    if not 0 <= class_index < len(wanted):
        raise UserError(f"There is no class {class_index}: the labels have the classes 0 to {len(wanted) - 1}.")
    kept = round(wanted[class_index] * share)
    if kept < 1:
        raise UserError(f"A share of {share:g} of {wanted[class_index]} examples leaves none: keep a larger share.")
    wanted[class_index] = kept
    return _take(labels, wanted, seed)


def long_tail(labels: Sequence[int], ratio: float, *, size: int | None = None, seed: int = 0) -> list[int]:
    """Indices of a subset whose class counts fall exponentially from the first class to the last.

    Class c of C keeps size * ratio^(-c / (C - 1)) examples (Cui et al., "Class-Balanced Loss Based on Effective Number
    of Samples", CVPR 2019, arXiv 1901.05555).

    Args:
        labels: class indices.
        ratio: largest : smallest class, at least 1.
        size: examples of the first class; by default the size of the smallest class.
        seed: of the order in which examples are taken.

    Raises:
        UserError: a ratio under 1, or one that the data cannot give (both numbers are named).
    """
    if not ratio >= 1:
        raise UserError(f"The ratio {ratio:g} is under 1: it is largest : smallest class, so give 1 or more.")
    available = class_counts(labels)
    head = min(available) if size is None else size
    last = max(len(available) - 1, 1)
    wanted = [round(head * ratio ** (-c / last)) for c in range(len(available))]
    if min(wanted) < 1:
        raise UserError(
            f"The ratio {ratio:g} leaves no example of the last class when the first has {head}: "
            "give a smaller ratio or more data."
        )
    return _take(labels, wanted, seed)


def class_counts(labels: Sequence[int], classes: int = 0) -> list[int]:
    """How many examples each class has, by class index; at least ``classes`` counts, zeros among them."""
    return [int(count) for count in np.bincount(np.asarray(labels, dtype=np.int64), minlength=classes)]


def _take(labels: Sequence[int], wanted: Sequence[int], seed: int) -> list[int]:
    of_class = np.asarray(labels)
    taken: list[int] = []
    for class_index, count in enumerate(wanted):
        members = np.flatnonzero(of_class == class_index)
        if count > len(members):
            raise UserError(
                f"{count} examples of class {class_index} are asked for, but there are {len(members)}: ask for fewer."
            )
        # One generator a class: how many are taken of one class moves nothing in another.
        order = np.random.default_rng([seed, class_index]).permutation(members)
        taken.extend(order[:count].tolist())
    return sorted(taken)
