"""The one rule by which data is split: the content of a text decides, not its place in a file.

The rule is the SHA-256 of the normalised text, so it is the same on every platform and for every order of the rows,
and no text can stand in two splits that were cut by it.
"""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from robustbench_mt.tasks.task import Examples
from robustbench_mt.wording import NO_TEST_SET

__all__ = ["complete_splits", "cut_validation", "drop_duplicates", "split_by_content", "text_key"]

_TENTHS = ("train",) * 8 + ("validation", "test")
_LARGEST_VALIDATION = 2000


def text_key(text: Sequence[str]) -> bytes:
    """The SHA-256 of a text's fields, normalised: Unicode NFKC, casefolded, runs of whitespace made one space."""
    parts = (" ".join(unicodedata.normalize("NFKC", part).casefold().split()) for part in text)
    # U+001F is whitespace to str.split, so no normalised field contains it.
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()


def drop_duplicates(examples: Examples) -> tuple[Examples, int, int]:
    """Keep each text once, and drop the texts that have two different labels.

    Of texts that differ only in what :func:`text_key` ignores, the least by code points is kept.

    Returns:
        What remains, how many repetitions and how many texts with contradicting labels were dropped.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, text in enumerate(examples.texts):
        groups[text_key(text)].append(index)
    kept, contradicting = [], 0
    for group in groups.values():
        if len({examples.labels[index] for index in group}) > 1:
            contradicting += 1
        else:
            kept.append(min(group, key=lambda index: examples.texts[index]))
    return examples.select(kept), len(examples) - len(groups), contradicting


def split_by_content(examples: Examples) -> dict[str, Examples]:
    """Split into train, validation and test, about 80 : 10 : 10; the key decides the split and the order inside it."""
    members: dict[str, list[int]] = {split: [] for split in _TENTHS}
    keys = [text_key(text) for text in examples.texts]
    for index in _by_content(examples, keys, range(len(examples))):
        members[_TENTHS[int.from_bytes(keys[index][:8], "big") * 10 >> 64]].append(index)
    return {split: examples.select(indices) for split, indices in members.items()}


def cut_validation(train: Examples) -> tuple[Examples, Examples]:
    """Cut a validation set from a training set: a tenth of it, but at most 2000 examples.

    The texts with the least keys are taken; all examples with one text go together, so none stands in both.

    Returns:
        What remains of the training set, in its own order, and the validation set, in the order of the keys.
    """
    size = min(len(train) // 10, _LARGEST_VALIDATION)
    keys = [text_key(text) for text in train.texts]
    sizes: dict[bytes, int] = defaultdict(int)
    for key in keys:
        sizes[key] += 1
    chosen: set[bytes] = set()
    for key in sorted(sizes):
        if sizes[key] <= size:
            chosen.add(key)
            size -= sizes[key]
    rest = [index for index, key in enumerate(keys) if key not in chosen]
    cut = (index for index, key in enumerate(keys) if key in chosen)
    return train.select(rest), train.select(_by_content(train, keys, cut))


def complete_splits(
    train: Examples, validation: Examples | None, test: Examples | None
) -> tuple[dict[str, Examples], list[str]]:
    """Make train, validation and test of those that a data set has labels for.

    Without a test set the validation set becomes the test set; without a validation set one is cut from the training
    set; with neither the training set is split in three.

    Returns:
        The splits, and remarks on what was done and on texts that two of the given sets share.
    """
    remarks = []
    if test is None:
        if validation is None:
            return split_by_content(train), ["train, validation and test were split by content, 80 : 10 : 10."]
        test = validation
        validation = None
        remarks.append(NO_TEST_SET)
    if validation is None:
        train, validation = cut_validation(train)
        remarks.append(f"validation is {len(validation)} examples cut from train by content.")
    splits = {"train": train, "validation": validation, "test": test}
    keys = {split: [text_key(text) for text in examples.texts] for split, examples in splits.items()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        there = frozenset(keys[other])
        shared = sum(key in there for key in keys[one])
        if shared:
            remarks.append(f"Texts of {one} that are also in {other}, and were left there: {shared}.")
    return splits, remarks


def _by_content(examples: Examples, keys: Sequence[bytes], indices: Iterable[int]) -> list[int]:
    # Text and label after the key, so that equal texts do not stand in the order of the rows.
    return sorted(indices, key=lambda index: (keys[index], examples.texts[index], examples.labels[index]))
