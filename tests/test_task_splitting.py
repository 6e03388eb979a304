"""The rule that splits data: content decides, and nothing else."""

import hashlib
import random
from collections import Counter

import pytest

from robustbench_mt.tasks import SPLITS, Examples
from robustbench_mt.tasks.splitting import complete_splits, cut_validation, drop_duplicates, split_by_content, text_key


def shuffled(examples: Examples) -> Examples:
    order = list(range(len(examples)))
    random.Random(0).shuffle(order)
    return examples.select(order)


def repetitive(n: int) -> Examples:
    """Each text twice, in spellings that are one to the key."""
    variants = ("Text %d", " text\u00a0%d", "ＴＥＸＴ  %d")
    texts = [(variants[i % 3] % (i // 2),) for i in range(n)]
    return Examples(texts, [0 if "1" in text else 1 for (text,) in texts])


def test_text_key():
    assert text_key(("Ｆｉｌｍ  A\n",)) == text_key(("film a",))
    assert text_key(("a", "b")) != text_key(("a b",)) != text_key(("ab",))
    assert text_key(("a", "")) != text_key(("", "a"))
    # Fixed for good: another key would split everything anew.
    assert text_key(("Straße", "B")).hex()[:16] == hashlib.sha256(b"strasse\x1fb").hexdigest()[:16]


def test_split_does_not_depend_on_order():
    examples = repetitive(3000)
    splits = split_by_content(examples)
    assert {split: part.fingerprint for split, part in splits.items()} == {
        split: part.fingerprint for split, part in split_by_content(shuffled(examples)).items()
    }
    keys = [{text_key(text) for text in part.texts} for part in splits.values()]
    assert sum(map(len, keys)) == len(set.union(*keys)) == 1500
    assert sum(map(len, splits.values())) == 3000
    shares = [len(part) / 3000 for part in splits.values()]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_duplicates_do_not_depend_on_order():
    examples = Examples([("B",), ("a",), ("b",), (" A",), ("c",), ("C",)], [0, 1, 0, 1, 0, 1])
    for order in (examples, shuffled(examples), examples.select(range(5, -1, -1))):
        unique, repetitions, contradicting = drop_duplicates(order)
        assert sorted(zip(unique.texts, unique.labels, strict=True)) == [((" A",), 1), (("B",), 0)]
        assert (repetitions, contradicting) == (3, 1)


def test_cut_validation():
    train = repetitive(3000)
    rest, validation = cut_validation(train)
    assert (len(rest), len(validation)) == (2700, 300)
    assert Counter(rest.texts) + Counter(validation.texts) == Counter(train.texts)
    assert not {text_key(text) for text in rest.texts} & {text_key(text) for text in validation.texts}
    assert cut_validation(shuffled(train))[1].fingerprint == validation.fingerprint
    assert rest.texts == [text for text in train.texts if text in set(rest.texts)]
    assert len(cut_validation(repetitive(30000))[1]) == 2000


def test_complete_splits_counts_shared_texts():
    train, test = Examples([(f"t{i}",) for i in range(50)], [0, 1] * 25), Examples([("T3",), ("new",)], [0, 1])
    splits, remarks = complete_splits(train, Examples([("t7",)], [1]), test)
    assert [len(splits[split]) for split in SPLITS] == [50, 1, 2]
    assert remarks == [
        "Texts of train that are also in validation, and were left there: 1.",
        "Texts of train that are also in test, and were left there: 1.",
    ]
