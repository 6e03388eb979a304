"""The report's figures."""

from collections.abc import Iterable
from dataclasses import replace

from robustbench_mt.reporting.ablation_drawings import ablation_drawings
from robustbench_mt.reporting.attack_drawings import attack_drawings, transfer_drawing
from robustbench_mt.reporting.curve_drawings import imbalance_drawings, label_noise_drawings
from robustbench_mt.reporting.drawing import Drawing
from robustbench_mt.reporting.matching_drawings import matching_drawings
from robustbench_mt.reporting.style import looks_of_methods, styled
from robustbench_mt.reporting.summary import Summary

__all__ = ["draw"]


def draw(summary: Summary) -> list[Drawing]:
    """Draw every figure that the records have data for.

    Example:
        >>> drawing = draw(summary)[0]
        >>> png = drawing.files["png"]
    """
    looks = looks_of_methods(
        row.method for rows in (summary.attacks, summary.imbalance, summary.label_noise) for row in rows
    )
    with styled():
        return _with_own_names(
            [
                *attack_drawings(summary.attacks, summary.worst_case, summary.lengths, looks),
                *map(transfer_drawing, summary.transfers),
                *(drawing for ablation in summary.ablations for drawing in ablation_drawings(ablation)),
                *imbalance_drawings(summary.imbalance, looks),
                *label_noise_drawings(summary.label_noise, looks),
                *matching_drawings(summary.matching),
            ]
        )


def _with_own_names(drawings: Iterable[Drawing]) -> list[Drawing]:
    """Two tasks may differ only in characters that no file name has."""
    named: dict[str, Drawing] = {}
    for drawing in drawings:
        name, number = drawing.name, 2
        while name.lower() in named:
            name, number = f"{drawing.name}-{number}", number + 1
        named[name.lower()] = replace(drawing, name=name)
    return list(named.values())
