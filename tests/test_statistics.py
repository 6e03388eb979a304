"""Estimates against textbook values, and where nothing can be told."""

import numpy as np
import pytest
from interval_checks import covers
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from robustbench_mt import paired_proportions, statistics
from robustbench_mt.paired_proportions import mcnemar_exact, paired_difference
from robustbench_mt.statistics import (
    Estimate,
    hierarchical_bootstrap_difference,
    mean_over_examples,
    mean_over_seeds,
    paired_over_seeds,
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


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (1, 1), (81, 263), (15, 148), (0, 20), (997, 1000)])
def test_wilson_is_statsmodels(successes: int, n: int) -> None:
    estimate = wilson(successes, n)
    expected = proportion_confint(successes, n, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_newcombes_worked_examples(successes: int, n: int, low: float, high: float) -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    estimate = wilson(successes, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "end"), [(0, "low"), (7, "high")])
def test_wilson_has_a_width_where_all_or_none_succeed(successes: int, end: str) -> None:
    estimate = wilson(successes, 7)
    assert getattr(estimate, end) == pytest.approx(successes / 7)
    assert estimate.low is not None and estimate.high is not None
    assert estimate.high - estimate.low > 0.3


@pytest.mark.parametrize("estimate", [wilson(0, 0), mean_over_examples([]), mean_over_seeds([])])
def test_nothing_counted_has_no_value(estimate: Estimate) -> None:
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (None, None, None, 0)
    assert estimate.show().startswith("–, ")


@pytest.mark.parametrize("estimate", [mean_over_examples([0.4]), mean_over_seeds([0.4])])
def test_one_value_has_no_interval(estimate: Estimate) -> None:
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.4, None, None, 1)
    assert estimate.parts() == ("40.0%", "")


def test_values_without_skewness_have_students_interval() -> None:
    values = np.random.default_rng(1).normal(size=50)
    values = np.concatenate([values, -values]) + 3
    estimate = mean_over_examples(values)
    expected = stats.t.interval(0.95, 99, 3, stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(expected, abs=1e-9)


def test_the_ends_are_those_where_halls_statistic_is_students() -> None:
    """Hall 1992, with the statistic written out as it is there; of the skewness or Hazen's, which reaches further."""
    values = np.random.default_rng(0).lognormal(size=40)
    estimate = mean_over_examples(values)
    n, skewness = 40, stats.skew(values, bias=False)
    beyond = []
    for end, quantile in ((estimate.low, 0.975), (estimate.high, 0.025)):
        t = (values.mean() - end) / stats.sem(values)
        reached = [
            t + g * t**2 / (3 * n**0.5) + g**2 * t**3 / (27 * n) + g / (6 * n**0.5)
            for g in (skewness, skewness * (1 + 8.5 / 40))
        ]
        students = stats.t.ppf(quantile, n - 1)
        beyond.append([abs(each) > abs(students) + 1e-9 for each in reached])
        assert any(each == pytest.approx(students) for each in reached)
    # The larger skewness moves both ends up.
    assert beyond == [[False, True], [True, False]]


def test_the_long_tail_is_where_the_interval_is_longer() -> None:
    values = np.random.default_rng(0).lognormal(size=40)
    right, left = mean_over_examples(values), mean_over_examples(-values)
    assert right.high - right.value > 1.2 * (right.value - right.low)
    assert (left.low, left.high) == pytest.approx((-right.high, -right.low))
    repeated = mean_over_examples([30.0] * 99 + [31.0])
    assert repeated.low < repeated.value < repeated.high


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
    theirs = mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue
    assert mcnemar_exact(only_first, only_second) == pytest.approx(theirs, rel=1e-9)


def test_mcnemar_of_few_is_counted_by_hand() -> None:
    # Five fair coins all fall to one side in 2 of 32 cases.
    assert mcnemar_exact(0, 5) == pytest.approx(2 / 32)
    assert mcnemar_exact(0, 0) == 1.0


def test_a_paired_difference_knows_that_the_examples_are_the_same() -> None:
    # 300 examples: 200 both have right, 40 only the first, 10 only the second.
    first = [True] * 240 + [False] * 60
    second = [True] * 200 + [False] * 40 + [True] * 10 + [False] * 50
    estimate = paired_difference(first, second)
    assert estimate.interval == "paired score over examples"
    assert estimate.value == pytest.approx(0.1)
    assert estimate.n == 300
    # The variance of a multinomial difference: (b + c)/n - ((b - c)/n)^2.
    margin = 1.96 * np.sqrt((50 / 300 - 0.1**2) / 300)
    assert (estimate.low, estimate.high) == pytest.approx((0.1 - margin, 0.1 + margin), abs=0.01)
    assert estimate.parts("points")[0] == "+10.0"
    swapped = paired_difference(second, first)
    assert swapped.value == pytest.approx(-0.1)
    assert swapped.parts("points")[0] == "-10.0"


@pytest.mark.parametrize(
    ("only_first", "only_second", "n", "low", "high"),
    [(1, 7, 21, -0.517, -0.026), (6, 16, 161, -0.1240, -0.0054)],
)
def test_tangos_interval_is_the_published_one(
    only_first: int, only_second: int, n: int, low: float, high: float
) -> None:
    # Fagerland, Lydersen and Laake 2014, "Recommended tests and confidence intervals for paired binomial proportions",
    # of Bentur et al. 2009 and Cavo et al. 2012.
    digits = 3 if n == 21 else 4
    ends = tuple(round(end, digits) for end in paired_proportions._tango(only_first, only_second, n))
    assert ends == (low, high)


def of_counts(only_first: int, only_second: int, n: int) -> Estimate:
    place = np.arange(n)
    return paired_difference(place < only_first, (place >= only_first) & (place < only_first + only_second))


def test_a_paired_difference_says_what_mcnemar_says() -> None:
    for only_first, only_second in [(4, 0), (5, 0), (6, 0), (9, 2), (10, 2), (16, 6), (17, 6), (30, 30), (60, 40)]:
        estimate, swapped = of_counts(only_first, only_second, 100), of_counts(only_second, only_first, 100)
        assert covers(estimate, 0.0) == (mcnemar_exact(only_first, only_second) >= 0.05)
        assert (swapped.low, swapped.high) == pytest.approx((-estimate.high, -estimate.low))


def test_tangos_interval_leaves_out_zero_wherever_mcnemar_does() -> None:
    # At 0 the score test is McNemar's by the normal, whose p is never the larger one.
    for differing in range(6, 500):
        least = int(stats.binom.isf(0.025, differing, 0.5)) + 1
        assert mcnemar_exact(least, differing - least) < 0.05
        assert (2 * least - differing) ** 2 / differing > stats.norm.ppf(0.975) ** 2


def test_a_paired_difference_without_spread_has_a_width() -> None:
    # What is left of the score test is n d^2 = z^2 (1 - d) d, which is Wilson's of no success.
    same, wilsons = of_counts(0, 0, 100), wilson(0, 100)
    assert (same.value, same.low, same.high) == pytest.approx((0, -wilsons.high, wilsons.high))
    apart = of_counts(20, 0, 20)
    assert (apart.value, apart.high) == (1, 1)
    assert apart.low == pytest.approx((20 - 1.96**2) / (20 + 1.96**2), abs=1e-4)
    assert paired_difference([], []).value is None
    with pytest.raises(ValueError, match="shorter"):
        paired_difference([True, True], [True])


def test_a_difference_needs_two_intervals_that_do_not_overlap() -> None:
    assert wilson(90, 100).differs_from(wilson(50, 100))
    assert not wilson(55, 100).differs_from(wilson(50, 100))
    assert not mean_over_seeds([0.9]).differs_from(mean_over_seeds([0.1]))


def test_hierarchical_bootstrap_is_seeded_and_takes_the_outcomes_in_pairs() -> None:
    rng = np.random.default_rng(0)
    easy = rng.random(300)
    first, second = (rng.random((5, 300)) < np.clip(easy + gain, 0, 1) for gain in (0.1, 0.0))
    estimate = hierarchical_bootstrap_difference(first, second)
    assert estimate == hierarchical_bootstrap_difference(first, second)
    assert estimate != hierarchical_bootstrap_difference(first, second, seed=1)
    assert estimate.value == pytest.approx(first.mean() - second.mean())
    assert (estimate.n, estimate.count) == (300, "n=300")
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low < estimate.value < estimate.high
    swapped = hierarchical_bootstrap_difference(second, first)
    assert (swapped.low, swapped.high) == pytest.approx((-estimate.high, -estimate.low), abs=1e-9)
    # The examples' order means nothing, nor does a seed's.
    order = rng.permutation(300)
    moved = hierarchical_bootstrap_difference(first[::-1, order], second[::-1, order])
    assert (moved.low, moved.high) == pytest.approx((estimate.low, estimate.high), abs=0.01)


def test_hierarchical_bootstrap_knows_that_seeds_share_their_examples() -> None:
    # Ten seeds that all give the same are no more than one.
    first, second = np.arange(200) < 120, np.arange(200) % 3 > 0
    repeated = hierarchical_bootstrap_difference([first] * 10, [second] * 10)
    once = paired_difference(first.tolist(), second.tolist())
    assert (repeated.low, repeated.high) == pytest.approx((once.low, once.high), abs=0.015)


def test_hierarchical_bootstrap_of_seeds_that_differ_alike_by_chance_has_a_width() -> None:
    # Each of three seeds loses two of 100 examples to the other method, on other examples.
    differences = np.zeros((3, 100))
    for seed in range(3):
        differences[seed, 2 * seed : 2 * seed + 2] = 1
    estimate = hierarchical_bootstrap_difference(np.zeros((3, 100)), differences)
    assert estimate.value == pytest.approx(-0.02)
    assert estimate.low is not None and estimate.high is not None
    differing = np.zeros(300)
    differing[:6] = -1
    alone = stats.ttest_1samp(differing, 0).confidence_interval(0.95)
    assert estimate.high - estimate.low >= alone.high - alone.low


def test_hierarchical_bootstrap_where_nothing_can_be_told() -> None:
    assert hierarchical_bootstrap_difference([[True, False]], [[False, False]]).parts() == ("50.0%", "")
    assert hierarchical_bootstrap_difference([[True], [True]], [[False], [True]]).low is None
    assert hierarchical_bootstrap_difference([[True] * 3] * 2, [[False] * 3] * 2).parts() == ("100.0%", "")
    nothing = hierarchical_bootstrap_difference([[], []], [[], []])
    assert (nothing.value, nothing.n) == (None, 0)
    for other in ([[True, False]], [True, False, True]):
        with pytest.raises(ValueError, match="one shape"):
            hierarchical_bootstrap_difference([[True], [True]], other)


@pytest.mark.parametrize(("share", "n"), [(0.1, 100), (0.3, 100), (0.5, 50), (0.8, 400), (0.95, 400)])
def test_wilson_covers_as_often_as_it_says(share: float, n: int) -> None:
    drawn = np.random.default_rng(0).binomial(n, share, size=5000)
    assert 0.93 <= np.mean([covers(wilson(int(successes), n), share) for successes in drawn]) <= 0.97


@pytest.mark.parametrize(
    ("n", "only_first", "only_second"), [(50, 0.1, 0.04), (200, 0.2, 0.1), (900, 0.02, 0.005), (100, 0.08, 0.0)]
)
def test_a_paired_difference_covers_as_often_as_it_says(n: int, only_first: float, only_second: float) -> None:
    drawn = np.random.default_rng(0).multinomial(n, (only_first, only_second, 1 - only_first - only_second), size=1500)
    covered = [covers(of_counts(int(first), int(second), n), only_first - only_second) for first, second, _ in drawn]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_a_paired_difference_of_equals_covers_as_mcnemar_does() -> None:
    drawn = np.random.default_rng(0).multinomial(100, (0.04, 0.04, 0.92), size=500)
    assert np.mean([covers(of_counts(int(first), int(second), 100), 0.0) for first, second, _ in drawn]) >= 0.95


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_t_over_seeds_covers_as_often_as_it_says(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    alone, paired = [], []
    for _ in range(2000):
        shared = rng.normal(0, 0.05, seeds)
        # What a seed does to both methods' accuracies, and what to each.
        first, second = (0.7 + shared + rng.normal(0, 0.02, seeds) for _ in range(2))
        alone.append(covers(mean_over_seeds(first.tolist()), 0.7))
        paired.append(covers(paired_over_seeds(first.tolist(), second.tolist()), 0.0))
    assert 0.93 <= np.mean(alone) <= 0.97
    assert 0.93 <= np.mean(paired) <= 0.97


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """For thousands of intervals."""
    monkeypatch.setattr(statistics, "RESAMPLES", 500)


def simulated(seeds: int, of_seeds: float, of_examples: float) -> tuple[float, float]:
    """How often the hierarchical bootstrap and t over seeds cover a difference, where seeds and examples differ so."""
    rng = np.random.default_rng([seeds, 1])
    # Right where a normal score is over 0: of one method 0.3 higher, of seed, example and chance (1).
    truth = stats.norm.cdf(0.3 / np.sqrt(1 + of_seeds**2 + of_examples**2)) - 0.5
    covered = []
    for seed in range(1500):
        scores = rng.normal(0, of_seeds, (2, seeds, 1)) + rng.normal(0, of_examples, (2, 1, 200))
        scores += rng.normal(0, 1, (2, seeds, 200)) + np.array([0.3, 0.0])[:, None, None]
        first, second = scores > 0
        both = hierarchical_bootstrap_difference(first, second, seed)
        over_seeds = paired_over_seeds(first.mean(axis=1), second.mean(axis=1))
        covered.append((covers(both, truth), over_seeds.low is None or covers(over_seeds, truth)))
    by_kind = np.mean(covered, axis=0)
    return float(by_kind[0]), float(by_kind[1])


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(
    ("seeds", "of_seeds", "of_examples"),
    [(3, 0.0, 3.0), (3, 1.0, 0.5), (5, 1.0, 1.0), (5, 0.2, 2.0)],
)
def test_hierarchical_bootstrap_covers_as_often_as_it_says(seeds: int, of_seeds: float, of_examples: float) -> None:
    # Two standard errors of the simulation beyond 0.97: where seeds do not differ, it covers 0.969.
    assert 0.93 <= simulated(seeds, of_seeds, of_examples)[0] <= 0.97 + 0.009


@pytest.mark.usefixtures("few_resamples")
def test_hierarchical_bootstrap_of_two_seeds_covers_as_often_as_it_says() -> None:
    # The setting where they cover least, and two standard errors of the simulation.
    assert 0.93 - 0.013 <= simulated(2, of_seeds=0.5, of_examples=1.0)[0] <= 0.97


@pytest.mark.parametrize("n", [20, 50, 100])
def test_means_of_long_tailed_values_cover_as_often_as_they_say(n: int) -> None:
    rng = np.random.default_rng(n)
    samples = [20 + rng.lognormal(4, 0.8, n) for _ in range(1000)]
    truth = 20 + np.exp(4 + 0.8**2 / 2)
    # Two standard errors of the simulation beyond 0.93 and 0.97.
    assert 0.93 - 0.016 <= np.mean([covers(mean_over_examples(sample), truth) for sample in samples]) <= 0.97 + 0.011
    assert np.mean([stats.t.interval(0.95, n - 1, s.mean(), stats.sem(s))[1] < truth for s in samples]) > 0.045


@pytest.mark.usefixtures("few_resamples")
def test_t_over_seeds_of_examples_that_differ_is_too_narrow() -> None:
    # It takes the examples as given: the hierarchical bootstrap is the one to trust there.
    hierarchical, over_seeds = simulated(10, of_seeds=0.1, of_examples=3.0)
    assert 0.93 <= hierarchical <= 0.97
    assert over_seeds < 0.6
