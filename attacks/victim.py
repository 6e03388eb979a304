"""Victims: classifiers that turn texts into scores in batches, whatever they are made of."""

import hashlib
import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.gradients import Span, embedding_gradient, encode_one, token_spans
from attacks.score_cache import ScoreCache
from attacks.settings import VictimOptions
from robustbench_mt.bases import find_model
from robustbench_mt.checkpoints import fingerprint, load_classifier
from robustbench_mt.errors import BadCheckpointError, BadVictimError, LabelMismatchError, NotFoundError, UnsafeFileError
from robustbench_mt.paths import is_directory, is_file
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks import map_labels
from robustbench_mt.tasks.task import Task
from robustbench_mt.wording import first_line

__all__ = ["FunctionVictim", "HuggingFaceVictim", "SklearnVictim", "Victim", "as_texts", "load_victim"]


class Victim(ABC):
    """A classifier under attack; also a TextAttack model wrapper, so every recipe takes it.

    Attributes:
        name: what records call it.
        fingerprint: tells it from another victim of the same name.
        model, tokenizer: what some recipes ask TextAttack's wrappers for.
    """

    model: Any = None
    tokenizer: Any = None
    _cache: ScoreCache | None = None

    def __init__(self, name: str, fingerprint: str, classes: int) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.classes = classes

    @abstractmethod
    def _raw_scores(self, texts: Sequence[tuple[str, ...]]) -> Any:
        """Scores of texts, in their order: n x classes, columns in the task's order."""

    def score(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        """Scores of texts: n x classes, logits or probabilities, columns in the order of the task's labels.

        Args:
            texts: one tuple an example, one string a field. Equal texts are scored once; a checkpoint scores no text
                again that it has scored lately.

        Raises:
            UserError: the victim returned the wrong shape or values that are not finite.
        """
        distinct = list(dict.fromkeys(texts))
        found = {text: self._cache.get(text) for text in distinct} if self._cache else {}
        missing = [text for text in distinct if found.get(text) is None]
        if missing:
            scores = self._checked_scores(missing)
            found.update(zip(missing, scores, strict=True))
            if self._cache:
                self._cache.keep(missing, scores)
        return np.array([found[text] for text in texts], np.float32).reshape(len(texts), self.classes)

    def _checked_scores(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        try:
            with np.errstate(over="ignore"):  # what overflows is refused below
                scores = np.asarray(self._raw_scores(texts), np.float32)
        except (TypeError, ValueError) as error:
            raise BadVictimError(f"The victim {self.name} did not return a matrix of numbers: {error}.") from None
        expected = (len(texts), self.classes)
        if scores.shape != expected:
            raise BadVictimError(
                f"The victim {self.name} returned scores of shape {scores.shape} for {len(texts)} texts: "
                f"it must be {expected}, one row a text and one column a label."
            )
        if not np.isfinite(scores).all():
            raise BadVictimError(f"The victim {self.name} returned scores that are not finite (NaN or inf): mend it.")
        return scores

    def probabilities(self, texts: Sequence[tuple[str, ...]], anew: bool = False) -> NDArray[np.float32]:
        """Class probabilities of texts, n x classes: scores whose rows sum to 1 as they are, a softmax of others.

        This is TextAttack's own rule, so that these are the scores that an attack sees.

        Args:
            texts: as :meth:`score` takes them.
            anew: score all of them, whatever was scored before.
        """
        scores = torch.from_numpy(self._checked_scores(texts) if anew else self.score(texts))
        if not ((scores.sum(dim=1) - 1).abs() < 1e-6).all():
            scores = scores.softmax(dim=1)
        result: NDArray[np.float32] = scores.numpy()
        return result

    def __call__(self, text_input_list: Sequence[str | tuple[str, ...]], **_: Any) -> torch.Tensor:
        """TextAttack's interface: a list of texts, or of tuples where there are two fields."""
        return torch.from_numpy(self.score(as_texts(text_input_list)))


def as_texts(text_input_list: Sequence[str | tuple[str, ...]]) -> list[tuple[str, ...]]:
    """What TextAttack hands to a model wrapper, as this package has texts: one tuple each."""
    return [(text,) if isinstance(text, str) else tuple(text) for text in text_input_list]


class HuggingFaceVictim(Victim):
    """A sequence classifier of transformers; scores are its logits.

    Args:
        name: what records call it.
        scorer: the model and its tokenizer.
        columns: for each label of the task, the model's output.
        fingerprint: of the weights.
    """

    def __init__(self, name: str, scorer: Scorer, columns: Sequence[int], fingerprint: str) -> None:
        super().__init__(name, _with_columns(fingerprint, columns), len(columns))
        self.model = scorer.model
        self.tokenizer = scorer.tokenizer
        self._scorer = scorer
        self.columns = list(columns)
        self._cache = ScoreCache()

    def _raw_scores(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        try:
            return self._scorer(texts)[:, self.columns]
        # Out of memory; tokens that the model has no place for; a configuration that says nonsense.
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise BadCheckpointError(f"The checkpoint {self.name} cannot score texts: {first_line(error)}.") from error

    @property
    def max_length(self) -> int:
        """Tokens that the model can read."""
        return self._scorer.max_length

    def get_grad(self, text_input: str | tuple[str, ...]) -> dict[str, Any]:
        """TextAttack's interface to gradients: of a text, or of a tuple where there are two fields.

        Returns:
            ``ids``, a tensor of 1 x tokens, and ``gradient``, tokens x dimensions: of the loss of the class that the
            model predicts by each token's embedding, see :func:`attacks.gradients.embedding_gradient`.
        """
        (text,) = as_texts([text_input])
        encoded = encode_one(self.tokenizer, text, self.max_length, return_tensors="pt").to(self.model.device)
        return {"ids": encoded["input_ids"], "gradient": embedding_gradient(self.model, encoded)}

    def token_spans(self, text_input: str | tuple[str, ...]) -> list[Span | None]:
        """Where in its fields each token that :meth:`get_grad` tells of stands, ``None`` for special tokens."""
        (text,) = as_texts([text_input])
        return token_spans(encode_one(self.tokenizer, text, self.max_length, return_offsets_mapping=True))


class FunctionVictim(Victim):
    """Any function from a list of texts (strings, or tuples of two) to a matrix of scores.

    Example:
        >>> praise = lambda texts: [["wonderful" not in text, "wonderful" in text] for text in texts]
        >>> FunctionVictim("praise", praise, 2, "version 1").score([("a wonderful film",), ("a film",)])
        array([[0., 1.],
               [1., 0.]], dtype=float32)
    """

    def __init__(self, name: str, function: Callable[[list[Any]], Any], classes: int, fingerprint: str) -> None:
        super().__init__(name, fingerprint, classes)
        self.model = function
        self._function = function

    def _raw_scores(self, texts: Sequence[tuple[str, ...]]) -> Any:
        inputs: list[Any] = [text[0] if len(text) == 1 else text for text in texts]
        try:
            return self._function(inputs)
        except (Exception, SystemExit) as error:  # a user's function may raise anything
            raise BadVictimError(
                f"The victim {self.name} raised {type(error).__name__}: {first_line(error)}. Mend it: it must take a "
                "list of texts and return one row of scores each."
            ) from error


class SklearnVictim(FunctionVictim):
    """A fitted scikit-learn pipeline from texts to class probabilities."""

    def __init__(self, name: str, pipeline: Any, task: Task, fingerprint: str, given: Mapping[str, str] | None) -> None:
        columns = _columns(name, task, dict(enumerate(map(str, pipeline.classes_))), given)

        def probabilities(texts: list[Any]) -> NDArray[np.float64]:
            result: NDArray[np.float64] = pipeline.predict_proba(texts)[:, columns]
            return result

        super().__init__(name, probabilities, len(columns), _with_columns(fingerprint, columns))
        self.model = pipeline


def load_victim(spec: str, task: Task, options: VictimOptions | None = None, *, allow_network: bool = False) -> Victim:
    """Load the classifier that is to be evaluated or attacked.

    Args:
        spec: a checkpoint's directory, a hub id, ``sklearn:FILE`` or ``python:MODULE:FUNCTION``.
        task: its labels are mapped to the classifier's.
        options: flags for what is not safe, and a label mapping.
        allow_network: download a hub id that is not in the Hugging Face cache.

    Raises:
        UserError: it cannot be loaded, is not a classifier, or its labels are not the task's.

    Example:
        >>> victim = load_victim("checkpoints/toy-vanilla-seed0", task)
        >>> victim.probabilities([("the film was really wonderful .",)]).round(1)
        array([[0., 1.]], dtype=float32)
    """
    options = options or VictimOptions()
    given = _parse_mapping(options.map_labels)
    kind, _, rest = spec.partition(":")
    if kind == "sklearn":
        return _load_sklearn(Path(rest), task, options, given)
    if kind == "python":
        return _load_function(rest, task)
    path = find_model(spec, allow_network, options.allow_pickle)
    model, tokenizer = load_classifier(path, options.allow_pickle, options.allow_remote_code)
    name = _safe_name(path.resolve().name if is_directory(spec) else spec)
    if task.is_regression:
        if model.config.num_labels != 1:
            raise LabelMismatchError(
                f"Task {task.name} is a regression task, but {spec} has {model.config.num_labels} outputs: "
                "give a checkpoint with one."
            )
        columns = [0]
    else:
        names = {column: str(name) for column, name in model.config.id2label.items()}
        columns = _columns(spec, task, names, given)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        scorer = Scorer(model.to(device), tokenizer)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:  # files that do not fit together
        raise BadCheckpointError(f"{path} cannot score texts: {first_line(error)}.") from error
    return HuggingFaceVictim(name, scorer, columns, fingerprint(path))


def _columns(victim: str, task: Task, names: Mapping[int, str], given: Mapping[str, str] | None) -> list[int]:
    try:
        return map_labels(task.label_names, names, given)
    except LabelMismatchError as error:
        # It may be one of many.
        raise LabelMismatchError(f"{victim}: {error}") from None


def _load_sklearn(path: Path, task: Task, options: VictimOptions, given: Mapping[str, str] | None) -> Victim:
    task.require_classes("a scikit-learn victim")
    if not is_file(path):
        raise NotFoundError(f"There is no file {path}: give sklearn:FILE, a fitted pipeline saved with joblib.")
    if not options.allow_pickle:
        raise UnsafeFileError(
            f"{path} is a pickle, which can run any code when it is read: add --allow-pickle if you trust it."
        )
    import joblib

    try:
        pipeline = joblib.load(path)
    except Exception as error:  # a broken pickle may raise anything
        raise BadVictimError(f"{path} cannot be loaded with joblib: {type(error).__name__}: {error}") from None
    if not (hasattr(pipeline, "predict_proba") and hasattr(pipeline, "classes_")):
        raise BadVictimError(f"{path} holds no classifier with predict_proba: save a fitted scikit-learn pipeline.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return SklearnVictim(_safe_name(path.stem), pipeline, task, digest, given)


def _load_function(spec: str, task: Task) -> Victim:
    task.require_classes("a function as victim")
    module_name, _, function_name = spec.partition(":")
    if not (module_name and function_name):
        raise BadVictimError(f"The victim python:{spec} is not python:MODULE:FUNCTION.")
    # As python -m does: a module in the current directory can be named.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:  # importing a user's module may raise anything
        raise BadVictimError(f"The victim python:{spec} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(function):
        raise BadVictimError(f"The victim python:{spec} is not a function.")
    source = getattr(sys.modules[module_name], "__file__", None)
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16] if source else "unknown"
    return FunctionVictim(_safe_name(f"{module_name}.{function_name}"), function, len(task.label_names), digest)


def _parse_mapping(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(equals and name and value for name, equals, value in pairs):
        raise LabelMismatchError(f"The label mapping {text!r} is not of the form TASK=CHECKPOINT,TASK=CHECKPOINT.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _with_columns(fingerprint: str, columns: Sequence[int]) -> str:
    """The fingerprint of a classifier whose labels are mapped: mapped otherwise it is another classifier."""
    return fingerprint if list(columns) == sorted(columns) else f"{fingerprint}-{'.'.join(map(str, columns))}"


def _safe_name(name: str) -> str:
    """A name that is also a file name: no separators, no leading dot, not too long."""
    safe = "".join(letter if letter.isalnum() or letter in "._+-" else "_" for letter in name).lstrip(".")
    return safe[:100] or "victim"
