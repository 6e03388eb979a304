"""Lone surrogates, which Python's strings may hold, and UTF-8, tokenizers and Parquet refuse."""

import re

__all__ = ["replaced_surrogates", "tokenizable"]

# In a Python string every surrogate is a lone one.
_SURROGATE = re.compile("[\ud800-\udfff]")


def replaced_surrogates(text: str) -> tuple[str, int]:
    """The text with U+FFFD for each lone surrogate, and how many there were."""
    return _SURROGATE.subn("\N{REPLACEMENT CHARACTER}", text)


def tokenizable(text: str) -> str:
    """The text with a question mark for each lone surrogate, so that all characters keep their places."""
    return text.encode("utf-8", "replace").decode("utf-8")
