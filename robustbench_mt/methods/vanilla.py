"""Fine-tuning as everybody does it."""

from robustbench_mt.methods.method import Method

__all__ = ["Vanilla"]


class Vanilla(Method):
    """The task's own loss on the encoder's own representation (Devlin et al., 2019, arXiv 1810.04805)."""

    summary = "fine-tuning as everybody does it"
    changes = "nothing"
    why_not_with_match = "it changes nothing: give match alone."
