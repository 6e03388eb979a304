"""What kinds of interval there are."""

from typing import Literal

__all__ = ["Interval", "MetricInterval"]

MetricInterval = Literal[
    "Wilson over examples",
    "stratified Wilson over examples",
    "posterior over examples",
    "bootstrap t over examples",
    "bootstrap over examples",
]
"""Of a metric of a single training; the last is the percentile bootstrap (Efron 1979) of earlier versions' records."""

Interval = Literal[
    MetricInterval,
    "t over examples",
    "paired score over examples",
    "t over seeds",
    "Wilson over seeds and examples",
    "t over seeds and examples",
    "hierarchical bootstrap over seeds and examples",
]
"""What kind of interval an estimate has, and what it tells of: other examples, other seeds, or both."""
