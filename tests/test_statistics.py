"""Estimates against textbook values, and where nothing can be told."""

import numpy as np
import pytest

from robustbench_mt.statistics import (
    Estimate,
    bootstrap_mean,
    mcnemar_exact,
    mean_over_seeds,
    paired_difference,
    wilson,
)


def test_wilson_is_the_textbook_interval() -> None:
    estimate = wilson(61, 100)
    z, p, n = 1.959964, 0.61, 100
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    margin = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert estimate.value == 0.61
    assert (estimate.low, estimate.high) == pytest.approx((centre - margin, centre + margin), abs=1e-6)
    assert estimate.show() == "61.0% [51.2, 70.0], n=100"


@pytest.mark.parametrize(("successes", "end"), [(0, "low"), (7, "high")])
def test_wilson_has_a_width_where_all_or_none_succeed(successes: int, end: str) -> None:
    estimate = wilson(successes, 7)
    assert getattr(estimate, end) == pytest.approx(successes / 7)
    assert estimate.low is not None and estimate.high is not None
    assert estimate.high - estimate.low > 0.3


@pytest.mark.parametrize("estimate", [wilson(0, 0), bootstrap_mean([]), mean_over_seeds([])])
def test_nothing_counted_has_no_value(estimate: Estimate) -> None:
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (None, None, None, 0)
    assert estimate.show().startswith("–, ")


@pytest.mark.parametrize("estimate", [bootstrap_mean([0.4]), mean_over_seeds([0.4])])
def test_one_value_has_no_interval(estimate: Estimate) -> None:
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.4, None, None, 1)
    assert estimate.parts() == ("40.0%", "")


def test_bootstrap_is_seeded_and_near_the_normal_interval() -> None:
    values = np.random.default_rng(1).exponential(size=400).tolist()
    estimate = bootstrap_mean(values, seed=3)
    assert estimate == bootstrap_mean(values, seed=3)
    assert estimate != bootstrap_mean(values, seed=4)
    margin = 1.96 * np.std(values, ddof=1) / 20
    assert estimate.value == pytest.approx(np.mean(values))
    assert (estimate.low, estimate.high) == pytest.approx(
        (np.mean(values) - margin, np.mean(values) + margin), abs=0.02
    )


def test_interval_over_seeds_is_students() -> None:
    estimate = mean_over_seeds([0.5, 0.6, 0.7])
    # Standard deviation 0.1, and 4.3027 is the 97.5% point of t with two degrees of freedom.
    assert estimate.high == pytest.approx(0.6 + 4.3027 * 0.1 / np.sqrt(3), abs=1e-4)
    assert estimate.show("number", 2) == "0.60 [0.35, 0.85], 3 seeds"


def test_an_interval_is_cut_at_what_the_number_can_be() -> None:
    wide = mean_over_seeds([0.0, 0.9])
    assert wide.low is not None and wide.low < 0
    assert (wide.within(0, 1).low, wide.within(0, 1).high) == (0, 1)
    assert wilson(5, 10).within(0, 1) == wilson(5, 10)
    assert mean_over_seeds([0.5]).within(0, 1).low is None


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(121, 59, 0.000004), (70, 59, 0.378688), (80, 59, 0.089452), (30, 60, 0.00206), (10, 30, 0.002221), (10, 10, 1.0)],
)
def test_mcnemar_is_as_statsmodels_tests_have_it(only_first: int, only_second: int, p: float) -> None:
    # The tables and values of statsmodels' test_mcnemar_exact, which took them from Vassar College's calculator.
    assert mcnemar_exact(only_first, only_second) == pytest.approx(p, abs=1.5e-6)
    assert mcnemar_exact(only_second, only_first) == pytest.approx(p, abs=1.5e-6)


def test_mcnemar_of_few_is_counted_by_hand() -> None:
    # Five fair coins all fall to one side in 2 of 32 cases.
    assert mcnemar_exact(0, 5) == pytest.approx(2 / 32)
    assert mcnemar_exact(0, 0) == 1.0


def test_a_paired_difference_knows_that_the_examples_are_the_same() -> None:
    # 300 examples: 200 both have right, 40 only the first, 10 only the second.
    first = [True] * 240 + [False] * 60
    second = [True] * 200 + [False] * 40 + [True] * 10 + [False] * 50
    estimate = paired_difference(first, second)
    assert estimate == paired_difference(first, second) != paired_difference(first, second, seed=1)
    assert estimate.value == pytest.approx(0.1)
    assert estimate.n == 300
    # The variance of a multinomial difference: (b + c)/n - ((b - c)/n)^2.
    margin = 1.96 * np.sqrt((50 / 300 - 0.1**2) / 300)
    assert (estimate.low, estimate.high) == pytest.approx((0.1 - margin, 0.1 + margin), abs=0.01)
    assert estimate.parts("points")[0] == "+10.0"
    swapped = paired_difference(second, first)
    assert swapped.value == pytest.approx(-0.1)
    assert swapped.parts("points")[0] == "-10.0"


def test_a_paired_difference_without_spread_has_no_interval() -> None:
    same = paired_difference([True, False, True], [True, False, True])
    assert (same.value, same.low, same.high, same.n) == (0, None, None, 3)
    assert paired_difference([True] * 3, [False] * 3).low is None
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([True, True], [True])


def test_a_difference_needs_two_intervals_that_do_not_overlap() -> None:
    assert wilson(90, 100).differs_from(wilson(50, 100))
    assert not wilson(55, 100).differs_from(wilson(50, 100))
    assert not mean_over_seeds([0.9]).differs_from(mean_over_seeds([0.1]))
