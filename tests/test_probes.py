"""Probes: each kind of unsound victim is named, and a sound one is not doubted."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import reviews

from attacks.probes import probe
from attacks.victim import FunctionVictim, Victim, load_victim
from robustbench_mt.errors import UserError
from robustbench_mt.tasks.task import Task

TEXTS = [text for text, _ in reviews()[:20]]


def victim(function: Any) -> Victim:
    return FunctionVictim("mine", function, 2, "")


def soft(texts: list[str]) -> np.ndarray[Any, Any]:
    """A sound classifier: every character counts a little."""
    positive = np.array([0.3 + 0.4 * (sum(map(ord, text)) % 97) / 97 for text in texts])
    return np.stack([1 - positive, positive], axis=1)


def test_a_sound_checkpoint_is_not_doubted(checkpoint: Path, task: Task) -> None:
    assert probe(load_victim(str(checkpoint), task), task.split("test").texts) == []


def test_a_sound_checkpoint_of_pairs_is_not_doubted(checkpoint: Path, pair_task: Task) -> None:
    assert probe(load_victim(str(checkpoint), pair_task), pair_task.split("test").texts) == []


def test_a_sound_function_is_not_doubted() -> None:
    assert probe(victim(soft), TEXTS) == []


def test_random_scores() -> None:
    generator = np.random.default_rng(0)
    (doubt,) = probe(victim(lambda texts: generator.dirichlet((5, 5), len(texts))), TEXTS)
    assert "scored twice got different scores (8 of 8 texts" in doubt
    assert "evaluation mode" in doubt


def test_dropout_left_on(checkpoint: Path, task: Task) -> None:
    loaded = load_victim(str(checkpoint), task)
    model = loaded.model.train()

    def scores(texts: list[str]) -> Any:
        return model(**loaded.tokenizer(texts, padding=True, return_tensors="pt")).logits.detach().numpy()

    (doubt,) = probe(victim(scores), TEXTS)
    assert "scored twice" in doubt


def test_a_memory_of_scores_hides_nothing() -> None:
    """What a victim has scored for others is not what the probe sees."""
    generator = np.random.default_rng(0)

    class Remembering(FunctionVictim):
        known: dict[Any, Any]

        def score(self, texts: Any) -> Any:
            missing = [text for text in dict.fromkeys(texts) if text not in self.known]
            self.known.update(zip(missing, super().score(missing), strict=True))
            return np.stack([self.known[text] for text in texts])

    remembering = Remembering("mine", lambda texts: generator.dirichlet((5, 5), len(texts)), 2, "")
    remembering.known = {}
    remembering.score(TEXTS)
    np.testing.assert_array_equal(remembering.score(TEXTS), remembering.score(TEXTS))
    assert "scored twice" in probe(remembering, TEXTS)[0]


def test_scores_that_depend_on_the_batch() -> None:
    def centred(texts: list[str]) -> np.ndarray[Any, Any]:
        scores = soft(texts)
        return (scores + scores.mean(axis=0)) / 2

    (doubt,) = probe(victim(centred), TEXTS)
    assert "depend on what else is in the batch" in doubt
    assert "of 8 texts" in doubt


def test_padding_that_is_attended_to(checkpoint: Path, task: Task) -> None:
    """Texts of unlike lengths in one batch, and no attention mask."""
    import torch

    loaded = load_victim(str(checkpoint), task)

    def unmasked(texts: list[str]) -> Any:
        encoded = loaded.tokenizer(texts, padding=True, return_tensors="pt")
        with torch.no_grad():
            return loaded.model(input_ids=encoded["input_ids"]).logits.numpy()

    doubts = probe(victim(unmasked), TEXTS)
    assert any("missing attention mask" in doubt for doubt in doubts)


@pytest.mark.parametrize("size", [30.0, 1e4])
def test_saturated_scores(size: float) -> None:
    """Logits so far apart that float32 cannot tell the probability from 1."""
    (doubt,) = probe(victim(lambda texts: np.array([[0.0, size + len(text) / 10] for text in texts])), TEXTS)
    assert "8 of 8 texts are saturated: the winning probability (1.0000000" in doubt


def test_labels_in_place_of_scores() -> None:
    """One word decides, and leaving out another shows nothing; of some texts the decisive word is left out."""

    def labels(texts: list[str]) -> list[list[float]]:
        return [[0.0, 1.0] if "film" in text else [1.0, 0.0] for text in texts]

    without = [(f"the plot was {word} .",) for word in ("good", "bad", "odd", "new")]
    (doubt,) = probe(victim(labels), [*without, ("the film was good .",)])
    assert "4 of 5 texts are saturated" in doubt


def test_confident_and_not_blind() -> None:
    confident = [[0.0, 8.0], [0.0, 9.0]]
    assert probe(victim(lambda texts: [confident[len(text) % 2] for text in texts]), [("aa b",), ("a bb c",)]) == []


def test_few_texts_are_scored() -> None:
    counts: list[int] = []

    def counting(texts: list[str]) -> np.ndarray[Any, Any]:
        counts.append(len(texts))
        return soft(texts)

    long = [(" ".join(f"{a}{b}{i}" for a, b in itertools.product("abcdefgh", repeat=2)),) for i in range(50)]
    probe(victim(counting), long)
    assert sum(counts) == 73


def test_nothing_to_probe() -> None:
    assert probe(victim(soft), []) == []
    assert probe(victim(soft), [("",), ("word",)]) == []


def test_a_victim_that_fails_is_one_line() -> None:
    with pytest.raises(UserError, match="returned scores of shape"):
        probe(victim(lambda texts: np.squeeze(soft(texts))), TEXTS)


def test_pairs_lose_words_of_either_field() -> None:
    seen: list[tuple[str, str]] = []

    def function(texts: list[tuple[str, str]]) -> np.ndarray[Any, Any]:
        seen.extend(texts)
        return soft([" ".join(text) for text in texts])

    assert probe(victim(function), [("a b", "c d")]) == []
    assert {*seen} == {
        ("a b", "c d"),
        ("a b a b", "c d c d"),
        (" b", "c d"),
        ("a ", "c d"),
        ("a b", " d"),
        ("a b", "c "),
    }
