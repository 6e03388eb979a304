"""What every way of making a set imbalanced must do."""

from itertools import pairwise

import numpy as np
import pytest

from imbalance.protocols import PROTOCOLS, balanced, chosen_levels
from imbalance.sampling import class_counts, make_imbalanced
from robustbench_mt.curve_plans import ImbalancePlan
from robustbench_mt.errors import UserError

LABELS = [int(label) for label in np.random.default_rng(0).choice(3, size=900, p=[0.5, 0.2, 0.3])]
LEVELS = {"ratio": (1, 2, 5, 10, 20, 50), "share": (1.0, 0.5, 0.4, 0.3, 0.1)}


def subset(protocol: str, level: float, **options: object) -> list[int]:
    return make_imbalanced(LABELS, level, protocol=protocol, **options)  # type: ignore[arg-type]


def counts(indices: list[int]) -> list[int]:
    return class_counts([LABELS[index] for index in indices], 3)


# Every protocol.


@pytest.mark.parametrize("size", [None, 100])
@pytest.mark.parametrize("minority", range(3))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sets_are_nested_class_by_class(protocol: str, minority: int, size: int | None) -> None:
    levels = LEVELS[PROTOCOLS[protocol].level]
    sets = [subset(protocol, level, minority=minority, majority_size=size, seed=3) for level in levels]
    for milder, harder in pairwise(sets):
        for index in range(3):
            before, after = ({i for i in each if LABELS[i] == index} for each in (milder, harder))
            if index == minority:
                assert after < before
            else:
                assert (before <= after) if protocol == "constant-size" else (after <= before)
    assert sets[2] == sorted(set(sets[2]))
    assert sets[2] == subset(protocol, levels[2], minority=minority, majority_size=size, seed=3)
    assert sets[2] != subset(protocol, levels[2], minority=minority, majority_size=size, seed=4)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_controls_are_balanced_nested_and_as_large(protocol: str) -> None:
    sets = []
    for level in LEVELS[PROTOCOLS[protocol].level]:
        sets.append(subset(protocol, level, minority=2, majority_size=100, control=True))
        sizes = counts(sets[-1])
        assert sum(sizes) == len(subset(protocol, level, minority=2, majority_size=100))
        assert max(sizes) - min(sizes) <= 1
    assert sets[0] == subset(protocol, 1, minority=2, majority_size=100), "at the first level the set is its control"
    for larger, smaller in pairwise(sets):
        assert set(smaller) == set(larger) if protocol == "constant-size" else set(smaller) < set(larger)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("level", [0, -1, float("nan"), 0.5, 1.5])
def test_levels_out_of_range_are_refused(protocol: str, level: float) -> None:
    if (level >= 1) if PROTOCOLS[protocol].level == "ratio" else (0 < level <= 1):
        subset(protocol, level)
        return
    with pytest.raises(UserError, match=rf"^The (ratio {level:g} is under 1|share {level:g} is out of range)"):
        subset(protocol, level)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_data_cannot_give_is_refused(protocol: str) -> None:
    hard = 1e4 if PROTOCOLS[protocol].level == "ratio" else 1e-4
    with pytest.raises(UserError, match=rf"^The \w+ {hard:g} asks for less than 1 minority example"):
        subset(protocol, hard)
    with pytest.raises(UserError, match="no class 3"):
        subset(protocol, 1, minority=3)
    with pytest.raises(UserError, match="10000 examples of class 0 are asked for, but there are"):
        subset(protocol, 1, majority_size=10_000)
    with pytest.raises(UserError, match="one class cannot be imbalanced"):
        make_imbalanced([0, 0, 0], 1, protocol=protocol, minority=0)


# One protocol.


def test_sizes_by_hand() -> None:
    assert counts(subset("shrink", 8, minority=0, majority_size=120)) == [15, 120, 120]
    assert counts(subset("constant-size", 10, minority=2, majority_size=70)) == [100, 100, 10]
    # What cannot be divided goes to the first of the other classes.
    assert counts(subset("constant-size", 10, minority=0, majority_size=71)) == [10, 102, 101]
    full = class_counts(LABELS)
    assert counts(subset("kept-share", 0.3, minority=1)) == [full[0], round(full[1] * 0.3), full[2]]
    assert counts(subset("kept-share", 0.3, minority=1, majority_size=100)) == [100, 30, 100]
    assert counts(subset("long-tail", 16, minority=2, majority_size=160)) == [160, 40, 10]
    assert counts(subset("long-tail", 16, minority=0, majority_size=160)) == [10, 160, 40]
    assert balanced([5, 1, 1]) == [3, 2, 2]


@pytest.mark.parametrize("minority", range(3))
def test_constant_size_is_constant_and_as_large_as_all_ratios_allow(minority: int) -> None:
    sizes = {sum(counts(subset("constant-size", ratio, minority=minority))) for ratio in (1, 1.5, 3, 7, 20, 99, 200)}
    assert len(sizes) == 1
    available = class_counts(LABELS)
    (total,) = sizes
    larger = total // 3 + 1
    with pytest.raises(UserError, match="are asked for"):
        subset("constant-size", 1 if larger > available[minority] else 200, minority=minority, majority_size=larger + 1)


def test_a_control_that_the_data_cannot_give_is_refused() -> None:
    labels = [0] * 90 + [1] * 10
    assert len(make_imbalanced(labels, 0.5, protocol="kept-share")) == 95
    with pytest.raises(UserError, match=r"47 examples of class 1 are asked for.* leave the control out"):
        make_imbalanced(labels, 0.5, protocol="kept-share", control=True)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("shrink", [], []), r"goes along ratios: give --ratio, in an experiment imbalance\.ratios"),
        (("kept-share", [], []), "goes along shares: give --share"),
        (("shrink", [2], [0.5]), r"has no shares: give --ratio, or --protocol \(kept-share\)"),
        (("long-tail", [], [0.5]), "has no shares"),
        (("kept-share", [2], []), "has no ratios: give --share, or --protocol"),
        (("shrinking", [2], []), "Unknown protocol 'shrinking': did you mean shrink"),
    ],
)
def test_levels_must_be_the_protocols(asked: tuple[str, list[float], list[float]], message: str) -> None:
    protocol, ratios, shares = asked
    with pytest.raises(UserError, match=message):
        chosen_levels(protocol, ratios, shares)
    with pytest.raises(UserError, match=message):
        ImbalancePlan(protocol=protocol, ratios=tuple(ratios), shares=tuple(shares))
