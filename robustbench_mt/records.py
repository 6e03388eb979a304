"""The records: one typed JSON line a claim, the only thing that two rooms share.

Every number that a table, a figure or the terminal shows is computed from these.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from robustbench_mt.interval_kinds import MetricInterval
from robustbench_mt.record_json import from_json, to_json

__all__ = [
    "NOT_ATTACKED",
    "AttackRecord",
    "AttackRun",
    "EvaluationRecord",
    "MatchingSnapshot",
    "MatchingTrace",
    "Record",
    "Status",
    "TrainingRecord",
    "TransferRecord",
    "from_json",
    "to_json",
]

Status = Literal["success", "failed", "skipped", "error"]
"""How an attack on one example ended.

``success``: the label flipped; ``failed``: it withstood, also where a recipe has another goal and reached that (its
``message`` says so); ``skipped``: it was misclassified before, or there was nothing to attack (the ``message`` says
which); ``error``: an exception, never counted as withstood.
"""

NOT_ATTACKED = "not attacked"
"""How the ``message`` of a skipped example begins on which no attack was begun, misclassified before or not."""


@dataclass(frozen=True)
class Record:
    """What all records share.

    Attributes:
        kind: written to each line, so that a line can be read alone.
        file: where a run's directory has the lines; empty for those of an attack, which has files of its own.
        schema: raised when a field changes its meaning.
    """

    kind: ClassVar[str] = "record"
    file: ClassVar[str] = ""
    schema: ClassVar[int] = 1

    # For pydantic, which validates what is read back: no field that we do not know, no number that is not finite.
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    @property
    def contradiction(self) -> str:
        """What in a record cannot be true, to refuse one that is read back; empty where all may be."""
        return ""


@dataclass(frozen=True)
class MatchingSnapshot:
    """A batch's matching matrix, N x N, and its N labels: class indices, or scores of a regression task."""

    step: int
    labels: list[int | float]
    matrix: list[list[float]]


@dataclass(frozen=True)
class MatchingTrace:
    """What the matching matrix did over training.

    Attributes:
        mass: one row a step: ``[step, self, same label, other label]``, the mean share of a row's mass.
        snapshots: a few matrices.
    """

    mass: list[list[float]] = field(default_factory=list)
    snapshots: list[MatchingSnapshot] = field(default_factory=list)

    @property
    def contradiction(self) -> str:
        """As a record's."""
        if any(len(row) != 4 for row in self.mass):
            return "its mass is not of three kinds at each step"
        sizes = [(len(snapshot.labels), list(map(len, snapshot.matrix))) for snapshot in self.snapshots]
        return "" if all(n and rows == [n] * n for n, rows in sizes) else "a matching matrix is not N x N for N labels"


@dataclass(frozen=True)
class TrainingRecord(Record):
    """How a checkpoint was made; also the content of its ``training.json``.

    Attributes:
        checkpoint: the checkpoint's name (its directory's).
        task, base, method, seed: what was trained.
        label_names: the task's, in the order of the classifier's outputs.
        settings: learning rate, batch size and the like, and under ``method`` the method's own.
        data: fingerprints and sizes of the training and validation sets, as given; ``resampled_examples`` says how many
            training examples there were after a method that changes the data had drawn from them.
        temperature: the calibrated or given one, for methods that match; of several that were calibrated, the last on a
            batch of the largest size.
        history: one entry an epoch: ``step``, ``epoch``, ``loss`` and validation metrics.
        matching: for methods that match.
        variant: the settings that an experiment varied, e.g. ``batch_size=8``; else empty.
        seconds: wall time of the training.
        versions: of python, torch, transformers and this package.
    """

    kind: ClassVar[str] = "training"
    file: ClassVar[str] = "train.jsonl"

    checkpoint: str
    task: str
    base: str
    method: str
    seed: int
    label_names: list[str]
    settings: dict[str, Any]
    data: dict[str, Any]
    history: list[dict[str, float]]
    seconds: float
    versions: dict[str, str]
    temperature: float | None = None
    matching: MatchingTrace | None = None
    variant: str = ""

    @property
    def contradiction(self) -> str:
        return self.matching.contradiction if self.matching else ""


@dataclass(frozen=True)
class EvaluationRecord(Record):
    """A checkpoint's scores on a split, no attack.

    Attributes:
        victim: the classifier's fingerprint.
        n: examples scored.
        metrics: by name; ``accuracy`` always for classification.
        intervals: the metrics' 95% intervals over examples, low and high; a metric that has none is missing.
        interval_kinds: of which kind each is; where an earlier version did not say, a percentile bootstrap.
        label_counts: true examples of each class, in the order of the label names; empty for regression.
        predicted_counts: examples classified as each class, in the same order; empty for regression and where an
            earlier version did not count them.
        warnings: what the evaluation doubts (accuracy at or under chance).
    """

    kind: ClassVar[str] = "evaluation"
    file: ClassVar[str] = "evaluate.jsonl"

    checkpoint: str
    victim: str
    task: str
    split: str
    n: int
    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    label_counts: list[int]
    data: str
    warnings: list[str] = field(default_factory=list)
    predicted_counts: list[int] = field(default_factory=list)
    interval_kinds: dict[str, MetricInterval] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells the evaluation from a run's others: checkpoint, task and split."""
        return self.checkpoint, self.task, self.split

    @property
    def contradiction(self) -> str:
        accuracy = self.metrics.get("accuracy")
        return "" if accuracy is None or 0 <= accuracy <= 1 else f"its accuracy is {accuracy}"


@dataclass(frozen=True)
class AttackRun(Record):
    """The settings that all lines of one attack file share; stands beside it as ``<recipe>.settings.json``.

    A resumed run must have the same, but for the versions.

    Attributes:
        checkpoint: the victim's name.
        victim: what tells this victim from another of the same name (a fingerprint of its weights).
        task, split, data: what is attacked; ``data`` is the split's fingerprint.
        recipe: its name; ``build`` says what was built, constraint by constraint.
        sample, seed, max_characters: see :class:`attacks.settings.AttackSettings`. How many examples are attacked is no
            setting: a run can go on with more.
        max_queries, max_seconds, max_words: the budget of one example, ``None`` for no limit.
        protected_fields: not changed by the attack.
        label_names: the task's.
        resources: what the recipe used, and where from: ``{"stop words": "scikit-learn (fallback)"}``.
        versions: of python, torch, transformers, textattack and this package.
        warnings: what probing the victim before the attack brought up; may differ in a resumed run.
    """

    kind: ClassVar[str] = "attack run"

    checkpoint: str
    victim: str
    task: str
    split: str
    data: str
    recipe: str
    build: str
    sample: str
    seed: int
    max_characters: int
    fields: list[str]
    protected_fields: list[str]
    label_names: list[str]
    resources: dict[str, str]
    versions: dict[str, str]
    max_queries: int | None = None
    max_seconds: float | None = None
    max_words: float | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def contradiction(self) -> str:
        return "" if self.label_names and self.fields else "its task has no classes or no text"


@dataclass(frozen=True)
class AttackRecord(Record):
    """One attacked example.

    Attributes:
        index: the example's position in the split.
        seed: the seed this example was attacked with.
        label: the true class.
        status: see :data:`Status`; ``message`` says why, for ``skipped`` and ``error``.
        texts, perturbed_texts: one string a field, before and after.
        scores, perturbed_scores: class probabilities before and after.
        queries: texts that the recipe had scored, by TextAttack's count.
        words, words_changed: of the fields that may change (TextAttack's words).
        seconds: wall time.
        fallbacks: what stood in for a missing resource.
        ended_by: the budget that an attack which failed ran into: ``queries``, ``seconds`` or ``words``; else empty.
        candidates, candidates_kept: texts that the recipe's transformation made, and those of them that its
            constraints let through.
    """

    kind: ClassVar[str] = "attack"

    index: int
    seed: int
    label: int
    status: Status
    texts: list[str]
    perturbed_texts: list[str] | None = None
    scores: list[float] | None = None
    perturbed_scores: list[float] | None = None
    queries: int = 0
    words: int = 0
    words_changed: int = 0
    seconds: float = 0.0
    message: str = ""
    fallbacks: list[str] = field(default_factory=list)
    ended_by: Literal["", "queries", "seconds", "words"] = ""
    candidates: int = 0
    candidates_kept: int = 0

    @property
    def contradiction(self) -> str:
        return "it has scores for no class" if [] in (self.scores, self.perturbed_scores) else ""


@dataclass(frozen=True)
class TransferRecord(Record):
    """Adversarial texts found against one checkpoint, scored on another: one entry of the transfer matrix.

    An attack that has gone on is scored anew, and so is a checkpoint that has changed: of the lines with the same
    source, task, recipe and target the last one counts. Where target and source are one, the texts are scored on the
    checkpoint that they were found against.

    Attributes:
        source: the checkpoint that was attacked, with ``attacked`` as its fingerprint; ``recipe``, ``task``, ``split``
            and ``data`` as in its attack.
        target: the checkpoint that scores the texts; ``victim`` is its fingerprint.
        found: adversarial texts (attacks of status ``success``) in the source's file when this was scored.
        n: of those, examples that the target classifies correctly before the attack.
        fooled: of those ``n``, examples that it misclassifies after.
    """

    kind: ClassVar[str] = "transfer"
    file: ClassVar[str] = "transfer.jsonl"

    source: str
    attacked: str
    recipe: str
    task: str
    split: str
    data: str
    target: str
    victim: str
    found: int
    n: int
    fooled: int

    @property
    def contradiction(self) -> str:
        counts = f"{self.fooled} fooled of {self.n} of {self.found}"
        return "" if self.fooled <= self.n <= self.found else counts
