"""Metrics against scikit-learn's own and by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from robustbench_mt.correlations import pearson, spearman
from robustbench_mt.metrics import (
    average_precision,
    best_threshold,
    calibration_error,
    classification_metrics,
    minority_metrics,
    recorded,
    regression_metrics,
)
from robustbench_mt.statistics import Estimate


def values(estimates: dict[str, Estimate]) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in estimates.items()}


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_classification_metrics_are_scikit_learns(classes: int) -> None:
    random = np.random.default_rng(classes)
    labels, predictions = random.integers(classes, size=(2, 200))
    metrics = values(classification_metrics(labels, predictions, classes))
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, predictions))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, predictions, average="macro"))
    assert metrics["matthews"] == pytest.approx(matthews_corrcoef(labels, predictions))
    if classes == 2:
        assert metrics["f1"] == pytest.approx(f1_score(labels, predictions))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_minority_metrics_are_scikit_learns(classes: int) -> None:
    random = np.random.default_rng(classes)
    labels, minority = random.integers(classes, size=200), classes - 1
    probabilities = random.dirichlet(np.ones(classes), size=200)
    predictions = probabilities.argmax(axis=1)
    metrics = values(minority_metrics(labels, probabilities, minority))
    assert metrics == pytest.approx(
        {
            "minority_precision": precision_score(labels, predictions, average=None)[minority],
            "minority_recall": recall_score(labels, predictions, average=None)[minority],
            "minority_f1": f1_score(labels, predictions, average=None)[minority],
            "macro_f1": f1_score(labels, predictions, average="macro"),
            "balanced_accuracy": balanced_accuracy_score(labels, predictions),
            "accuracy": accuracy_score(labels, predictions),
            "minority_average_precision": average_precision_score(labels == minority, probabilities[:, minority]),
            "calibration_error": calibration_error(labels, probabilities),
        }
    )


@pytest.mark.parametrize("minority", [0, 1])
def test_metrics_at_a_threshold(minority: int) -> None:
    random = np.random.default_rng(7)
    labels, probabilities = random.integers(2, size=100), random.dirichlet([1, 1], size=100)
    at_half = values(minority_metrics(labels, probabilities, minority))
    metrics = values(minority_metrics(labels, probabilities, minority, threshold=0.3))
    predicted = probabilities[:, minority] >= 0.3
    assert {name: metrics[name] for name in at_half} == at_half, "the threshold leaves these alone"
    assert metrics["minority_f1_tuned"] == pytest.approx(f1_score(labels == minority, predicted))
    assert metrics["minority_precision_tuned"] == pytest.approx(precision_score(labels == minority, predicted))
    assert metrics["minority_recall_tuned"] == pytest.approx(recall_score(labels == minority, predicted))
    assert metrics["macro_f1_tuned"] == pytest.approx(f1_score(labels == minority, predicted, average="macro"))
    assert metrics["balanced_accuracy_tuned"] == pytest.approx(balanced_accuracy_score(labels == minority, predicted))
    assert metrics["accuracy_tuned"] == pytest.approx(accuracy_score(labels == minority, predicted))
    assert len(metrics) == len(at_half) + 6
    half = values(minority_metrics(labels, probabilities, minority, threshold=0.5))
    assert half["minority_f1_tuned"] == half["minority_f1"]


def test_no_average_precision_without_the_minority() -> None:
    metrics = values(minority_metrics([0, 0], np.asarray([[0.9, 0.1], [0.2, 0.8]]), 1))
    assert metrics["minority_average_precision"] is None
    assert metrics["balanced_accuracy"] == 0.5, "the recall of the only class there is"


def test_best_threshold_has_the_largest_f1_of_all() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        is_minority, probabilities = random.random(40) < 0.2, random.random(40).round(1)
        is_minority[0] = True
        f1 = {each: f1_score(is_minority, probabilities >= each) for each in np.unique(probabilities)}
        threshold = best_threshold(is_minority, probabilities)
        assert f1[threshold] == pytest.approx(max(f1.values()))
        assert threshold == min(each for each, value in f1.items() if value > max(f1.values()) - 1e-9)


def test_calibration_error_by_hand() -> None:
    # Three examples in the bin (0.6, 0.667], two of them right; one in the last, which is wrong.
    likeliest = np.asarray([0.61, 0.62, 0.66, 1.0])
    probabilities = np.stack([likeliest, 1 - likeliest], axis=1)
    expected = 3 / 4 * abs((0.61 + 0.62 + 0.66) / 3 - 2 / 3) + 1 / 4 * 1
    assert calibration_error([0, 0, 1, 1], probabilities) == pytest.approx(expected)
    assert calibration_error([0, 1], np.asarray([[1.0, 0.0], [0.0, 1.0]])) == 0


def test_a_calibrated_classifier_has_next_to_no_calibration_error() -> None:
    random = np.random.default_rng(3)
    positive = random.random(100_000)
    labels = (random.random(100_000) < positive).astype(int)
    assert calibration_error(labels, np.stack([1 - positive, positive], axis=1)) < 0.01
    assert calibration_error(labels, np.stack([1 - positive**0.2, positive**0.2], axis=1)) > 0.1


def test_a_class_that_stands_nowhere_has_no_f1() -> None:
    macro_f1 = classification_metrics([0, 1, 0, 1], [0, 1, 1, 1], 3)["macro_f1"]
    assert macro_f1.value == pytest.approx(f1_score([0, 1, 0, 1], [0, 1, 1, 1], average="macro"))


def test_regression_metrics() -> None:
    random = np.random.default_rng(0)
    targets = random.normal(size=50)
    predictions = targets + random.normal(size=50)
    metrics = values(regression_metrics(targets, predictions))
    assert metrics["pearson"] == pytest.approx(pearsonr(targets, predictions)[0])
    assert metrics["spearman"] == pytest.approx(spearmanr(targets, predictions)[0])
    constant = values(regression_metrics(targets, np.ones(50)))
    assert constant == {"pearson": None, "spearman": None}


def samples(n: int, random: np.random.Generator) -> NDArray[np.float64]:
    """300 resamples; of few examples, so that some lack a class or hold one value alone."""
    counts = [np.bincount(random.integers(n, size=n), minlength=n) for _ in range(300)]
    return np.stack(counts).astype(np.float64)


@pytest.mark.parametrize("n", [6, 60])
@pytest.mark.parametrize("metric", [pearson, spearman, average_precision])
def test_many_samples_at_once_equal_each_alone(metric: Callable[..., NDArray[np.float64]], n: int) -> None:
    random = np.random.default_rng(n)
    labels, scores, counts = random.integers(2, size=n) == 1, random.random(n).round(1), samples(n, random)
    alone = []
    for count in counts.astype(np.int64):
        rows = np.repeat(np.arange(n), count)
        alone.append(metric(labels[rows], scores[rows], np.ones((1, n)))[0])
    np.testing.assert_allclose(metric(labels, scores, counts), alone, rtol=0, atol=1e-12)


def test_samples_are_scikit_learns_weights() -> None:
    random = np.random.default_rng(5)
    is_minority, scores, counts = random.random(40) < 0.3, random.random(40).round(1), samples(40, random)
    for weights, found in zip(counts, average_precision(is_minority, scores, counts), strict=True):
        expected = average_precision_score(is_minority, scores, sample_weight=weights)
        assert found == pytest.approx(expected, abs=1e-12)


def test_what_a_record_says_of_estimates() -> None:
    probabilities = np.asarray([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    told = recorded(minority_metrics([0, 0, 1, 1], probabilities, 1))
    assert told["metrics"]["minority_recall"] == 1
    assert told["intervals"]["minority_recall"][1] == 1
    assert told["interval_kinds"]["minority_recall"] == "Wilson over examples"
    assert told["interval_kinds"]["balanced_accuracy"] == "stratified Wilson over examples"
    assert told["interval_kinds"]["minority_average_precision"] == "bootstrap t over examples"
    assert set(told["metrics"]) - set(told["intervals"]) == {"calibration_error"}
    assert set(told["intervals"]) == set(told["interval_kinds"])
