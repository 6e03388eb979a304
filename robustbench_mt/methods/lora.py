"""LoRA: the encoder's weights stay as they are, and a product of two narrow matrices is learned beside some of them.

Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen: "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022,
arXiv 2106.09685.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustbench_mt.errors import UnfitBaseError
from robustbench_mt.methods.checks import check_counts, check_share_below_one
from robustbench_mt.methods.head import find_head_dense, find_head_output
from robustbench_mt.methods.method import Method

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["QUERY_AND_VALUE", "Lora", "LoraSettings"]

QUERY_AND_VALUE = {
    "albert": ["query", "value"],
    "bert": ["query", "value"],
    "camembert": ["query", "value"],
    # One layer makes query, key and value.
    "deberta": ["in_proj"],
    "deberta-v2": ["query_proj", "value_proj"],
    "distilbert": ["q_lin", "v_lin"],
    "electra": ["query", "value"],
    # One layer makes query, key and value.
    "modernbert": ["Wqkv"],
    "mpnet": ["attn.q", "attn.v"],
    "roberta": ["query", "value"],
    "xlm-roberta": ["query", "value"],
}
"""For each ``model_type`` of transformers, how the names of the layers end that make attention's queries and values."""


@dataclass(frozen=True)
class LoraSettings:
    """Settings of LoRA.

    Attributes:
        rank: r, the width of the two matrices.
        alpha: the update is scaled by alpha / r.
        dropout: of the update's input, in [0, 1).
    """

    # Of the paper (RoBERTa on GLUE) and of its published scripts.
    rank: int = 8
    # Of the published scripts (examples/NLU/roberta_base_*.sh); the paper has 8 or 16, by the size of RoBERTa.
    alpha: int = 16
    # The published code for GLUE drops nothing there.
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_counts("lora", self, "rank", "alpha")
        check_share_below_one("lora", self, "dropout")


class Lora(Method):
    """W x + (alpha / r) B A x in the layers of queries and values; A is r x d, B is d x r and zero at first.

    W is frozen, and so is the rest of the encoder; the head's dense layer and its output layer, which are new, are
    trained in full. The result is merged: W + (alpha / r) B A takes W's place, and the checkpoint is an ordinary one.

    In the published code RoBERTa trains with a learning rate of 4e-4 to 5e-4, some ten times that of fine-tuning.
    Where one layer makes query, key and value (DeBERTa's first version, ModernBERT), the update changes the key too.
    """

    summary = "LoRA: low-rank updates of queries and values; the head is trained in full (ICLR 2022)"
    changes = "update"
    settings_type = LoraSettings

    settings: LoraSettings

    def adapt(self, model: "PreTrainedModel") -> "PreTrainedModel":
        """The model inside peft's wrapper.

        Raises:
            UserError: it is not known which layers make this architecture's queries and values.
        """
        from peft import LoraConfig, get_peft_model

        architecture = model.config.model_type
        if architecture not in QUERY_AND_VALUE:
            raise UnfitBaseError(
                f"lora: the layers of queries and values are not known for the architecture {architecture!r}: choose a "
                f"base of {', '.join(QUERY_AND_VALUE)}."
            )
        head = (find_head_dense(model), find_head_output(model))
        # No task_type: with one, peft would wrap RoBERTa's whole head, and its dense layer would lose its name.
        config = LoraConfig(
            r=self.settings.rank,
            lora_alpha=self.settings.alpha,
            lora_dropout=self.settings.dropout,
            target_modules=QUERY_AND_VALUE[architecture],
            modules_to_save=[name for name, module in model.named_modules() if module in head],
        )
        wrapped: PreTrainedModel = get_peft_model(model, config)
        return wrapped

    def restore(self, model: "PreTrainedModel") -> "PreTrainedModel":
        merged: PreTrainedModel = model.merge_and_unload()
        return merged.requires_grad_(True)
