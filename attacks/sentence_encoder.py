"""The sentence encoder of the recipes that end in -sbert, in place of the one that TextAttack has.

TextAttack's is the Universal Sentence Encoder (Cer et al., 2018), which needs TensorFlow and a download, and for A2T
``stsb-distilbert-base``. A recipe is never built with another encoder under its published name.
Importing this imports nothing heavy.
"""

from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from attacks.encoder_modules import check_modules
from attacks.recipe import Recipe
from attacks.settings import RecipeOptions
from robustbench_mt.bases import BASES, find_base
from robustbench_mt.errors import MissingPackageError, NotFoundError, UserError
from robustbench_mt.paths import is_directory

__all__ = ["THRESHOLDS", "Threshold", "encoder_name", "find_encoder", "use_sentence_encoder", "with_sentence_encoder"]

_PUBLISHED = ("universal sentence encoder", "sentence-bert")


@dataclass(frozen=True)
class Threshold:
    """The least similarity that a recipe lets pass.

    Attributes:
        metric: cosine, or angular: 1 less the angle in units of pi.
        window: words that are compared; the whole text where it is ``None``.
        published: the threshold of TextAttack's recipe, for its own encoder.
        ours: what stands in for it, for MiniLM.
    """

    metric: Literal["angular", "cosine"]
    window: int | None
    published: float
    ours: float


# The rule: ours lets through as many of the same pairs of texts as the published threshold does with its own encoder
# (equipercentile linking). benchmarks/sentence_threshold.py computes them; as it printed them, the kinds being one
# synonym put in, any number of synonyms, one random word, any number of random words, and another review:
#                                                        let through by kind,     let through by kind,
#                 published  share  ours, 95% interval     published                ours
#   textfooler    0.8408     0.373  0.8241, 0.817-0.829    .89 .27 .65 .05 .00      .87 .27 .64 .08 .00
#   textbugger    0.8        0.513  0.7783, 0.772-0.785    1.0 .48 .98 .11 .00      .99 .49 .97 .12 .00
#   bae           0.9363     0.223  0.9272, 0.921-0.932    .67 .12 .31 .01 .00      .63 .13 .33 .02 .00
#   bert-attack   0.2        0.877  0.2147, 0.208-0.226    1.0 1.0 1.0 .99 .39      1.0 1.0 1.0 .90 .48
#   clare         0.7        0.599  0.6191, 0.608-0.631    1.0 .78 .97 .24 .00      .99 .75 .96 .29 .00
#   a2t           0.9        0.085  0.9114, 0.901-0.920    (pairs of STS-B, not of these kinds)
# Neither of the recipes' own encoders was to be had. In USE's place (English, version 3) is its multilingual version 3,
# quantized, in numpy; for a2t, the judges' scores of STS-B that stsb-distilbert-base was trained to predict.
THRESHOLDS = {
    "textfooler": Threshold("angular", 15, 0.840845057, 0.824),
    "textbugger": Threshold("angular", None, 0.8, 0.778),
    "bae": Threshold("cosine", 15, 0.936338023, 0.927),
    "bert-attack": Threshold("cosine", None, 0.2, 0.215),
    "clare": Threshold("cosine", 15, 0.7, 0.619),
    "a2t": Threshold("cosine", None, 0.9, 0.911),
}
"""By the recipe's published name."""


def with_sentence_encoder(recipe: Recipe) -> Recipe:
    """The variant of a recipe that takes the encoder of :class:`attacks.settings.RecipeOptions`."""
    return replace(
        recipe,
        name=f"{recipe.name}-sbert",
        summary=f"as {recipe.name}, with a sentence-transformers model as its encoder",
        needs=tuple("sentence encoder" if need in _PUBLISHED else need for need in recipe.needs),
        compose=_build_a2t if recipe.class_name == "A2TYoo2021" else recipe.compose,
        # Not a function of its own: recipes are pickled for workers.
        adapt=partial(use_sentence_encoder, recipe),
    )


def use_sentence_encoder(recipe: Recipe, attack: Any, victim: Any, options: RecipeOptions) -> Any:
    """Put the encoder of the options in the place of the recipe's own, with the threshold that stands in for its own.

    The windows that are compared stay. The model is looked for now and loaded when the attack first asks for a vector.

    Args:
        recipe: the published one, of a name in :data:`THRESHOLDS`.
        attack: a ``textattack.Attack`` as TextAttack built it, with one constraint on sentence vectors; it is changed.
        victim: for what the published recipe itself adapts.
        options: its ``sentence_encoder``.

    Returns:
        The attack.

    Raises:
        UserError: the encoder is not here, or is no model of sentence-transformers.
    """
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    from attacks.sentence_constraint import SentenceSimilarity, shared_encoder

    encoder, fingerprint = shared_encoder(find_encoder(options.sentence_encoder))
    if recipe.adapt is not None:
        attack = recipe.adapt(attack, victim, options)
    (position,) = (i for i, constraint in enumerate(attack.constraints) if isinstance(constraint, SentenceEncoder))
    published = attack.constraints[position]
    attack.constraints[position] = SentenceSimilarity(
        encoder,
        f"{encoder_name(options)}, {fingerprint}",
        THRESHOLDS[recipe.name].ours,
        published.metric,
        published.compare_against_original,
        published.window_size,
        published.skip_text_shorter_than_window,
    )
    return attack


def _build_a2t(victim: Any) -> Any:
    """A2T as TextAttack builds it, but that its own encoder is not loaded, as it will be replaced; USE never is."""
    from textattack.attack_recipes import A2TYoo2021
    from textattack.constraints.semantics.sentence_encoders.sentence_bert import sbert

    before = sbert.sentence_transformers
    sbert.sentence_transformers = SimpleNamespace(SentenceTransformer=lambda _: SimpleNamespace(to=lambda _: None))
    try:
        return A2TYoo2021.build(victim)
    finally:
        sbert.sentence_transformers = before


def encoder_name(options: RecipeOptions) -> str:
    """What records call the encoder: never a path of this machine."""
    name = options.sentence_encoder
    if name == "minilm":
        return name
    return f"{Path(name).resolve().name if is_directory(name) else name} (thresholds calibrated for minilm)"


def find_encoder(name: str) -> Path:
    """The directory of a sentence-transformers model whose weights are safetensors and which brings no code.

    Args:
        name: a name in :data:`robustbench_mt.bases.BASES`, a directory, or a hub id that the Hugging Face cache has.

    Raises:
        UserError: it is not here, or is not such a model, or the package sentence-transformers is not installed.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingPackageError("A sentence encoder needs what is not installed: pip install sentence-transformers.")
    try:
        path = find_base(name)
    except UserError:
        if name in BASES:
            raise
        raise NotFoundError(
            f"There is no sentence encoder {name}: give minilm, the directory of a sentence-transformers model, "
            f"or a hub id that the Hugging Face cache has (huggingface-cli download {name})."
        ) from None
    check_modules(path)
    return path
