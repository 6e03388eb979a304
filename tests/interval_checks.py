"""Whether an interval holds the truth: how often it does is what a 95% interval promises."""

from robustbench_mt.statistics import Estimate

__all__ = ["covers"]


def covers(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None and estimate.high is not None
    return estimate.low <= truth <= estimate.high
