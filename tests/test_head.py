"""Which layer of a classifier is its head's."""

import pytest
from method_samples import small_model

from robustbench_mt.errors import UserError
from robustbench_mt.methods.head import find_head_dense


def test_unknown_architecture_lists_candidates() -> None:
    model = small_model("bert")
    model.config.model_type = "unheard-of"
    with pytest.raises(UserError, match=r"'unheard-of'.*candidates are bert\.pooler\.dense, classifier\."):
        find_head_dense(model)


def test_layer_can_be_named() -> None:
    model = small_model("bert")
    model.config.model_type = "unheard-of"
    assert find_head_dense(model, "bert.pooler.dense") is model.bert.pooler.dense
    with pytest.raises(UserError, match=r"no module 'nowhere'.*candidates are"):
        find_head_dense(model, "nowhere")
