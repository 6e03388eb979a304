"""Where the mass of the matching matrices went, in words."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from robustbench_mt.reporting.finding import Finding
from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow

__all__ = ["matching_findings"]

# More methods of a task are counted, and named in the details.
_MOST_NAMED = 6


def matching_findings(rows: Sequence[MatchingRow]) -> Iterator[Finding]:
    """One sentence a task, of all its methods."""
    for task, group in groupby(rows, key=lambda row: row.task):
        of_task = list(group)
        details = [f"{row.method}, {line}" for row in of_task for line in _details(row)]
        if len(of_task) > _MOST_NAMED:
            yield Finding(f"{task}: {_counted(of_task)}.", details, "mass", len(of_task))
            continue
        first, *others = (f"from {first:.2f} to {last:.2f}" for first, last in map(_on_other_labels, of_task))
        told = [f"training {of_task[0].method}, the share of a row's mass on other labels went {first}"]
        told += [f"training {row.method}, {moved}" for row, moved in zip(of_task[1:], others, strict=True)]
        yield Finding(f"{task}: {'; '.join(told)}.", details, "mass", len(of_task))


def _counted(rows: Sequence[MatchingRow]) -> str:
    moved = [last - first for first, last in map(_on_other_labels, rows)]
    fell, rose = sum(by < 0 for by in moved), sum(by > 0 for by in moved)
    stayed = f" and stayed in {len(moved) - fell - rose}" if fell + rose < len(moved) else ""
    told = f"the share of a row's mass on other labels fell in training {fell} of {len(rows)} methods, rose in {rose}"
    return told + stayed


def _on_other_labels(row: MatchingRow) -> tuple[float, float]:
    """At first and at last, as exactly as readers see them."""
    first, last = (round(row.mass["other labels"][end].value or 0.0, 2) for end in (0, -1))
    return first, last


def _details(row: MatchingRow) -> Iterator[str]:
    for kind in KINDS_OF_MASS:
        first, last = (" ".join(row.mass[kind][end].parts("number", 2)) for end in (0, -1))
        yield f"{kind}: {first} at first, {last} at last ({row.mass[kind][0].count})."
    first_hub, largest_hub = row.hub(itemgetter(0)), row.hub(max)
    if first_hub and largest_hub:
        yield (
            "hub, the one instance of a batch that takes most of the other rows' mass: "
            f"{' '.join(first_hub.parts('number', 2))} of it in the first recorded matrix, "
            f"{' '.join(largest_hub.parts('number', 2))} in that where it takes most ({largest_hub.count})."
        )
