"""The intervals of a single training's metrics: against statsmodels, large samples, and how often they cover."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import matthews_corrcoef
from statsmodels.stats.proportion import proportion_confint

from robustbench_mt import table_posterior
from robustbench_mt.confusion import Confusion
from robustbench_mt.correlations import pearson
from robustbench_mt.metrics import average_precision, minority_metrics, regression_metrics
from robustbench_mt.resampled import bootstrap_t
from robustbench_mt.statistics import Estimate
from robustbench_mt.stratified import stratified_wilson


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None and estimate.high is not None
    return estimate.low, estimate.high


def test_proportions_are_statsmodels_wilson() -> None:
    made = Confusion(np.asarray([[50, 3], [7, 2]]))
    for estimate, some, of in ((made.accuracy, 52, 62), (made.recall(1), 2, 9), (made.precision(1), 2, 5)):
        assert ends(estimate) == pytest.approx(proportion_confint(some, of, method="wilson"), abs=1e-9)
        assert (estimate.value, estimate.n) == (some / of, 62)
    low, high = proportion_confint(2, 12, method="wilson")
    assert ends(made.f1(1)) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)), abs=1e-9)


@pytest.mark.parametrize(("some", "of"), [(7, 9), (3, 10), (0, 4), (20, 20)])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_the_mean_of_shares_that_are_alike(some: int, of: int, classes: int) -> None:
    successes, trials = np.full(classes, some), np.full(classes, of)
    # Independent ones say what one of all their examples would say, and those that move together say it once.
    apart = proportion_confint(classes * some, classes * of, method="wilson")
    assert stratified_wilson(successes, trials) == pytest.approx(apart, abs=1e-9)
    once = proportion_confint(some, of, method="wilson")
    assert stratified_wilson(successes, trials, np.ones((classes, classes))) == pytest.approx(once, abs=1e-9)


def test_means_of_classes_have_the_mean_of_shares() -> None:
    made = Confusion(np.asarray([[60, 20], [20, 60]]))
    assert ends(made.balanced_accuracy) == pytest.approx(proportion_confint(120, 160, method="wilson"), abs=1e-9)
    # Either class's mistakes are the other's too, so that the two F1 move together, but not as one.
    low, high = stratified_wilson(np.full(2, 60), np.full(2, 100), scale=lambda share: 2 * share / (1 + share))
    assert ends(made.f1(1))[0] < ends(made.macro_f1)[0] < low
    assert ends(made.f1(1))[1] > ends(made.macro_f1)[1] > high


def test_of_many_examples_macro_f1_and_matthews_are_as_wide_as_a_bootstraps() -> None:
    table = np.asarray([[400, 60, 40], [30, 250, 20], [50, 10, 140]])
    made, n = Confusion(table), table.sum()
    drawn = np.random.default_rng(0).multinomial(n, table.ravel() / n, size=1000).reshape(-1, 3, 3)
    for name in ("macro_f1", "matthews"):
        resampled = [getattr(Confusion(each), name).value for each in drawn]
        assert ends(getattr(made, name)) == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=0.004), name


def test_matthews_is_scikit_learns_and_lies_within() -> None:
    random = np.random.default_rng(0)
    for classes in (2, 3, 7):
        labels, predictions = random.integers(classes, size=(2, 30))
        estimate = Confusion.of(labels, predictions, classes).matthews
        assert estimate.value == pytest.approx(matthews_corrcoef(labels, predictions))
        low, high = ends(estimate)
        assert low < matthews_corrcoef(labels, predictions) < high
    assert ends(Confusion(np.asarray([[10, 0], [0, 10]])).matthews)[1] == 1


@pytest.mark.parametrize("right", [0.0, 0.6, 1.0])
def test_empty_cells_of_a_large_table_need_not_be_drawn(right: float, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    labels = random.integers(51, size=300)
    predictions = np.where(random.random(300) < right, labels, random.integers(51, size=300))
    made = Confusion.of(labels, predictions, 51)
    left_out = ends(made.matthews)
    monkeypatch.setattr(table_posterior, "_DENSE", 51**2)
    drawn = ends(made.matthews)
    assert left_out != drawn
    assert left_out == pytest.approx(drawn, abs=0.008)


def test_matthews_of_many_classes_takes_no_time() -> None:
    labels = np.arange(3000) % 1000
    estimate = Confusion.of(labels, np.where(labels % 5, labels, 0), 1000).matthews
    low, high = ends(estimate)
    assert estimate.value is not None and low < estimate.value < high < low + 0.05


def test_ratios_of_nothing_have_no_interval() -> None:
    made = Confusion(np.asarray([[5, 0, 0], [3, 0, 0], [0, 0, 0]]))
    for estimate in (made.precision(1), made.recall(2), made.precision(2), made.f1(2)):
        assert (estimate.value, estimate.low, estimate.n) == (0, None, 8)
    # Of class 1 that is not so: three examples are of it, and none is recognized.
    assert ends(made.f1(1))[0] == 0 < ends(made.f1(1))[1] < 0.75
    assert Confusion(np.asarray([[5, 1], [0, 0]])).matthews.low is None, "labels of one class"
    assert Confusion.of([], [], 2).accuracy == Estimate(None, None, None, 0, "Wilson over examples")


def test_a_mean_over_classes_lies_within_its_interval() -> None:
    # In floating point the upper ends of the first two came out just under 1.
    for table in ([[8, 0], [0, 13]], [[15, 0, 0], [0, 8, 0], [0, 0, 6]], [[0, 5], [7, 0]], [[0, 0], [0, 28]]):
        made = Confusion(np.asarray(table))
        with np.errstate(all="raise"):
            estimates = made.macro_f1, made.balanced_accuracy
        for estimate in estimates:
            assert estimate.value is not None
            assert ends(estimate)[0] <= estimate.value <= ends(estimate)[1]


def test_a_value_at_its_end_or_of_too_few_has_no_interval() -> None:
    # Of the last scores, Pearson's correlation with themselves is just under 1 in floating point.
    for scores in (np.asarray([0.0, 0.0, 0.0, 1.0]), np.arange(4.0), np.linspace(0, 1, 10)):
        for estimate in (*regression_metrics(scores, scores).values(), *regression_metrics(scores, -scores).values()):
            assert estimate.value is not None
            assert (abs(estimate.value), estimate.low) == (pytest.approx(1), None)
    one = minority_metrics([0, 0, 1], np.asarray([[0.5, 0.5], [0.8, 0.2], [0.6, 0.4]]), 1)["minority_average_precision"]
    assert (one.value, one.low) == (0.5, None), "a single example of the minority"


def test_of_many_normal_scores_the_interval_is_fishers() -> None:
    random = np.random.default_rng(3)
    first = random.normal(size=1000)
    second = 0.6 * first + 0.8 * random.normal(size=1000)
    estimate = bootstrap_t(partial(pearson, first, second), 1000, 998, least=-1.0)
    assert estimate.value is not None
    fishers = np.tanh(np.arctanh(estimate.value) + norm.ppf([0.025, 0.975]) / np.sqrt(997))
    assert ends(estimate) == pytest.approx(tuple(fishers), abs=0.01)


def covers(estimate: Callable[[NDArray[np.bool_], NDArray[np.float64]], Estimate], truth: float, tables: int) -> float:
    """How often an estimate has the truth: of 100 examples 10 are of the class, and score 1.5 deviations higher."""
    random, found = np.random.default_rng(1), []
    for _ in range(tables):
        is_rare = random.random(100) < 0.1
        made = estimate(is_rare, random.normal(size=100) + 1.5 * is_rare)
        found.append(made.low is None or ends(made)[0] <= truth <= ends(made)[1])
    return float(np.mean(found))


def test_intervals_of_few_examples_cover_about_as_often_as_they_say() -> None:
    # Taken for the class from 2 on: 31% of its examples and 2.3% of the others, whose bootstrap covers 84%.
    recall, wrongly = norm.sf(0.5), norm.sf(2)
    right, of_both = 0.1 * recall, 0.1 + 0.1 * recall + 0.9 * wrongly
    f1, other = 2 * right / of_both, 2 * 0.9 * (1 - wrongly) / (2 - of_both)
    truths = {"f1": f1, "macro_f1": (f1 + other) / 2, "balanced_accuracy": (recall + 1 - wrongly) / 2}
    for name, truth in truths.items():

        def estimate(is_rare: NDArray[np.bool_], scores: NDArray[np.float64], name: str = name) -> Estimate:
            made = Confusion.of(is_rare, scores > 2, 2)
            return made.f1(1) if name == "f1" else getattr(made, name)

        assert 0.93 - 0.014 <= covers(estimate, truth, 1000) <= 0.97 + 0.011, name

    random = np.random.default_rng(0)
    is_rare = random.random(100_000) < 0.1
    truth = average_precision(is_rare, random.normal(size=100_000) + 1.5 * is_rare, np.ones((1, 100_000)))[0]

    def ranked(is_rare: NDArray[np.bool_], scores: NDArray[np.float64]) -> Estimate:
        return bootstrap_t(partial(average_precision, is_rare, scores), 100, int(is_rare.sum()) - 1)

    assert 0.93 - 0.03 <= covers(ranked, truth, 200) <= 1
