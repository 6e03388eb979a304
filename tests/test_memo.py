"""What is remembered is what TextAttack would have worked out; what is kept is bounded."""

import numpy as np
import pytest

from attacks.memo import remembered
from attacks.score_cache import ScoreCache
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
    with remembered():
        assert attacked_text.words_from_text is not plain
        for _ in range(2):
            words = attacked_text.words_from_text(text)
            assert words == expected
            words.append("what is given away must not be what is kept")
        assert strings.is_one_word(text) == (len(expected) == 1)
        assert textattack.shared.AttackedText(text).words == expected
    assert attacked_text.words_from_text is plain
    assert strings.words_from_text is plain


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
