"""Tests over seeds, Holm's correction and power, against worked examples and simulation."""

import numpy as np
import pytest
from scipy import stats

from robustbench_mt.comparisons import (
    holm,
    mcnemar_power,
    paired_t_over_seeds,
    smallest_difference,
    what_can_be_shown,
    wilcoxon_over_seeds,
)
from robustbench_mt.paired_proportions import mcnemar_exact
from robustbench_mt.statistics import paired_over_seeds

# Student 1908, "The probable error of a mean": additional hours of sleep of ten patients by two drugs.
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# Darwin 1876, The Effects of Cross- and Self-Fertilisation, via Fisher 1935: heights of maize in eighths of an inch.
CROSSED_LESS_SELFED = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_paired_t_is_students_sleep_data() -> None:
    # t = -4.0621 with 9 degrees of freedom.
    assert paired_t_over_seeds(DRUG_1, DRUG_2) == pytest.approx(0.002833, abs=5e-7)
    assert paired_t_over_seeds(DRUG_2, DRUG_1) == paired_t_over_seeds(DRUG_1, DRUG_2)


def test_paired_t_is_fishers_maize() -> None:
    # t = 2.148 with 14 degrees of freedom.
    zeros = [0] * len(CROSSED_LESS_SELFED)
    assert paired_t_over_seeds(CROSSED_LESS_SELFED, zeros) == pytest.approx(0.0497, abs=5e-5)


def test_wilcoxon_is_the_maize_of_scipys_reference() -> None:
    # W = 24; p as given beside Darwin's data by scipy.stats.wilcoxon's help.
    zeros = [0] * len(CROSSED_LESS_SELFED)
    assert wilcoxon_over_seeds(CROSSED_LESS_SELFED, zeros) == pytest.approx(0.041259765625, abs=1e-12)


def test_wilcoxon_of_few_seeds_is_counted_by_hand() -> None:
    for seeds in range(2, 8):
        better = [0.5 + 0.01 * seed for seed in range(1, seeds + 1)]
        assert wilcoxon_over_seeds(better, [0.5] * seeds) == pytest.approx(2 / 2**seeds)
    # A seed that does not differ is left out, and ties stay exact: 4 of 4 to one side.
    assert wilcoxon_over_seeds([0.5, 0.6, 0.7, 0.7, 0.8], [0.5] * 5) == pytest.approx(2 / 16)
    assert wilcoxon_over_seeds([0.5, 0.6], [0.5, 0.6]) == 1.0


def test_what_cannot_be_tested_over_seeds_has_no_p() -> None:
    for test in (paired_t_over_seeds, wilcoxon_over_seeds):
        assert test([], []) is test([0.5], [0.4]) is None
        with pytest.raises(ValueError, match="shorter"):
            test([0.5, 0.6], [0.5])
    alike = [0.3, 0.9, 0.7], [0.1, 0.7, 0.5]
    assert paired_t_over_seeds(*alike) is None
    assert paired_over_seeds(*alike).low is None
    assert wilcoxon_over_seeds(*alike) == pytest.approx(2 / 8)


def test_holm_by_hand() -> None:
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, none under the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.6, 0.9]) == [1.0, 1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_holm_keeps_a_familys_errors_at_the_level() -> None:
    # Ten methods that are all no better, each compared with one vanilla.
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(2000, 11, 5))
    smallest = stats.ttest_1samp(draws[:, 1:] - draws[:, :1], 0, axis=2).pvalue.min(axis=1)
    assert np.mean(smallest < 0.05) > 0.2
    # Holm's smallest is Bonferroni's, and decides whether a family has an error at all.
    assert min(holm([0.3, 0.004, *[0.5] * 8])) == pytest.approx(10 * 0.004)
    assert np.mean(10 * smallest < 0.05) < 0.06


def test_power_is_gpowers() -> None:
    # The example of exact McNemar in the manual of G*Power 3.1: 50 pairs of which 32% and 8% are discordant, one-sided
    # at 5% (two-sided at 10%, of which one side finds the better one). It gives 0.839343; the fifth digit differs.
    assert mcnemar_power(50, 0.24, 0.40, level=0.10) == pytest.approx(0.839343, abs=2e-5)


def test_power_is_how_often_the_test_finds_the_better_one() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(100, (0.165, 0.035, 0.8), size=4000)
    found = [mcnemar_exact(int(one), int(other)) <= 0.05 and one > other for one, other, _ in drawn]
    assert mcnemar_power(100, 0.13, 0.2) == pytest.approx(np.mean(found), abs=0.02)
    assert mcnemar_power(100, 0.0, 0.0) == 0.0


def test_the_smallest_difference_has_the_power_asked_for() -> None:
    for n in (50, 100, 872, 25_000):
        smallest = smallest_difference(n)
        assert smallest is not None
        assert mcnemar_power(n, smallest, max(0.2, smallest)) == pytest.approx(0.8, abs=1e-3)
    differences = [smallest_difference(n) for n in (10, 20, 50, 100, 200, 500, 1000)]
    assert differences == sorted(differences, reverse=True)
    assert smallest_difference(100, differing=0.4) > smallest_difference(100, power=0.5) > 0


def test_the_best_case_takes_six_examples_that_fall_to_one_side() -> None:
    # Of five, p is 2 / 32 at least.
    assert smallest_difference(5, differing=0.0) is None
    smallest = smallest_difference(100, differing=0.0)
    assert smallest is not None
    assert stats.binom.sf(5, 100, smallest) == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(
    ("n", "told"),
    [
        (1, "1 example cannot show any difference in accuracy"),
        (5, "5 examples cannot show any difference in accuracy"),
        (
            10,
            "differ in accuracy by 67 points or more (McNemar's exact test at 5%, power 80%), if all examples on which",
        ),
        (100, "differ in accuracy by 13 points or more (McNemar's exact test at 5%, power 80%), if on 20% of them"),
        (1000, "0.79 points if all of these fall to one side."),
    ],
)
def test_what_can_be_shown_is_told_with_what_it_assumes(n: int, told: str) -> None:
    assert told in what_can_be_shown(n)
    assert "\n" not in what_can_be_shown(n)
