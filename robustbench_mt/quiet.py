"""Keeping libraries' own chatter off the user's terminal."""

import logging
import os

__all__ = ["quiet_libraries"]


def quiet_libraries() -> None:
    """Errors only from transformers and what it stands on; no progress bars but ours, no telemetry."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
