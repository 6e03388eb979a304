"""The tasks that have a name: a plain dict, light enough to list at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustbench_mt.tasks.task import Examples, Task

__all__ = ["TASKS", "TaskEntry"]


@dataclass(frozen=True)
class TaskEntry:
    """What is known of a task before its data is read.

    Attributes:
        summary: one line for ``robustbench-mt list tasks``.
        fields: the names of the text fields, one or two.
        label_names: in the order of the class indices; empty for regression.
        metric: what the task's users report: a name in ``robustbench_mt.metrics.METRICS``.
        source: where the data comes from.
        loader: ``"module:function"``, called with the task's name, this entry and the ``TaskOptions``; imported only
            when the task is loaded.
        protected_fields: fields that an attack must not change.
    """

    summary: str
    fields: tuple[str, ...]
    label_names: tuple[str, ...]
    metric: str
    source: str
    loader: str
    protected_fields: tuple[str, ...] = ()

    def task(self, name: str, splits: Mapping[str, Examples], source: str = "", remarks: Sequence[str] = ()) -> Task:
        """The task with its data.

        Args:
            name: its name.
            splits, source, remarks: as the task has them.
        """
        return Task(
            name, self.fields, self.label_names, splits, self.metric, self.protected_fields, source, tuple(remarks)
        )


def _movie_reviews(summary: str) -> TaskEntry:
    return TaskEntry(
        summary=summary,
        fields=("text",),
        label_names=("negative", "positive"),
        metric="accuracy",
        source="package movie-reviews, installed by robustbench-mt[embedded]",
        loader="robustbench_mt.tasks.movie_reviews:load",
    )


def _zhang(summary: str, label_names: tuple[str, ...], what: str) -> TaskEntry:
    return TaskEntry(
        summary=summary,
        fields=("text",),
        label_names=label_names,
        metric="accuracy",
        source=f"{what}: a local folder (--data-dir or ROBUSTBENCH_MT_GLUE), or the hub with --allow-network",
        loader="robustbench_mt.tasks.zhang:load",
    )


def _glue(
    summary: str,
    fields: tuple[str, ...],
    label_names: tuple[str, ...],
    metric: str = "accuracy",
    protected_fields: tuple[str, ...] = (),
) -> TaskEntry:
    return TaskEntry(
        summary=summary,
        fields=fields,
        label_names=label_names,
        metric=metric,
        source="GLUE: a local folder (--data-dir or ROBUSTBENCH_MT_GLUE), or the hub with --allow-network",
        loader="robustbench_mt.tasks.glue:load",
        protected_fields=protected_fields,
    )


_NLI_FIELDS = ("premise", "hypothesis")

# GLUE's names in the order of nyu-mll/glue on the hub, which published checkpoints follow. It is not the same
# throughout: entailment is class 0 in RTE, QNLI and MNLI, and class 1 in WNLI.
TASKS: dict[str, TaskEntry] = {
    "rotten_tomatoes": _movie_reviews("Is a one-sentence film review negative or positive?"),
    "imdb": _movie_reviews("Is a long film review negative or positive?"),
    "ag_news": _zhang(
        "Which of four sections is a piece of news of?", ("World", "Sports", "Business", "Sci/Tech"), "AG's News"
    ),
    "yelp_polarity": _zhang(
        "Is a review of a business negative or positive?", ("negative", "positive"), "Yelp's reviews"
    ),
    "cola": _glue("Is a sentence grammatical English?", ("sentence",), ("unacceptable", "acceptable"), "matthews"),
    "sst2": _glue("Is a phrase from a film review negative or positive?", ("sentence",), ("negative", "positive")),
    # GLUE reports accuracy and F1 for MRPC and QQP; F1 is the one that their imbalance does not flatter.
    "mrpc": _glue(
        "Do two sentences from the news say the same?",
        ("sentence1", "sentence2"),
        ("not_equivalent", "equivalent"),
        "f1",
    ),
    "stsb": _glue("How similar are two sentences, from 0 to 5?", ("sentence1", "sentence2"), (), "spearman"),
    "rte": _glue(
        "Does the premise entail the hypothesis?",
        _NLI_FIELDS,
        ("entailment", "not_entailment"),
        protected_fields=("premise",),
    ),
    # Seen as inference, the sentence is QNLI's premise, though it comes second.
    "qnli": _glue(
        "Does the sentence answer the question?",
        ("question", "sentence"),
        ("entailment", "not_entailment"),
        protected_fields=("sentence",),
    ),
    "qqp": _glue("Do two questions ask the same?", ("question1", "question2"), ("not_duplicate", "duplicate"), "f1"),
    "mnli": _glue(
        "Does the premise entail the hypothesis, contradict it, or neither?",
        _NLI_FIELDS,
        ("entailment", "neutral", "contradiction"),
        protected_fields=("premise",),
    ),
    "wnli": _glue(
        "Does a sentence with its pronoun replaced follow from the sentence?",
        _NLI_FIELDS,
        ("not_entailment", "entailment"),
        protected_fields=("premise",),
    ),
}
