"""What TextAttack does over and over, or at too great a length, done once or cut short.

The results are the same, where TextAttack comes to one: words of many pieces keep its BERT-Attack busy for hours.

benchmarks/README.md says how much time each takes.
"""

import copy
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice, product
from typing import Any
from unittest.mock import patch

__all__ = ["CUT_IN_CONTEXT", "shortcuts"]

CUT_IN_CONTEXT = re.compile("[\u4e00-\u9fff]")
"""Script whose words TextAttack cuts out of their context, so that a change moves the borders of others."""

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
    swap = _swapper(attacked_text.AttackedText.generate_new_attacked_text, split)
    combine = _combiner(WordSwapMaskedLM._bert_attack_replacement_words)
    with (
        patch.object(strings, "words_from_text", split),
        patch.object(attacked_text, "words_from_text", split),
        patch.object(attacked_text.AttackedText, "generate_new_attacked_text", swap),
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
        if words_to_ignore or CUT_IN_CONTEXT.search(text):
            return list(words_from_text(text, list(words_to_ignore)))
        words: list[str] = []
        for piece in text.split():
            words.extend(of_piece(piece) if len(piece) <= _LONGEST_PIECE else words_from_text(piece))
        return words

    return split


def _swapper(generate_new_attacked_text: Any, split: Any) -> Any:
    """A ``generate_new_attacked_text`` that looks at nothing but the word that changes, where it is one for one.

    TextAttack goes through all words of a text for each of its candidates, and then splits the candidate anew.
    """

    def swap(self: Any, new_words: Sequence[str]) -> Any:
        words, new_words = self.words, list(new_words)
        changed = [index for index, (old, new) in enumerate(zip(words, new_words, strict=False)) if old != new]
        starts = _starts(self, split)
        if starts is None or len(changed) != 1 or len(new_words) != len(words):
            return generate_new_attacked_text(self, new_words)
        (index,) = changed
        new = new_words[index]
        if split(new) != [new] or CUT_IN_CONTEXT.search(new):
            return generate_new_attacked_text(self, new_words)
        joined = self.SPLIT_TOKEN.join(self._text_input.values())
        start = starts[index]
        text = joined[:start] + new + joined[start + len(words[index]) :]
        if text.count(self.SPLIT_TOKEN) != len(self._text_input) - 1:
            return generate_new_attacked_text(self, new_words)
        before = self.attack_attrs
        kept = {"label_names": before["label_names"]} if "label_names" in before else {}
        swapped = copy.copy(self)
        del swapped._starts
        swapped._text_input = OrderedDict(zip(self._text_input, text.split(self.SPLIT_TOKEN), strict=True))
        swapped._words = [*words[:index], new, *words[index + 1 :]]
        swapped._words_per_input = swapped._pos_tags = swapped._ner_tags = None
        swapped.attack_attrs = {
            **kept,
            "newly_modified_indices": {index},
            "previous_attacked_text": self,
            "modified_indices": before["modified_indices"] | {index},
            "original_index_map": before["original_index_map"].copy(),
        }
        return swapped

    return swap


def _starts(text: Any, split: Any) -> list[int] | None:
    """Where each word stands in the joined fields of an ``AttackedText``; ``None`` for texts that are left to it.

    These are texts with words that are cut in their context, with words that are several by themselves, with words that
    TextAttack might find in its own token between fields, and with this token in a field.
    """
    if not hasattr(text, "_starts"):
        token, fields, words = text.SPLIT_TOKEN, text._text_input.values(), text.words
        joined = token.join(fields)
        is_plain = (
            joined.count(token) == len(fields) - 1
            and not CUT_IN_CONTEXT.search(joined)
            and all(split(word) == [word] for word in words)
            and not (len(fields) > 1 and any(word in token for word in words))
        )
        text._starts = list(_places(joined, words)) if is_plain else None
    starts: list[int] | None = text._starts
    return starts


def _places(text: str, words: Sequence[str]) -> Iterator[int]:
    end = 0
    for word in words:
        start = text.index(word, end)
        yield start
        end = start + len(word)


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
