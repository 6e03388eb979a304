"""Metrics against scikit-learn's own and by hand."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from robustbench_mt.evaluation import metric_intervals
from robustbench_mt.metrics import classification_metrics, minority_metrics, regression_metrics


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_classification_metrics_are_scikit_learns(classes: int) -> None:
    random = np.random.default_rng(classes)
    labels, predictions = random.integers(classes, size=(2, 200))
    metrics = classification_metrics(labels, predictions, classes)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, predictions))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, predictions, average="macro"))
    assert metrics["matthews"] == pytest.approx(matthews_corrcoef(labels, predictions))
    if classes == 2:
        assert metrics["f1"] == pytest.approx(f1_score(labels, predictions))
    minority = minority_metrics(labels, predictions, classes - 1, classes)
    assert minority["minority_f1"] == pytest.approx(f1_score(labels, predictions, average=None)[-1])
    assert minority["macro_f1"] == pytest.approx(f1_score(labels, predictions, average="macro"))


def test_a_class_that_stands_nowhere_has_no_f1() -> None:
    assert classification_metrics([0, 1, 0, 1], [0, 1, 1, 1], 3)["macro_f1"] == pytest.approx(
        f1_score([0, 1, 0, 1], [0, 1, 1, 1], average="macro")
    )


def test_regression_metrics() -> None:
    random = np.random.default_rng(0)
    targets = random.normal(size=50)
    predictions = targets + random.normal(size=50)
    metrics = regression_metrics(targets, predictions)
    assert metrics["pearson"] == pytest.approx(pearsonr(targets, predictions)[0])
    assert metrics["spearman"] == pytest.approx(spearmanr(targets, predictions)[0])
    assert regression_metrics(targets, np.ones(50)) == {"pearson": None, "spearman": None}


def test_intervals_cover_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(60):
        right = random.random(150) < 0.8
        low, high = metric_intervals(lambda a, b: {"accuracy": float(np.mean(a == b))}, np.ones(150), right)["accuracy"]
        covered += low <= 0.8 <= high
    assert 50 <= covered <= 60


def test_a_metric_that_a_resample_leaves_undefined_has_no_interval() -> None:
    labels = np.asarray([0.0, 0.0, 0.0, 1.0])
    assert metric_intervals(regression_metrics, labels, labels) == {}
