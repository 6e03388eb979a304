"""A constraint on sentence vectors of a sentence-transformers model. Import it after TextAttack."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import lru
import numpy as np
import torch
from numpy.typing import NDArray
from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

from robustbench_mt.checkpoints import fingerprint
from robustbench_mt.errors import BadCheckpointError
from robustbench_mt.packed_linears import can_pack, pack_linears
from robustbench_mt.quiet import quiet_libraries
from robustbench_mt.surrogates import tokenizable
from robustbench_mt.wording import first_line

__all__ = ["SentenceSimilarity", "TextEncoder", "shared_encoder"]

# Vectors that are kept: the window of the text under attack comes back with each of its substitutes. MiniLM's take
# 30 MB.
_CACHED_TEXTS = 20_000


class TextEncoder:
    """Texts to vectors with a sentence-transformers model, in batches of like length; recent texts' vectors are kept.

    The model is loaded when the first text is encoded.

    Args:
        directory: of the model.
        cached_texts: how many of the last texts keep their vectors.
    """

    def __init__(self, directory: Path, cached_texts: int = _CACHED_TEXTS) -> None:
        self._directory = directory
        self._vectors: lru.LRU[str, NDArray[np.float32]] = lru.LRU(cached_texts)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts, in their order: n x dimensions.

        Raises:
            UserError: the model cannot be loaded.
        """
        distinct = dict.fromkeys(texts)
        known = {text: self._vectors[text] for text in distinct if text in self._vectors}
        fresh = [text for text in distinct if text not in known]
        encoded = dict(zip(fresh, self._encode(fresh), strict=True)) if fresh else {}
        self._vectors.update(encoded)
        vectors = known | encoded
        return np.array([vectors[text] for text in texts], np.float32)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self._model.encode(list(map(tokenizable, texts)), show_progress_bar=False)
        return vectors

    @cached_property
    def _model(self) -> Any:
        quiet_libraries()
        # Building layers draws random numbers, and the attack that happens to be the first must not feel it.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            try:
                from sentence_transformers import SentenceTransformer

                model = SentenceTransformer(
                    str(self._directory),
                    device="cuda" if torch.cuda.is_available() else "cpu",
                    local_files_only=True,
                    model_kwargs={"use_safetensors": True},
                )
            except Exception as error:  # whatever broken files make safetensors, torch or tokenizers raise
                raise BadCheckpointError(
                    f"The sentence encoder {self._directory} cannot be loaded: {first_line(error)}"
                ) from None
        if can_pack(model):
            pack_linears(model)
        return model


class SentenceSimilarity(SentenceEncoder):
    """As TextAttack's constraint on the Universal Sentence Encoder's vectors, on those of another encoder.

    Args:
        encoder: texts to vectors.
        name: what descriptions call the encoder.
        threshold: the least similarity, in units of ``metric``.
        metric: ``cosine``, or ``angular`` (1 less the angle in units of pi).
        compare_against_original: compare with the text under attack, not with the one before the last change.
        window_size: words around the change that are compared; all where it is ``None`` or infinite.
        skip_text_shorter_than_window: let pass all texts of fewer words than ``window_size``.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        name: str,
        threshold: float,
        metric: str,
        compare_against_original: bool,
        window_size: float | None,
        skip_text_shorter_than_window: bool,
    ) -> None:
        super().__init__(threshold, metric, compare_against_original, window_size, skip_text_shorter_than_window)
        self.encoder = name
        self._texts_to_vectors = encoder

    def encode(self, sentences: list[str]) -> NDArray[np.float32]:
        """Vectors of texts, n x dimensions."""
        return self._texts_to_vectors(sentences)

    def _sim_score(self, starting_text: Any, transformed_text: Any) -> Any:
        # TextAttack's own asks for `model.encode`, which its Universal Sentence Encoder lacks too.
        return self._score_list(starting_text, [transformed_text])[0]

    def extra_repr_keys(self) -> list[str]:
        """What a description of the constraint says of it."""
        keys: list[str] = ["encoder", *super().extra_repr_keys()]
        return keys


@lru_cache(maxsize=1)
def shared_encoder(directory: Path) -> tuple[TextEncoder, str]:
    """A process's one encoder, and 16 hexadecimal digits that tell its files from others of the same name."""
    return TextEncoder(directory), fingerprint(directory)
