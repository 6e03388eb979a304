"""How often nominal 95% intervals cover the truth, by simulation.

    python benchmarks/interval_coverage.py
    python benchmarks/interval_coverage.py share --tables 4000

For shares and differences an outcome is right with a probability whose logit is the sum of what the seed, the example,
and for differences the method on that example bring: normal, with the standard deviations that the table names. The
logarithm of a value is such a sum where means are of several seeds. A mark stands where coverage is under 93% or over
97% by more than two standard errors of the simulation.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import optimize, special, stats

from robustbench_mt import statistics
from robustbench_mt.confusion import Confusion
from robustbench_mt.crossed import Crossed
from robustbench_mt.ledger import read_records
from robustbench_mt.metrics import average_precision, regression_metrics
from robustbench_mt.paired_proportions import paired_difference
from robustbench_mt.records import AttackRecord
from robustbench_mt.resampled import bootstrap_t
from robustbench_mt.spread import spread_of_mean
from robustbench_mt.statistics import CONFIDENCE, Estimate, mean_over_examples

Trial = tuple[Estimate, float]
"""An interval and the truth."""

_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
_SEEDS = (2, 3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("statistics", nargs="*", metavar="STATISTIC", help=f"of {', '.join(_TABLES)}; else all")
    parser.add_argument("--tables", type=int, default=1000, help="simulated data sets for each setting")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.statistics) - set(_TABLES):
        parser.error(f"there is no {min(unknown)}; there are {', '.join(_TABLES)}")
    # Of a thousand intervals, the resamples' own noise evens out.
    statistics.RESAMPLES = 300
    console = Console(markup=False, highlight=False, width=150)
    for name in options.statistics or _TABLES:
        console.print(_TABLES[name](np.random.default_rng(options.seed), options.tables))


def _share(rng: np.random.Generator, tables: int) -> Table:
    table = Table("seeds", "seed sd", "example sd", "examples", "share", "covers", "mean width", title="Crossed.share")
    for seeds, seed_sd, example_sd in product(_SEEDS, (0.0, 0.5, 1.0), (0.0, 1.5)):
        for n, share in product((50, 200, 900), (0.03, 0.07, 0.2, 0.5)):
            crossed, at = Crossed([np.arange(n)] * seeds), _logit(share, np.hypot(seed_sd, example_sd))
            trials = [(crossed.share([*_right(rng, at, seeds, n, seed_sd, example_sd)]), share) for _ in range(tables)]
            table.add_row(str(seeds), f"{seed_sd}", f"{example_sd}", str(n), f"{share}", *_told(trials))
    return table


def _difference(rng: np.random.Generator, tables: int) -> Table:
    table = Table(
        *(
            "seeds",
            "seed sd",
            "example sd",
            "of both",
            "examples",
            "accuracies",
            "covers",
            "plain t",
            "mean width",
        ),
        title="hierarchical_bootstrap_difference, and a t interval of the same width",
    )
    for seeds, seed_sd, (example_sd, both_sd) in product(_SEEDS, (0.0, 0.3, 1.0), ((0.0, 0.0), (1.0, 1.0))):
        for n, (low, high) in product((50, 200), ((0.05, 0.05), (0.3, 0.4))):
            spread = float(np.sqrt(seed_sd**2 + example_sd**2 + both_sd**2))
            levels = [_logit(share, spread) for share in (high, low)]
            trials, plain = [], []
            for trial in range(tables):
                shared = rng.normal(0, example_sd, n)
                of_method = [shared + rng.normal(0, both_sd, n) for _ in levels]
                one, other = (
                    _right(rng, at + brought, seeds, n, seed_sd, 0.0)
                    for at, brought in zip(levels, of_method, strict=True)
                )
                estimate = statistics.hierarchical_bootstrap_difference(one, other, trial)
                if estimate.low is None or estimate.value is None:
                    continue
                trials.append((estimate, high - low))
                margin = spread_of_mean(one.astype(float) - other).margin(CONFIDENCE)
                ends = (estimate.value - margin, estimate.value + margin)
                plain.append((Estimate(estimate.value, *ends, n, "t"), high - low))
            told, width = _told(trials)
            cells = (str(seeds), f"{seed_sd}", f"{example_sd}", f"{both_sd}", str(n), f"{high}, {low}")
            table.add_row(*cells, told, _told(plain)[0], width)
    return table


def _paired(rng: np.random.Generator, tables: int) -> Table:
    table = Table("examples", "only one right", "only the other", "covers", "mean width", title="paired_difference")
    shares = ((0.1, 0.04), (0.04, 0.04), (0.02, 0.005), (0.2, 0.1), (0.1, 0.1), (0.08, 0.0))
    for n, (first, second) in product((50, 100, 200, 900), shares):
        outcomes = rng.choice(3, size=(tables, n), p=(first, second, 1 - first - second))
        trials = [(paired_difference(drawn == 0, drawn == 1), first - second) for drawn in outcomes]
        table.add_row(str(n), f"{first}", f"{second}", *_told(trials))
    return table


def _mean(rng: np.random.Generator, tables: int) -> Table:
    table = Table("values", "n", "covers", "mean width", title="mean_over_examples")
    drawn: dict[str, tuple[Callable[[int], NDArray[np.float64]], float]] = {
        "normal": (lambda n: rng.normal(5, 1, n), 5.0),
        "shares of words (beta 1.2, 8)": (lambda n: rng.beta(1.2, 8, n), 1.2 / 9.2),
        "queries (20 + lognormal, sd 0.8)": (lambda n: 20 + rng.lognormal(4, 0.8, n), 20 + np.exp(4.32)),
        "lognormal, sd 1": (lambda n: rng.lognormal(0, 1, n), np.exp(0.5)),
    }
    for recipe, queries in _queries().items():
        drawn[f"queries of {recipe}"] = (partial(rng.choice, queries), queries.mean())
    for (name, (draw, truth)), n in product(drawn.items(), (10, 20, 50, 100, 400)):
        trials = [(mean_over_examples(draw(n)), float(truth)) for _ in range(tables)]
        table.add_row(name, str(n), *_told(trials))
    return table


def _mean_over_seeds(rng: np.random.Generator, tables: int) -> Table:
    table = Table("seeds", "seed sd", "example sd", "chance sd", "n", "covers", "mean width", title="Crossed.mean")
    spreads = ((0.0, 0.7, 0.4), (0.2, 0.7, 0.4), (0.0, 0.9, 0.3), (0.1, 1.0, 0.5), (0.3, 0.3, 0.5))
    for seeds, (seed_sd, example_sd, chance_sd), n in product(_SEEDS, spreads, (20, 50, 100, 400)):
        crossed, truth = Crossed([np.arange(n)] * seeds), float(np.exp((seed_sd**2 + example_sd**2 + chance_sd**2) / 2))
        trials = []
        for _ in range(tables):
            of_seeds, of_examples = rng.normal(0, seed_sd, (seeds, 1)), rng.normal(0, example_sd, (1, n))
            values = np.exp(of_seeds + of_examples + rng.normal(0, chance_sd, (seeds, n)))
            trials.append((crossed.mean([*values]), truth))
        table.add_row(str(seeds), f"{seed_sd}", f"{example_sd}", f"{chance_sd}", str(n), *_told(trials))
    return table


def _decisions(rng: np.random.Generator, tables: int) -> Table:
    """Of two classes by recall and the share of others that are wrongly found, of more by accuracy."""
    names = ("accuracy", "recall", "precision", "f1", "macro_f1", "balanced_accuracy", "matthews")
    table = Table("classes", "examples", "of the class", "decides", *names, title="Confusion")
    settings: list[tuple[NDArray[np.float64], int, str]] = []
    for n, share in product((100, 277, 885), (0.5, 0.1)):
        for recall, wrongly in ((0.8, 0.2), (0.5, 0.05), (0.1, 0.01), (0.03, 0.003), (0.98, 0.02), (1.0, 0.1)):
            others = np.array([1 - wrongly, wrongly]) * (1 - share)
            settings.append((np.stack([others, [(1 - recall) * share, recall * share]]), n, f"{recall}, {wrongly}"))
    for classes, n, accuracy, tail in product((3, 4, 14), (100, 400, 1000), (0.95, 0.8, 0.5), (1.0, 0.1)):
        shares = np.append(np.ones(classes - 1), tail)
        mistaken = np.where(np.eye(classes) == 1, accuracy, (1 - accuracy) / (classes - 1))
        settings.append((mistaken * (shares / shares.sum())[:, None], n, f"{accuracy}"))
    for cells, n, decides in settings:
        classes = len(cells)
        covered: dict[str, list[Trial]] = {name: [] for name in names}
        # Of so many examples chance is none.
        truths = _estimates(np.rint(cells * 1e6).astype(np.int64))
        for drawn in rng.multinomial(n, cells.ravel(), size=tables):
            for name, estimate in _estimates(drawn.reshape(classes, classes)).items():
                truth = truths[name].value
                if estimate.low is not None and truth is not None:
                    covered[name].append((estimate, truth))
        told = [_told(trials)[0] for trials in covered.values()]
        table.add_row(str(classes), str(n), f"{n * cells[-1].sum():.0f}", decides, *told)
    return table


def _estimates(table: NDArray[np.int64]) -> dict[str, Estimate]:
    made, last = Confusion(table), len(table) - 1
    return {
        "accuracy": made.accuracy,
        "recall": made.recall(last),
        "precision": made.precision(last),
        "f1": made.f1(last),
        "macro_f1": made.macro_f1,
        "balanced_accuracy": made.balanced_accuracy,
        "matthews": made.matthews,
    }


def _ranks(rng: np.random.Generator, tables: int) -> Table:
    """Normal scores, those of the class so many deviations higher."""
    table = Table("examples", "share of the class", "higher by", "average precision", "covers", "mean width")
    for n, share, higher in product((100, 277, 885), (0.5, 0.1), (0.0, 0.5, 1.5, 3.0)):

        def drawn(size: int, share: float = share, higher: float = higher) -> tuple[NDArray[np.bool_], NDArray[Any]]:
            of_class = rng.random(size) < share
            return of_class, rng.normal(size=size) + higher * of_class

        truth = float(average_precision(*drawn(1_000_000), np.ones((1, 1_000_000)))[0])
        trials = []
        for _ in range(tables):
            of_class, scores = drawn(n)
            estimate = bootstrap_t(partial(average_precision, of_class, scores), n, int(of_class.sum()) - 1)
            if estimate.low is not None:
                trials.append((estimate, truth))
        table.add_row(str(n), f"{share}", f"{higher}", f"{truth:.3f}", *_told(trials))
    return table


def _correlations(rng: np.random.Generator, tables: int) -> Table:
    """Normal scores, and targets in 26 steps as those of stsb, of which normal ones are the predictions."""
    table = Table("targets", "examples", "correlation", "pearson", "spearman")
    for kind, n, correlation in product(("normal", "in steps"), (20, 100, 277), (0.0, 0.5, 0.9)):

        def drawn(size: int, kind: str = kind, correlation: float = correlation) -> NDArray[np.float64]:
            targets, noise = rng.normal(size=(2, size))
            predictions = correlation * targets + np.sqrt(1 - correlation**2) * noise
            return np.stack([np.rint(25 * special.ndtr(targets)) if kind == "in steps" else targets, predictions])

        truths = {
            name: estimate(*drawn(1_000_000))[0]
            for name, estimate in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr))
        }
        covered: dict[str, list[Trial]] = {name: [] for name in truths}
        for _ in range(tables):
            for name, estimate in regression_metrics(*drawn(n)).items():
                covered[name].append((estimate, float(truths[name])))
        table.add_row(kind, str(n), f"{correlation}", *(_told(trials)[0] for trials in covered.values()))
    return table


def _queries() -> dict[str, NDArray[np.float64]]:
    """Of all attacks in ``results/paper``, by recipe."""
    found: dict[str, list[float]] = {}
    for path in (Path(__file__).parents[1] / "results" / "paper" / "attacks").glob("*/*/*.jsonl"):
        records = read_records(path, AttackRecord)
        found.setdefault(path.stem, []).extend(r.queries for r in records if r.status in ("success", "failed"))
    return {recipe: np.array(queries, dtype=float) for recipe, queries in sorted(found.items())}


def _logit(share: float, spread: float) -> float:
    """The mean logit at which the share is right of all seeds and examples that there might be."""
    weights = _WEIGHTS / _WEIGHTS.sum()
    at = optimize.brentq(lambda mean: weights @ special.expit(mean + spread * _POINTS) - share, -20.0, 20.0)
    return float(at)


def _right(
    rng: np.random.Generator,
    at: float | NDArray[np.float64],
    seeds: int,
    n: int,
    seed_sd: float,
    example_sd: float,
) -> NDArray[np.bool_]:
    """Seeds x examples."""
    logits = at + rng.normal(0, seed_sd, (seeds, 1)) + rng.normal(0, example_sd, (1, n))
    return np.asarray(rng.random((seeds, n)) < special.expit(logits))


def _told(trials: Sequence[Trial]) -> tuple[str, str]:
    ends = [(estimate.low, estimate.high, truth) for estimate, truth in trials]
    covers = float(np.mean([low - 1e-12 <= truth <= high + 1e-12 for low, high, truth in ends]))
    doubt = 2 * np.sqrt(covers * (1 - covers) / len(trials))
    mark = " (low)" if covers + doubt < 0.93 else " (high)" if covers - doubt > 0.97 else ""
    return f"{covers:.3f}{mark}", f"{np.mean([high - low for low, high, _ in ends]):.3f}"


_TABLES = {
    "share": _share,
    "difference": _difference,
    "paired": _paired,
    "mean": _mean,
    "means": _mean_over_seeds,
    "decisions": _decisions,
    "ranks": _ranks,
    "correlations": _correlations,
}


if __name__ == "__main__":
    main()
