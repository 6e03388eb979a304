"""What TextAttack does over and over, or at too great a length, done once or cut short; the results are the same.

benchmarks/README.md says how much time each takes.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice, product
from typing import Any
from unittest.mock import patch

__all__ = ["shortcuts"]

# TextAttack cuts texts with Chinese script in their context.
_CUT_IN_CONTEXT = re.compile("[\u4e00-\u9fff]")
_PIECES = 2**16
_LONGEST_PIECE = 64

# Where so many lead to fewer words than are wanted, TextAttack would go on for hours.
_MOST_COMBINATIONS = 100_000


@contextmanager
def shortcuts() -> Iterator[None]:
    """Within, TextAttack takes them; it must have been imported."""
    from textattack.shared import attacked_text
    from textattack.shared.utils import strings
    from textattack.transformations import WordSwapMaskedLM

    split = _splitter(strings.words_from_text)
    combine = _combiner(WordSwapMaskedLM._bert_attack_replacement_words)
    with (
        patch.object(strings, "words_from_text", split),
        patch.object(attacked_text, "words_from_text", split),
        patch.object(WordSwapMaskedLM, "_bert_attack_replacement_words", combine),
    ):
        yield


def _splitter(words_from_text: Any) -> Any:
    """A ``words_from_text`` that splits what stands between two spaces once.

    TextAttack splits every word of every candidate, twice, and then the candidate as a whole.
    """

    @lru_cache(maxsize=_PIECES)
    def of_piece(piece: str) -> tuple[str, ...]:
        return tuple(words_from_text(piece))

    def split(text: str, words_to_ignore: Sequence[str] = ()) -> list[str]:
        if words_to_ignore or _CUT_IN_CONTEXT.search(text):
            return list(words_from_text(text, list(words_to_ignore)))
        words: list[str] = []
        for piece in text.split():
            words.extend(of_piece(piece) if len(piece) <= _LONGEST_PIECE else words_from_text(piece))
        return words

    return split


def _combiner(replacement_words: Any) -> Any:
    """BERT-Attack's substitutes for a word of several pieces, of which it combines eight candidates each.

    TextAttack makes all combinations, 8 to the power of the pieces, and rates them; then it takes the first that are
    one word, unsorted, as it drops what ``sorted`` returns. So the first are enough.
    """
    from textattack.shared import utils

    def combine(self: Any, current_text: Any, index: int, id_preds: Any, masked_lm_logits: Any) -> list[str]:
        tokenizer = self._lm_tokenizer
        pieces = len(tokenizer.encode(current_text.words[index], add_special_tokens=False))
        masked = self._encode_text(current_text.replace_word_at_index(index, tokenizer.mask_token).text)
        ids = masked["input_ids"][0].tolist()
        start = ids.index(tokenizer.mask_token_id) if tokenizer.mask_token_id in ids else self.max_length
        places = range(start, min(start + pieces, self.max_length))
        if len(places) < 2:
            words: list[str] = replacement_words(self, current_text, index, id_preds, masked_lm_logits)
            return words
        combinations = islice(product(*(id_preds[place].tolist() for place in places)), _MOST_COMBINATIONS)
        joined = ("".join(tokenizer.convert_ids_to_tokens(list(some))).replace("##", "") for some in combinations)
        return list(islice(filter(utils.is_one_word, joined), self.max_candidates))

    return combine
