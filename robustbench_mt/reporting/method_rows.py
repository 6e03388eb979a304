"""Methods of fine-tuning on each task: one score a seed, and the difference to vanilla's of the same seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustbench_mt.comparisons import paired_t_over_seeds, wilcoxon_over_seeds
from robustbench_mt.failure_records import FailureRecord
from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.families import Tested, corrected
from robustbench_mt.reporting.naming import MethodNames, is_baseline, method_order
from robustbench_mt.reporting.runs import Evaluated
from robustbench_mt.reporting.seed_rows import BELOW_ZERO, static_set
from robustbench_mt.reporting.settings import settings_but_method
from robustbench_mt.statistics import Estimate, mean_over_seeds, paired_over_seeds
from robustbench_mt.tasks.glue_scores import score_metrics

__all__ = ["MethodRow", "method_rows"]


@dataclass(frozen=True)
class MethodRow(Tested):
    """A method's score on a split of a task, over seeds.

    Attributes:
        method: its name, with what was varied.
        base: the pretrained encoder.
        settings: of the training, whatever the method.
        own: the method's own settings, with its ``name``.
        metrics: those whose mean is the score.
        n: examples of the split.
        scores: by seed.
        score: their mean, with its t interval.
        spread: their standard deviation; ``None`` for one seed.
        against: the ``vanilla`` that it is compared with; empty where there is none, or for that one itself.
        difference: to that, paired over the seeds that both have.
        p_t: of the paired t-test over these seeds; ``None`` where it cannot be told, as for one seed.
        p_wilcoxon: of Wilcoxon's signed-rank test over them.
        p_holm: ``p_t``, corrected by Holm for the ``family`` of methods of this task and split that have one.
        failed: runs that failed to train: all examples get one class, or one score, or the training diverged, which
            leaves no score.
        judged: runs of which that is known.
    """

    task: str
    split: str
    method: str
    base: str
    settings: dict[str, Any]
    own: dict[str, Any]
    metrics: tuple[str, ...]
    n: int
    scores: dict[int, float]
    score: Estimate
    spread: float | None
    against: str
    difference: Estimate | None
    p_t: float | None
    p_wilcoxon: float | None
    failed: int
    judged: int

    @property
    def score_name(self) -> str:
        """``accuracy``, or ``mean of accuracy and f1``."""
        return self.metrics[0] if len(self.metrics) == 1 else f"mean of {' and '.join(self.metrics)}"


def method_rows(evaluations: Sequence[Evaluated], failures: Sequence[FailureRecord] = ()) -> list[MethodRow]:
    """Rows by task, split and method, of checkpoints whose training is known; static sets are left out.

    Args:
        evaluations: of the checkpoints.
        failures: of the cells that were not done since; only trainings that diverged count.
    """
    trained = [
        (evaluated.record, evaluated.training)
        for evaluated in evaluations
        if evaluated.training and not static_set(evaluated.record.split)
    ]
    names = MethodNames((record.task, training) for record, training in trained)
    groups: dict[tuple[str, str], dict[str, list[tuple[EvaluationRecord, TrainingRecord]]]] = {}
    for record, training in trained:
        of_split = groups.setdefault((record.task, record.split), {})
        of_split.setdefault(names(record.task, training), []).append((record, training))
    diverged = [failure for failure in failures if failure.what == "train" and failure.diverged]
    return [row for key in sorted(groups) for row in corrected(_rows(groups[key], diverged), lambda tested: tested.p_t)]


_Group = Mapping[str, Sequence[tuple[EvaluationRecord, TrainingRecord]]]
"""What was evaluated on one split of one task, by method."""


def _rows(group: _Group, diverged: Sequence[FailureRecord]) -> list[MethodRow]:
    return [_row(method, group, _against(method, group), diverged) for method in sorted(group, key=method_order)]


def _row(method: str, group: _Group, against: str, diverged: Sequence[FailureRecord]) -> MethodRow:
    records = [record for record, _ in group[method]]
    first, training = group[method][0]
    metrics = score_metrics(first.task, first.metrics)
    scores, others = (_scores(group[name], metrics) if name else {} for name in (method, against))
    shared = sorted(scores.keys() & others.keys())
    paired = tuple([of[seed] for seed in shared] for of in (scores, others))
    failed = [told for record in records if (told := _failed(record, metrics)) is not None]
    failed += [True] * len({f.seed for f in diverged if _made_as(f) == _made_as(training)} - scores.keys())
    return MethodRow(
        first.task,
        first.split,
        method,
        training.base,
        settings=_shared_settings(training),
        own={"name": training.method, **training.settings.get("method", {})},
        metrics=metrics,
        n=first.n,
        scores=scores,
        score=mean_over_seeds(list(scores.values())).within(-1.0 if metrics[0] in BELOW_ZERO else 0.0, 1.0),
        spread=float(np.std(list(scores.values()), ddof=1)) if len(scores) > 1 else None,
        against=against if shared else "",
        difference=paired_over_seeds(*paired) if shared else None,
        p_t=paired_t_over_seeds(*paired),
        p_wilcoxon=wilcoxon_over_seeds(*paired),
        failed=sum(failed),
        judged=len(failed),
    )


def _scores(group: Sequence[tuple[EvaluationRecord, TrainingRecord]], metrics: Sequence[str]) -> dict[int, float]:
    """By seed. A correlation that constant predictions leave undefined counts as 0, as scikit-learn's Matthews does."""
    by_seed = {training.seed: record.metrics for record, training in group}
    return {seed: float(np.mean([by_seed[seed].get(name) or 0.0 for name in metrics])) for seed in sorted(by_seed)}


def _failed(record: EvaluationRecord, metrics: Sequence[str]) -> bool | None:
    if not record.label_counts:
        return any(record.metrics.get(name) is None for name in metrics)
    return sum(count > 0 for count in record.predicted_counts) == 1 if record.predicted_counts else None


def _made_as(training: TrainingRecord | FailureRecord) -> tuple[Any, ...]:
    return training.task, training.method, training.variant, settings_but_method(training)


def _against(method: str, group: _Group) -> str:
    """The ``vanilla`` with the same settings of the training, else the only one."""
    baselines = [name for name in sorted(group, key=method_order) if is_baseline(name)]
    if method in baselines:
        return ""
    settings = {name: _shared_settings(group[name][0][1]) for name in (method, *baselines)}
    same = [name for name in baselines if settings[name] == settings[method]]
    return next(iter(same), baselines[0] if len(baselines) == 1 else "")


def _shared_settings(training: TrainingRecord) -> dict[str, Any]:
    return {**settings_but_method(training), "trained on": training.task, "base": training.base}
