"""What GLUE's leaderboard makes of a task's metrics: one score a task."""

from collections.abc import Container

from robustbench_mt.tasks.catalogue import TASKS

__all__ = ["GLUE_SCORES", "score_metrics"]

GLUE_SCORES: dict[str, tuple[str, ...]] = {
    "cola": ("matthews",),
    "sst2": ("accuracy",),
    "mrpc": ("accuracy", "f1"),
    "stsb": ("pearson", "spearman"),
    "qqp": ("accuracy", "f1"),
    "mnli": ("accuracy",),
    "qnli": ("accuracy",),
    "rte": ("accuracy",),
    "wnli": ("accuracy",),
}
"""The metrics whose mean is the task's score (Wang et al. 2019, https://arxiv.org/abs/1804.07461, section 3)."""


def score_metrics(task: str, metrics: Container[str]) -> tuple[str, ...]:
    """Names of the metrics whose mean is the task's score: GLUE's, else the task's own.

    Args:
        task: its name in the records.
        metrics: names of the metrics that there are; a user's file may be called like a task and be of another kind.
    """
    known = GLUE_SCORES.get(task) or ((TASKS[task].metric,) if task in TASKS else ())
    if known and all(name in metrics for name in known):
        return known
    return ("accuracy",) if "accuracy" in metrics else ("spearman",)
