"""What is remembered is what TextAttack would have worked out; what is kept is bounded."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.score_cache import ScoreCache
from attacks.shortcuts import shortcuts
from attacks.textattack_import import import_textattack

TEXTS = [
    "the film was really wonderful .",
    "it's a 'quoted' thing -- isn't_it? *** well-known @home ***",
    "two  spaces\ttab\nline\u00a0hard\u2028separator\u200bzero",
    "电影 was good 好",
    "naïve café ﬁne Straße İstanbul 𝒻𝒶𝓃𝒸𝓎 ᴢ ɑ",
    "a" * 500 + " " + "b-" * 200,
    "",
    "<b>bold</b> \u202eesrever\u202c \ud800 lone \x00 null",
    "I wrote <SPLIT> here, I",
]


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_textattacks(text: str) -> None:
    textattack = import_textattack()
    from textattack.shared import attacked_text
    from textattack.shared.utils import strings

    plain = strings.words_from_text
    expected = plain(text)
    with shortcuts():
        assert attacked_text.words_from_text is not plain
        for _ in range(2):
            words = attacked_text.words_from_text(text)
            assert words == expected
            words.append("what is given away must not be what is kept")
        assert strings.is_one_word(text) == (len(expected) == 1)
        assert textattack.shared.AttackedText(text).words == expected
    assert attacked_text.words_from_text is plain
    assert strings.words_from_text is plain


REPLACEMENTS = [
    "bad",
    "so-so",
    "'tis",
    "two words",
    "",
    "naïve",
    "好",
    "I",
    "SPLIT",
    "x_y",
    "_",
    "O'Neill",
    "a<SPLIT>b",
]


@pytest.mark.parametrize("second", [None, "It was I who said <b>so</b>", "plain words only"])
@pytest.mark.parametrize("text", TEXTS)
def test_swapped_words_are_textattacks(text: str, second: str | None) -> None:
    import_textattack()
    from textattack.shared import AttackedText

    def swapped() -> list[Any]:
        fields = OrderedDict(premise=text) if second is None else OrderedDict(premise=text, hypothesis=second)
        start = AttackedText(fields, attack_attrs={"label_names": ["a", "b"]})
        found = [start]
        for step, new in enumerate(REPLACEMENTS * 3):
            current = found[-1 if step % 3 else 0]
            if current.num_words:
                try:
                    found.append(current.replace_word_at_index(step * 7 % current.num_words, new))
                except (ValueError, IndexError) as error:
                    found.append(start)
                    found[-1].failed = type(error)
        return [
            {
                **vars(one),
                "words": one.words,
                "words_per_input": one.words_per_input,
                "attrs": {
                    name: value.tolist() if isinstance(value, np.ndarray) else value
                    for name, value in one.attack_attrs.items()
                    if name != "previous_attacked_text"
                },
                "previous": getattr(one.attack_attrs.get("previous_attacked_text"), "text", None),
                "attack_attrs": None,
                "_starts": None,
            }
            for one in found
        ]

    expected = swapped()
    with shortcuts():
        assert swapped() == expected


def test_a_swap_of_one_word_for_one_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    import_textattack()
    from textattack.shared import AttackedText

    def refuse(*_: Any) -> None:
        raise AssertionError("the long way")

    monkeypatch.setattr(AttackedText, "generate_new_attacked_text", refuse)
    with shortcuts():
        swapped = AttackedText("the film, was really wonderful .").replace_word_at_index(4, "dull")
        assert swapped.text == "the film, was really dull ."
        with pytest.raises(AssertionError, match="long way"):
            swapped.replace_word_at_index(4, "")


def test_cache_keeps_what_was_asked_for_last() -> None:
    cache = ScoreCache(most_characters=1000)
    scores = np.arange(20, dtype=np.float32).reshape(10, 2)
    texts = [(f"text {number}",) for number in range(10)]
    for text, row in zip(texts, scores, strict=True):
        cache.get(texts[0])
        cache.keep([text], row[None])
    kept = [text for text in texts if cache.get(text) is not None]
    assert kept == [texts[0], *texts[-5:]]
    np.testing.assert_array_equal(cache.get(texts[9]), scores[9])


def test_cache_of_a_text_that_is_too_long() -> None:
    cache = ScoreCache(most_characters=1000)
    cache.keep([("x" * 2000,)], np.zeros((1, 2), np.float32))
    assert cache.get(("x" * 2000,)) is None


@pytest.fixture(scope="module")
def masked_swap(tokenizer_dir: Path) -> Any:
    """BERT-Attack's transformation with a random model, whose tokenizer cuts unknown words into letters."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    textattack = import_textattack()
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes))
    return textattack.transformations.WordSwapMaskedLM("bert-attack", model, tokenizer, max_length=32, max_candidates=8)


@pytest.mark.parametrize("word", ["film", "of", "the", "fine", "so-so", "-", "cat's"])
def test_combinations_of_pieces_are_textattacks(masked_swap: Any, word: str) -> None:
    from textattack.shared import AttackedText

    text = AttackedText(f"the plot {word} was good")
    expected = [swapped.text for swapped in masked_swap(text)]
    with shortcuts():
        assert [swapped.text for swapped in masked_swap(text)] == expected
    assert len(expected) > 8


def test_a_word_of_many_pieces_ends(masked_swap: Any) -> None:
    from textattack.shared import AttackedText

    text = AttackedText("the plot was extraordinarily so")
    with shortcuts():
        assert len(masked_swap(text, indices_to_modify=[3])) == 8
