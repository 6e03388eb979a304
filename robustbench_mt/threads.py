"""Cores that a process may use, and how libraries are told of how many."""

import os

__all__ = ["THREAD_VARIABLES", "available_cores"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
"""Of the environment: each library reads its own, once, when it is first used."""


def available_cores() -> int:
    """Cores that this process may use; not every system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
