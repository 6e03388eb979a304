"""What is counted over several seeds on the same examples: intervals that cover as often as they say."""

import numpy as np
import pytest
from interval_checks import covers
from scipy import stats

from robustbench_mt.comparisons import t_over_seeds_and_examples
from robustbench_mt.crossed import Crossed
from robustbench_mt.spread import spread_of_mean
from robustbench_mt.statistics import (
    hierarchical_bootstrap_difference,
    mean_over_examples,
    mean_over_seeds,
    wilson,
)

N = 100


def outcomes(
    rng: np.random.Generator, seeds: int, of_seeds: float, of_examples: float, mean: float = 0.0
) -> np.ndarray:
    """Right where a normal score is over 0: of seed, example and chance (1)."""
    scores = (
        mean + rng.normal(0, of_seeds, (seeds, 1)) + rng.normal(0, of_examples, (1, N)) + rng.normal(size=(seeds, N))
    )
    return scores > 0


def every(seeds: int) -> Crossed:
    return Crossed([np.arange(N)] * seeds)


def test_one_checkpoint_has_the_intervals_over_examples() -> None:
    right = np.arange(N) < 61
    assert every(1).share([right]) == wilson(61, N)
    assert every(1).mean([np.arange(N)]) == mean_over_examples(np.arange(N))


@pytest.mark.parametrize("right", [0, 1, 61, N])
def test_seeds_that_do_the_same_are_one(right: int) -> None:
    same = np.arange(N) < right
    estimate, alone = every(3).share([same] * 3), wilson(right, N)
    assert estimate.n == N
    # The variance is a sample's, n / (n - 1) of the share's, and t is not quite normal.
    ends = estimate.value, estimate.low, estimate.high
    assert ends == pytest.approx((alone.value, alone.low, alone.high), abs=0.002)


@pytest.mark.parametrize(
    ("seeds", "of_seeds", "of_examples", "mean"),
    [
        (3, 0.0, 2.0, 0.0),
        (3, 0.1, 2.0, -2.0),
        (5, 0.2, 1.0, 0.0),
        (5, 0.3, 1.0, -2.0),
        (5, 0.6, 0.8, -2.1),
        (3, 0.6, 0.8, -2.1),
        (10, 1.0, 1.0, 0.0),
    ],
)
def test_shares_cover_as_often_as_they_say(seeds: int, of_seeds: float, of_examples: float, mean: float) -> None:
    rng = np.random.default_rng([seeds, int(10 * of_seeds)])
    truth = float(stats.norm.cdf(mean / np.sqrt(1 + of_seeds**2 + of_examples**2)))
    crossed, tables = every(seeds), [outcomes(rng, seeds, of_seeds, of_examples, mean) for _ in range(1000)]
    # Two standard errors of the simulation beyond 0.93 and 0.97.
    assert 0.93 - 0.016 <= np.mean([covers(crossed.share([*table]), truth) for table in tables]) <= 0.97 + 0.011
    # As if the examples of each seed were others.
    assert np.mean([covers(wilson(int(table.sum()), table.size), truth) for table in tables]) < 0.9


@pytest.mark.parametrize("mean", [0.0, -2.1])
def test_shares_of_two_seeds_cover_no_less_often_than_they_say(mean: float) -> None:
    rng = np.random.default_rng(4)
    truth = float(stats.norm.cdf(mean / np.sqrt(1 + 0.6**2 + 0.8**2)))
    shares = [every(2).share([*outcomes(rng, 2, 0.6, 0.8, mean)]) for _ in range(1000)]
    assert 0.93 - 0.016 <= np.mean([covers(share, truth) for share in shares]) <= 0.99


def test_an_interval_over_both_is_no_narrower_than_if_seeds_differed_by_chance() -> None:
    table = outcomes(np.random.default_rng(5), 2, 0.0, 0.0).astype(float)
    table[1] = table[0][::-1]
    spread = spread_of_mean(table)
    (by_chance,) = spread.by_chance
    assert sum(part.value for part in spread.found) < by_chance.value
    assert spread.margin(0.95) >= 1.96 * np.sqrt(by_chance.value)


@pytest.mark.parametrize("level", [0.5, 0.05, 1e-6])
def test_what_the_interval_leaves_out_the_test_finds(level: float) -> None:
    for table in (outcomes(np.random.default_rng(6), 3, 0.7, 1.0), outcomes(np.random.default_rng(5), 2, 0.0, 0.0)):
        spread = spread_of_mean(table.astype(float))
        assert spread.p(spread.margin(1 - level)) == pytest.approx(level, rel=1e-4)


def test_the_quantile_lies_between_those_of_seeds_and_of_examples() -> None:
    """Cochran 1964, of the variances that the two bring."""
    spread = spread_of_mean(outcomes(np.random.default_rng(6), 3, 0.7, 1.0).astype(float))
    seeds, examples = (part.value for part in spread.found)
    # 4.3027 and 1.9842 are the 97.5% points of t with 2 and 99 degrees of freedom.
    quantile = (4.3027 * seeds + 1.9842 * examples) / (seeds + examples)
    assert spread.margin(0.95) == pytest.approx(quantile * np.sqrt(seeds + examples), rel=1e-4)


def test_means_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(800):
        values = 50 + rng.normal(0, 2, (3, 1)) + rng.normal(0, 10, (1, N)) + rng.normal(0, 5, (3, N))
        covered.append(covers(every(3).mean([*values]), 50.0))
    assert 0.93 <= np.mean(covered) <= 0.98


def test_the_test_finds_what_is_not_there_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    ps = [t_over_seeds_and_examples(outcomes(rng, 3, 0.3, 1.0), outcomes(rng, 3, 0.3, 1.0)) for _ in range(800)]
    assert 0.02 <= np.mean([p is not None and p < 0.05 for p in ps]) <= 0.08


def test_the_variance_is_that_of_readers_and_cases() -> None:
    table = outcomes(np.random.default_rng(2), 4, 1.0, 1.0).astype(float)
    of_seeds, of_examples = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    by_seed, by_example = N * of_seeds.var(ddof=1), 4 * of_examples.var(ddof=1)
    by_chance = np.square(table - of_seeds - of_examples + table.mean()).sum() / (3 * (N - 1))
    total = by_seed + by_example - by_chance
    spread = spread_of_mean(table)
    seeds, examples = spread.found
    assert seeds == pytest.approx((by_seed / table.size, 3))
    assert examples == pytest.approx(((by_example - by_chance) / table.size, N - 1))
    assert spread.by_chance[0] == pytest.approx(((total - by_seed + by_chance) / table.size, 3 * (N - 1)))
    assert spread.of_seeds == pytest.approx((by_seed - by_chance) / total)


def test_examples_that_only_some_have_count_in_the_share_and_not_in_the_spread() -> None:
    rng = np.random.default_rng(3)
    table = outcomes(rng, 2, 0.0, 1.0)
    parts = [np.arange(0, 80), np.arange(20, 100)]
    estimate = Crossed(parts).share([table[0][:80], table[1][20:]])
    assert estimate.value == (table[0][:80].sum() + table[1][20:].sum()) / 160
    assert estimate.n == 100
    apart = Crossed([np.arange(50), np.arange(50, 100)]).share([table[0][:50], table[1][50:]])
    assert apart == mean_over_seeds([table[0][:50].mean(), table[1][50:].mean()]).within(0, 1)


def test_nothing_counted_has_no_interval() -> None:
    nothing = np.empty(0, np.int64)
    assert Crossed([nothing, nothing]).share([nothing.astype(bool)] * 2).value is None
    assert Crossed([nothing, nothing]).mean([nothing] * 2).value is None
    assert Crossed([]).share([]).n == 0


def test_one_outcome_that_differs_shows_no_difference() -> None:
    one, other = np.zeros((2, 3, N))
    one[0, 5] = 1
    p = t_over_seeds_and_examples(one, other)
    assert p is not None and p > 0.05
    for estimate in (hierarchical_bootstrap_difference(one, other), hierarchical_bootstrap_difference(other, one)):
        assert covers(estimate, 0.0)
