"""Methods of fine-tuning averaged over tasks, beside what the Match-Tuning paper has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustbench_mt.comparisons import paired_t_over_seeds
from robustbench_mt.reporting.families import Tested, corrected
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import method_order
from robustbench_mt.statistics import Estimate, mean_over_seeds, paired_over_seeds
from robustbench_mt.tasks.glue_scores import GLUE_SCORES

__all__ = ["PAPERS_POINTS", "AverageRow", "average_rows"]

PAPERS_POINTS = 1.64
"""What Match-Tuning gains over vanilla, in points, averaged over GLUE's tasks: the abstract of Tong et al. 2022, arXiv
2205.00633."""

_PAPERS_FORM = {
    "similarity": "dot",
    "after": "dense",
    "calibrate": "once",
    "schedule": "constant",
    "start": 0,
    "across_devices": False,
}
"""The settings of ``match`` that are the paper's; records of before lack some, which were so."""


@dataclass(frozen=True)
class AverageRow(Tested):
    """A method's average over tasks.

    Attributes:
        base: the pretrained encoder.
        tasks, seeds: what is averaged: the tasks on which this method, and the one it is compared with, have all seeds.
        average: mean over ``seeds`` of the average over ``tasks``.
        against: the ``vanilla`` that it is compared with, else empty; ``other`` is its average, ``difference`` is
            paired over seeds, and ``p_t`` of its t-test; the family are the methods of the split and base.
        published: what the paper has for the difference, in points; ``None`` where it says nothing of the method or of
            the tasks, as of variants of ``match``. The paper gives no temperature, so any that stays is its form,
            whether a number or found by a ``self_mass``.
    """

    split: str
    base: str
    method: str
    tasks: list[str]
    seeds: list[int]
    average: Estimate
    against: str
    other: Estimate | None
    difference: Estimate | None
    p_t: float | None
    published: float | None


def average_rows(rows: Sequence[MethodRow]) -> list[AverageRow]:
    """Averages over two tasks or more, by split, base and method.

    Where two of the tasks are GLUE's, over GLUE's alone: what GLUE's average means is known, and others would change
    it.
    """
    averages: list[AverageRow] = []
    groups = {(row.split, row.base) for row in rows}
    for group in sorted(groups):
        of_group = [row for row in rows if (row.split, row.base) == group]
        glue = [row for row in of_group if row.task in GLUE_SCORES]
        averages += _averages(glue if len({row.task for row in glue}) > 1 else of_group)
    return averages


def _averages(rows: Sequence[MethodRow]) -> list[AverageRow]:
    known = {(row.task, row.split, row.method): row for row in rows}
    methods = sorted({row.method for row in rows}, key=method_order)
    averages = [_average([row for row in rows if row.method == method], known) for method in methods]
    return corrected([average for average in averages if average], lambda tested: tested.p_t)


def _average(rows: Sequence[MethodRow], known: Mapping[tuple[str, str, str], MethodRow]) -> AverageRow | None:
    first = rows[0]
    pairs = [(row, known[row.task, row.split, row.against]) for row in rows if row.against]
    compared = len(_complete(pairs)) > 1
    complete = _complete(pairs if compared else [(row, row) for row in rows])
    if len(complete) < 2:
        return None
    seeds = sorted(complete[0][0].scores.keys() & complete[0][1].scores.keys())
    own, other = ([float(np.mean([pair[end].scores[s] for pair in complete])) for s in seeds] for end in (0, 1))
    tasks = [row.task for row, _ in complete]
    is_the_papers = _is_the_papers(first.own) and all(task in GLUE_SCORES for task in tasks)
    return AverageRow(
        first.split,
        first.base,
        first.method,
        tasks,
        seeds,
        average=mean_over_seeds(own),
        against=" or ".join(dict.fromkeys(baseline.method for _, baseline in complete)) if compared else "",
        other=mean_over_seeds(other) if compared else None,
        difference=paired_over_seeds(own, other) if compared else None,
        p_t=paired_t_over_seeds(own, other) if compared else None,
        published=PAPERS_POINTS if compared and is_the_papers else None,
    )


def _is_the_papers(own: Mapping[str, Any]) -> bool:
    return own["name"] == "match" and all(own.get(name, value) == value for name, value in _PAPERS_FORM.items())


def _complete(pairs: Sequence[tuple[MethodRow, MethodRow]]) -> list[tuple[MethodRow, MethodRow]]:
    """The tasks that all seeds have been run on, by both methods; a run that is under way has others."""
    seeds = [row.scores.keys() & other.scores.keys() for row, other in pairs]
    every = set().union(*seeds)
    return [pair for pair, of_pair in zip(pairs, seeds, strict=True) if of_pair == every]
