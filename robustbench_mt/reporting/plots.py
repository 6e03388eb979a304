"""The figures of the report, each drawn on axes of your own.

Example:
    >>> import matplotlib.pyplot as plt
    >>> from robustbench_mt.reporting.plots import ONE_COLUMN, plot_imbalance, styled
    >>> from robustbench_mt.reporting.summary import summarize
    >>> summary = summarize([run])
    >>> with styled():
    ...     figure, axes = plt.subplots(figsize=(ONE_COLUMN, 2.5), layout="constrained")
    ...     plot_imbalance(axes, summary.imbalance)
"""

from robustbench_mt.reporting.ablation_plots import plot_batch_size, plot_self_mass
from robustbench_mt.reporting.attack_plots import (
    plot_accuracy_by_length,
    plot_accuracy_by_words,
    plot_accuracy_under_attack,
    plot_success_by_queries,
)
from robustbench_mt.reporting.curve_plots import plot_imbalance, plot_label_noise
from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.matching_plots import plot_mass, plot_matrix
from robustbench_mt.reporting.style import ONE_COLUMN, TWO_COLUMNS, styled
from robustbench_mt.reporting.transfer_plots import plot_transfer

__all__ = [
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "draw",
    "plot_accuracy_by_length",
    "plot_accuracy_by_words",
    "plot_accuracy_under_attack",
    "plot_batch_size",
    "plot_imbalance",
    "plot_label_noise",
    "plot_mass",
    "plot_matrix",
    "plot_self_mass",
    "plot_success_by_queries",
    "plot_transfer",
    "styled",
]
