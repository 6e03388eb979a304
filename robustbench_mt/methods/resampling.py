"""Random over- and undersampling: the training set itself is made balanced.

Both are imbalanced-learn's: Lemaitre, Nogueira, Aridas: "Imbalanced-learn: A Python Toolbox to Tackle the Curse of
Imbalanced Datasets in Machine Learning", JMLR 18(17), 2017.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from robustbench_mt.methods.method import Method, NoSettings

__all__ = ["Oversample", "Undersample"]


class _Resample(Method):
    """Trains as ``vanilla``, on equally many examples of all classes that the training set has.

    An epoch is one pass over what is trained on, so that with the same number of epochs there are more or fewer
    updates than in ``vanilla``; ``steps`` makes them equal.
    """

    changes = "data"
    needs_classes = True

    settings: NoSettings

    def resample(self, labels: Sequence[int] | Sequence[float], seed: int) -> list[int] | None:
        # A single class is balanced, but imbalanced-learn refuses it.
        if len(set(labels)) < 2:
            return None
        sampler = self._sampler(seed)
        sampler.fit_resample([[position] for position in range(len(labels))], list(labels))
        return sorted(sampler.sample_indices_.tolist())

    @abstractmethod
    def _sampler(self, seed: int) -> Any:
        """Of imbalanced-learn."""


class Oversample(_Resample):
    """All examples, and of every class so many again, drawn with replacement, that it is as large as the largest."""

    summary = "rare classes' examples repeated at random up to the largest class (imbalanced-learn)"

    def _sampler(self, seed: int) -> Any:
        from imblearn.over_sampling import RandomOverSampler

        return RandomOverSampler(random_state=seed)


class Undersample(_Resample):
    """Of every class as many examples are drawn, without replacement, as the smallest class has."""

    summary = "frequent classes' examples left out at random down to the smallest class (imbalanced-learn)"

    def _sampler(self, seed: int) -> Any:
        from imblearn.under_sampling import RandomUnderSampler

        return RandomUnderSampler(random_state=seed)
