"""A classifier that matches at inference as well, as the paper's published snippet does."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.victim import HuggingFaceVictim, Victim
from robustbench_mt.checkpoints import read_training
from robustbench_mt.collation import Padding
from robustbench_mt.errors import BadCheckpointError, ConflictingOptionsError
from robustbench_mt.methods.match import MatchSettings, find_matched_module, hook_representation
from robustbench_mt.methods.matching import batch_temperature, matching_matrix
from robustbench_mt.records import TrainingRecord
from robustbench_mt.scoring import encode_texts
from robustbench_mt.wording import first_line

__all__ = ["MatchedVictim", "matched_victim"]


class MatchedVictim(Victim):
    """A checkpoint whose representations are matched within batches; scores are its logits.

    Texts are scored in the order in which they are given, each as often as it is: both change who is in a batch.

    Args:
        plain: the checkpoint as it scores without matching; this victim has a name of its own.
        settings: where to match, by what similarity, and whether the temperature is calibrated on each batch.
        temperature: divides the similarities; with calibration, only of batches that cannot be calibrated.
        batch_size: texts that are matched together.
    """

    def __init__(self, plain: HuggingFaceVictim, settings: MatchSettings, temperature: float, batch_size: int) -> None:
        self._calibrates = settings.calibrate == "always"
        how = f"{settings.similarity}-{settings.after}-{temperature:.6g}{'-always' * self._calibrates}"
        name = f"{plain.name} (match-inference, batch {batch_size})"
        super().__init__(name, f"{plain.fingerprint}-{how}", plain.classes)
        self.temperature = temperature
        self.batch_size = batch_size
        self._plain = plain
        self._settings = settings
        self._module = find_matched_module(plain.model, settings)
        self._padding = Padding.of(plain.model, plain.tokenizer)

    def score(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        return self._checked_scores(texts)

    def _raw_scores(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        plain = self._plain
        encoded = encode_texts(plain.tokenizer, texts, plain.max_length)
        batches = [encoded[start : start + self.batch_size] for start in range(0, len(encoded), self.batch_size)]
        # The model is the plain victim's as well, and must not stay changed.
        hook = hook_representation(self._module, self._settings, self._match)
        try:
            return np.concatenate([self._forward(batch) for batch in batches])[:, plain.columns]
        except (RuntimeError, IndexError, ValueError) as error:  # out of memory; tokens that the model has no place for
            raise BadCheckpointError(
                f"The checkpoint {plain.name} cannot score {self.batch_size} texts at once: {first_line(error)}."
            ) from error
        finally:
            hook.remove()

    @torch.inference_mode()
    def _forward(self, encoded: list[dict[str, list[int]]]) -> NDArray[np.float32]:
        model = self._plain.model
        batch = {name: value.to(model.device) for name, value in self._padding(encoded).items()}
        logits: NDArray[np.float32] = model(**batch).logits.float().cpu().numpy()
        return logits

    def _match(self, z: Tensor) -> Tensor:
        settings, temperature = self._settings, self.temperature
        if self._calibrates and len(z) > 1:
            trained = temperature / settings.final
            found = batch_temperature(z, settings.similarity, settings.self_mass, trained)
            temperature = found * settings.final
        matrix = matching_matrix(z, temperature, settings.similarity)
        return (matrix @ z.float()).to(z.dtype)


def matched_victim(plain: Victim, temperature: float | None, batch_size: int) -> MatchedVictim:
    """The same checkpoint, matching at inference in the way and with the temperature of the end of its training.

    Args:
        plain: as :func:`attacks.victim.load_victim` loads it.
        temperature: in place of the one that its ``training.json`` tells, or of calibration on each batch where it was
            trained with that; ``training.json`` also tells where and how to match, without it that is the paper's way.
        batch_size: texts that are matched together.

    Raises:
        UserError: not a checkpoint of transformers, or no temperature is known.
    """
    if not isinstance(plain, HuggingFaceVictim):
        raise ConflictingOptionsError(
            f"The victim {plain.name} has no layer to match: give --match-inference a checkpoint."
        )
    training = read_training(Path(plain.model.name_or_path))
    settings, trained = _as_trained(training)
    if temperature is None:
        temperature = trained
    else:
        settings = replace(settings, calibrate="once")
    if temperature is None:
        raise ConflictingOptionsError(
            f"The checkpoint {plain.name} was not trained with match, as far as is known: give a --match-temperature."
        )
    return MatchedVictim(plain, settings, temperature, batch_size)


def _as_trained(training: TrainingRecord | None) -> tuple[MatchSettings, float | None]:
    """How a checkpoint matched, and its temperature at the end of the schedule; the defaults where it did not."""
    if training is None or training.temperature is None:
        return MatchSettings(), None
    method = training.settings["method"]
    recorded = method.get("match", method)
    # A record of an earlier version lacks settings, whose defaults are what that version did.
    known = [field.name for field in fields(MatchSettings)]
    settings = MatchSettings(**{name: recorded[name] for name in known if name in recorded})
    return settings, training.temperature * settings.final
