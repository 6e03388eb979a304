"""What captions call the intervals over examples that the metrics of a single training have."""

from collections.abc import Iterable, Mapping

from robustbench_mt.interval_kinds import Interval
from robustbench_mt.statistics import Estimate
from robustbench_mt.wording import listed

__all__ = ["INTERVAL_NAMES", "by_metric"]

INTERVAL_NAMES: dict[Interval, str] = {
    "Wilson over examples": "Wilson",
    "stratified Wilson over examples": "stratified Wilson",
    "posterior over examples": "posterior",
    "bootstrap t over examples": "bootstrap t",
    "bootstrap over examples": "percentile bootstrap",
}

# Beside these a table may have another interval of the same metric.
_FROM = {INTERVAL_NAMES["bootstrap over examples"]: " in earlier versions' records"}


def by_metric(of_rows: Iterable[Mapping[str, Estimate | None]], examples: str = "n examples") -> str:
    """Which metric has which interval over examples, in a sentence that begins with a blank; empty where none has one.

    Args:
        of_rows: each row's metrics by name.
        examples: what the intervals are over.
    """
    metrics: dict[str, dict[str, None]] = {}
    for row in of_rows:
        for metric, estimate in row.items():
            if estimate and estimate.low is not None and (name := INTERVAL_NAMES.get(estimate.interval)):
                metrics.setdefault(name, {})[metric.replace("_", " ")] = None
    told = "; ".join(f"{name} of {listed(those)}{_FROM.get(name, '')}" for name, those in metrics.items())
    return f" One training has 95% intervals over {examples}: {told}." if told else ""
