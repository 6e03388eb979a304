"""A victim of scikit-learn, as its users keep one.

A plugin of pytest: see ``pytest_plugins`` in conftest.py.
"""

from pathlib import Path

import pytest
from conftest import LABEL_NAMES, reviews

__all__ = ["sklearn_file"]


@pytest.fixture
def sklearn_file(tmp_path: Path) -> Path:
    """A bag of words that classifies the toy task."""
    import joblib
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = zip(*[(text[0], LABEL_NAMES[label]) for text, label in reviews()], strict=True)
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, labels)
    joblib.dump(pipeline, tmp_path / "bag-of-words.joblib")
    return tmp_path / "bag-of-words.joblib"
