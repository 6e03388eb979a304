"""TextAttack, imported without downloads, without noise, and without leaving anything behind.

Left to itself, its import downloads data, marks that as done in the user's cache whether it came or not, needs NLTK's
stop words, disables the loggers of others and logs to standard error.
"""

import ast
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from robustbench_mt.errors import MissingPackageError
from robustbench_mt.quiet import quiet_tensorflow
from robustbench_mt.resources import prepare

__all__ = ["homoglyphs_from", "import_textattack", "no_downloads", "quiet"]

_INSTALL = "textattack.shared.utils.install"
_TALKATIVE = (_INSTALL, "flair", "jieba")
_VARIABLES = (
    *("TOKENIZERS_PARALLELISM", "WANDB_SILENT"),
    # Set where the user has set TA_CACHE_DIR.
    *("HF_HOME", "PYTORCH_TRANSFORMERS_CACHE", "TFHUB_CACHE_DIR", "XDG_CACHE_HOME"),
)


def import_textattack() -> ModuleType:
    """TextAttack itself; imported the first time, which takes some seconds.

    Raises:
        UserError: it is not installed.
    """
    if "textattack" not in sys.modules:
        prepare(["stop words"], "TextAttack")
        quiet_tensorflow()
        with quiet(), no_downloads(), _environment_kept():
            install = _define_install_module()
            import textattack.shared.utils

            textattack.shared.utils.install = install
    import textattack

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    module: ModuleType = textattack
    return module


@contextmanager
def no_downloads() -> Iterator[None]:
    """Within, NLTK downloads nothing and Hugging Face reads its cache alone; neither waits for a network."""
    import nltk
    from huggingface_hub import constants
    from huggingface_hub.utils._http import reset_sessions

    with patch.object(nltk, "download", lambda *_, **__: False), patch.object(constants, "HF_HUB_OFFLINE", True):
        # Sessions that were opened before keep to what was said then.
        reset_sessions()
        try:
            yield
        finally:
            reset_sessions()


@contextmanager
def homoglyphs_from(table: Path) -> Iterator[None]:
    """Within, TextAttack reads its look-alike characters from this file: its wheel lacks its own."""
    from textattack.transformations.word_swaps import word_swap_homoglyph_swap as module

    def open_table(_: str, *arguments: Any, **options: Any) -> Any:
        return table.open(*arguments, **options)

    with patch.object(module, "open", open_table, create=True):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Within, no warnings and no log lines but errors; other packages' loggers are as before in the end."""
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Within, TextAttack may set its variables, which are put back; what the libraries that it imports set is kept."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _define_install_module() -> ModuleType:
    """TextAttack's install module with its definitions alone.

    The statements that are left out are calls: they configure logging for the whole process, and download and mark.
    """
    package = find_spec("textattack")
    if package is None or not package.submodule_search_locations:
        raise MissingPackageError("TextAttack is not installed: pip install 'textattack>=0.3.11,<0.4'.")
    path = Path(package.submodule_search_locations[0], *_INSTALL.split(".")[1:]).with_suffix(".py")
    spec = spec_from_file_location(_INSTALL, path)
    assert spec is not None
    module = module_from_spec(spec)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [statement for statement in tree.body if not isinstance(statement, ast.Expr)]
    # What it sets must not reach the imports that follow: it would move Hugging Face's cache.
    with _environment_kept():
        exec(compile(tree, path, "exec"), module.__dict__)
    sys.modules[_INSTALL] = module
    return module
