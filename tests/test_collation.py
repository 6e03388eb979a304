"""Padding: as the tokenizers' own, but faster."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, DataCollatorWithPadding

from robustbench_mt.collation import Collator, Padding
from robustbench_mt.scoring import encode_texts
from robustbench_mt.tasks.task import Task

PADDING = Padding({"input_ids": 0, "token_type_ids": 0})


@pytest.mark.parametrize("as_score", [False, True])
def test_batches_are_those_of_the_tokenizer(as_score: bool, pair_task: Task, tokenizer_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    examples = pair_task.split("train")
    texts = [(premise, claim[: 5 * row]) for row, (premise, claim) in enumerate(examples.texts[:7])]
    labels = [np.float32(label) if as_score else label for label in examples.labels[:7]]
    rows = [{**text, "labels": label} for text, label in zip(encode_texts(tokenizer, texts, 64), labels, strict=True)]
    expected = DataCollatorWithPadding(tokenizer)([dict(row) for row in rows])
    batch = Collator(PADDING)(rows)
    assert batch.keys() == expected.keys()
    for name, values in batch.items():
        assert values.dtype == expected[name].dtype
        assert torch.equal(values, expected[name])


def test_padding_before_the_text() -> None:
    batch = Padding({"input_ids": 9}, on_left=True)([{"input_ids": [1, 2, 3]}, {"input_ids": [4]}, {"input_ids": []}])
    assert batch["input_ids"].tolist() == [[1, 2, 3], [9, 9, 4], [9, 9, 9]]


def test_texts_without_tokens_get_one() -> None:
    batch = Padding({"input_ids": 9})([{"input_ids": [], "attention_mask": []}])
    assert {name: values.tolist() for name, values in batch.items()} == {"input_ids": [[9]], "attention_mask": [[0]]}
