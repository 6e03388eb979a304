"""The tokenizer of a base, where nothing else of it is needed."""

from pathlib import Path
from typing import Any

from robustbench_mt.errors import BadCheckpointError
from robustbench_mt.quiet import quiet_libraries
from robustbench_mt.weights import check_tokenizer
from robustbench_mt.wording import first_line

__all__ = ["load_tokenizer"]


def load_tokenizer(base: Path) -> Any:
    """The tokenizer in a base's directory.

    Raises:
        UserError: it cannot be read, names files elsewhere, or is code of the base's own.
    """
    check_tokenizer(base)
    from transformers import AutoTokenizer

    quiet_libraries()
    try:
        # Unless it is told, transformers asks on the terminal whether to run that code.
        return AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    except Exception as error:  # whatever broken files make tokenizers raise
        raise BadCheckpointError(f"The tokenizer of {base} cannot be loaded: {first_line(error)}") from None
