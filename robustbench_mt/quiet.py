"""Keeping libraries' own chatter off the user's terminal, and off the network."""

import logging
import os
import warnings

__all__ = ["quiet_imports", "quiet_libraries", "quiet_tensorflow", "without_telemetry"]


def quiet_libraries() -> None:
    """Errors only from transformers and what it stands on; no progress bars but ours."""
    quiet_tensorflow()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.ERROR)


def quiet_imports() -> None:
    """Before a notebook imports libraries: no TensorFlow, and no advice of tqdm's to install widgets."""
    quiet_tensorflow()
    warnings.filterwarnings("ignore", "IProgress not found")


def without_telemetry() -> None:
    """No library tells its makers what is done here, unless the user's environment says otherwise.

    Importing our packages calls it, as libraries look at this once, when they are imported.
    """
    for name in ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def quiet_tensorflow() -> None:
    """Where TensorFlow is installed: transformers does not import it, and is silent in the two recipes that do."""
    os.environ.setdefault("USE_TF", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # It announces these optimizations, whatever the log level.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
