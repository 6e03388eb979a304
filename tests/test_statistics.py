"""Estimates against textbook values, and where nothing can be told."""

import numpy as np
import pytest

from robustbench_mt.statistics import Estimate, bootstrap_mean, mean_over_seeds, wilson


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


def test_a_difference_needs_two_intervals_that_do_not_overlap() -> None:
    assert wilson(90, 100).differs_from(wilson(50, 100))
    assert not wilson(55, 100).differs_from(wilson(50, 100))
    assert not mean_over_seeds([0.9]).differs_from(mean_over_seeds([0.1]))
