"""A tiny checkpoint, and what may be wrong in it."""

import json
import tempfile
from functools import cache
from pathlib import Path

from hostile_input import Files, dumped, one, wrong
from hypothesis import strategies as st

from robustbench_mt.tasks.task import Task

__all__ = ["configurations", "score_a_text", "tiny_checkpoint"]


@cache
def tiny_checkpoint() -> dict[str, bytes]:
    """A classifier so small that it loads at once."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", *"abcdef"]
        (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
        BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
        names = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
        config = BertConfig(12, 4, 1, 1, 4, max_position_embeddings=8, **names)
        BertForSequenceClassification(config).save_pretrained(folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def configurations() -> st.SearchStrategy[Files]:
    """A checkpoint of which a JSON file has something wrong in it."""

    def damaged(name: str) -> st.SearchStrategy[Files]:
        value = wrong(json.loads(tiny_checkpoint()[name])).map(dumped)
        return one(name, value, **{other: content for other, content in tiny_checkpoint().items() if other != name})

    return st.sampled_from(sorted(name for name in tiny_checkpoint() if name.endswith(".json"))).flatmap(damaged)


def score_a_text(directory: Path) -> None:
    from attacks.victim import load_victim

    task = Task("reviews", ("text",), ("negative", "positive"), {})
    load_victim(str(directory), task).score([("a film",)])
