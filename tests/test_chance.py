"""An accuracy at or under chance: what it means depends on how many examples say so."""

import numpy as np
import pytest

from robustbench_mt.chance import no_better_than_chance
from robustbench_mt.evaluation import doubts


@pytest.mark.parametrize(
    ("correct", "n", "classes", "said"),
    [
        (51, 100, 2, ""),
        (34, 100, 3, ""),
        (0, 0, 2, ""),
        (2, 4, 2, "nothing was learned that 4 examples"),
        (0, 4, 2, "nothing was learned that 4 examples"),
        (0, 5, 2, "probably in another order"),
        (50, 100, 2, "nothing was learned that 100 examples"),
        (42, 100, 2, "nothing was learned that 100 examples"),
        (41, 100, 2, "probably in another order"),
        (33, 100, 3, "nothing was learned that 100 examples"),
        (20, 100, 3, "probably in another order"),
    ],
)
def test_labels_are_mixed_up_where_accuracy_is_under_chance_by_more_than_chance(
    correct: int, n: int, classes: int, said: str
) -> None:
    told = no_better_than_chance(correct, n, classes)
    assert said in told
    assert bool(told) == bool(said)


def test_one_class_for_all_is_no_matter_of_order() -> None:
    labels = np.array([0] * 28 + [1] * 2)
    assert doubts(labels, np.full(30, 1), ["a", "b"]) == ["Every example is classified as b: nothing was learned."]
    assert "another order" in doubts(labels, 1 - labels, ["a", "b"])[0]
    assert doubts(labels, labels, ["a", "b"]) == []
