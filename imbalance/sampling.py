"""Subsets of a labelled set with the class counts asked for."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imbalance.protocols import PROTOCOLS, balanced
from robustbench_mt.curve_records import DEFAULT_PROTOCOL
from robustbench_mt.errors import BadSettingError, TooFewExamplesError, UnknownNameError
from robustbench_mt.registry import choose
from robustbench_mt.seeds import checked_seed
from robustbench_mt.wording import quoted

__all__ = ["class_counts", "make_imbalanced", "subset"]


def make_imbalanced(
    labels: Sequence[int] | Sequence[str],
    ratio: float,
    *,
    protocol: str = DEFAULT_PROTOCOL,
    minority: int | str | None = None,
    majority_size: int | None = None,
    control: bool = False,
    seed: int = 0,
) -> list[int]:
    """Indices of a subset in which ``minority`` is rarer than the other classes.

    Each class is put in a random order, one a seed, and a subset takes the first examples of each. So the sets of one
    seed are nested class by class: as the ratio grows, the minority's examples are a subset of those before. With
    ``shrink``, ``kept-share`` and ``long-tail`` no class grows, and whole sets are nested. With ``constant-size`` the
    other classes' examples are a superset of those before: only as many examples are exchanged as the ratio demands.
    Controls are nested as well.

    Args:
        labels: class indices, or names, whose order is the alphabet's; of a list, an array, a pandas column or one of
            a ``datasets`` data set.
        ratio: majority : minority, at least 1; with ``kept-share`` the share of the minority to keep, above 0 and at
            most 1.
        protocol: a name in :data:`imbalance.protocols.PROTOCOLS`, which say what stays as it is.
        minority: the class; the last one by default.
        majority_size: examples of each class at a ratio or share of 1; by default as many as the data allow, which with
            ``kept-share`` is all there are of each, else the same number of each.
        control: the balanced set of as many examples in all, instead: what fewer examples do by themselves.
        seed: of the order in which examples are taken.

    Returns:
        Positions in ``labels``, ascending.

    Raises:
        UserError: an unknown protocol or class, a level out of its range, or one that the data cannot give; labels
            that are neither class indices nor names.

    Examples:
        >>> labels = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> [labels[index] for index in make_imbalanced(labels, 4)]
        [0, 0, 0, 0, 1]
        >>> [labels[index] for index in make_imbalanced(labels, 3, protocol="constant-size")]
        [0, 0, 0, 1]
        >>> import pandas
        >>> frame = pandas.DataFrame({"text": ["a", "b", "c", "d"], "label": ["neg", "pos", "neg", "pos"]})
        >>> frame.iloc[make_imbalanced(frame["label"], 2, minority="neg")]["label"].tolist()
        ['neg', 'pos', 'pos']
    """
    of_class, names = _classes(labels)
    if minority is None:
        rare = int(of_class.max(initial=0))
    elif not isinstance(minority, str):
        rare = minority
    elif names:
        rare = choose("class", minority, {name: index for index, name in enumerate(names)})
    else:
        raise UnknownNameError(
            f"Unknown class {quoted(minority)}: the labels are indices, so give one of 0 to {of_class.max(initial=0)}."
        )
    return subset(
        of_class,
        names,
        ratio,
        protocol=protocol,
        minority=rare,
        majority_size=majority_size,
        control=control,
        seed=seed,
    )


def subset(
    of_class: NDArray[np.int64],
    names: Sequence[str],
    level: float,
    *,
    protocol: str,
    minority: int,
    majority_size: int | None,
    control: bool,
    seed: int,
) -> list[int]:
    """As :func:`make_imbalanced`, of class indices; ``names`` of the classes, for messages, or none."""
    available = class_counts(of_class, len(names))
    if len(available) > 1 and 0 in available:
        raise TooFewExamplesError(
            f"There is no example of class {_named(available.index(0), names)}: give some of each."
        )
    wanted = choose("protocol", protocol, PROTOCOLS).counts(available, level, minority, majority_size)
    if control:
        wanted = balanced(wanted)
    for index, (count, there) in enumerate(zip(wanted, available, strict=True)):
        if count > there:
            remedy = "leave the control out, or ask for a smaller set" if control else "ask for fewer"
            raise TooFewExamplesError(
                f"{count} examples of class {_named(index, names)} are asked for, but there are {there}: {remedy}."
            )
    taken: list[int] = []
    for index, count in enumerate(wanted):
        # One generator a class: how many are taken of one class moves nothing in another.
        order = np.random.default_rng([checked_seed(seed), index]).permutation(np.flatnonzero(of_class == index))
        taken.extend(order[:count].tolist())
    return sorted(taken)


def _named(index: int, names: Sequence[str]) -> str:
    return names[index] if names else str(index)


def _classes(labels: Sequence[int] | Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Class indices, and the names of the classes where the labels are such."""
    if isinstance(labels, str | Mapping) or getattr(labels, "ndim", 1) != 1:
        raise BadSettingError(f"The labels are a {type(labels).__name__}: give a column of them, as in data['label'].")
    values = list(labels)
    if values and all(isinstance(value, str) for value in values):
        names, indices = np.unique(np.array(values, dtype=object), return_inverse=True)
        return indices.astype(np.int64), names.tolist()
    for value in values:
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < 0:
            raise BadSettingError(f"A label is {quoted(value)}: give class indices from 0 on, or names.")
    return np.array(values, dtype=np.int64), []


def class_counts(labels: "Sequence[float] | NDArray[np.int64]", classes: int = 0) -> list[int]:
    """How many examples each class has, by class index; at least ``classes`` counts, zeros among them."""
    return [int(count) for count in np.bincount(np.asarray(labels, dtype=np.int64), minlength=classes)]
