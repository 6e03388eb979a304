"""The results as tables for a terminal."""

import re
from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from robustbench_mt.reporting.attack_rows import AttackRow, ReductionRow
from robustbench_mt.reporting.average_rows import AverageRow
from robustbench_mt.reporting.curve_rows import TUNED, CurveRow, ImbalanceRow, protocol_suffix
from robustbench_mt.reporting.finding import Finding
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import method_order
from robustbench_mt.reporting.paired_rows import PairedRow
from robustbench_mt.reporting.seed_rows import EvaluationRow, static_set
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.transfer_rows import TransferMatrix
from robustbench_mt.statistics import Estimate, Scale
from robustbench_mt.visible import visible

__all__ = ["render_terminal"]

# More columns would be folded to shreds on a terminal of 80.
MOST_TARGETS = 3
MOST_FINDINGS = 10
# Longer names of methods take a line a setting, or they would leave the numbers none.
_LONGEST_NAME = 24
_BETWEEN_SETTINGS = re.compile(r"(?<=[:,])(?=\S)|(?<=,) | (?=\()")


def render_terminal(summary: Summary) -> RenderableType:
    """Tables of accuracies, methods over seeds, attacks, reductions, transfer and curves, then findings and doubts.

    Checkpoints are compared on the same examples where a task has one pair of them; the report has all pairs.
    Names are shown as they are, never read as rich's markup; unseen characters are spelt out.
    """
    evaluations = [row for row in summary.evaluations if row.accuracy]
    tasks = sorted({row.task for row in evaluations} | {row.task for row in summary.attacks})
    parts: list[RenderableType] = [_accuracies(summary, task) for task in tasks]
    parts += [_methods(*key, list(rows)) for key, rows in groupby(_over_seeds(summary), _task_and_split)]
    parts += [_averages(split, list(rows)) for split, rows in groupby(summary.averages, lambda row: row.split)]
    parts += [_text(remark) for remark in summary.method_remarks if summary.averages or _over_seeds(summary)]
    of_attacks = groupby(summary.attacks_and_worst_case, lambda row: row.task)
    parts += [_attacks(task, list(rows)) for task, rows in of_attacks]
    parts += [_paired(task, list(rows)) for task, rows in groupby(summary.paired, lambda row: row.task)]
    parts += map(_transfer, summary.transfers)
    parts += [_reductions(task, list(rows)) for task, rows in groupby(summary.reductions, lambda row: row.task)]
    parts += [_static_sets(task, list(rows)) for task, rows in groupby(summary.static_sets, lambda row: row.task)]
    of_imbalance = groupby(summary.imbalance, lambda row: (row.task, row.minority, row.protocol))
    parts += [_imbalance(*key, list(rows)) for key, rows in of_imbalance]
    for task, of_noise in groupby(summary.label_noise, lambda row: row.task):
        noise = list(of_noise)
        shown = [(row.method, row, row.measured) for row in noise]
        parts.append(_curve(f"{task}: clean accuracy by share of training labels flipped", shown, "percent"))
    said = [_text(headline) for headline in _headlines(summary.findings)]
    said += [_text(f"Doubt: {doubt}", "yellow") for doubt in summary.doubts]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts), *said)


def _headlines(findings: Sequence[Finding]) -> list[str]:
    """All differences that are told, and of the rest, which come after them, as many as can be read."""
    shown = max(MOST_FINDINGS, sum(finding.kind == "told" for finding in findings))
    left = len(findings) - shown
    more = [f"{left} more finding{'s are' if left > 1 else ' is'} in the report."] if left > 0 else []
    return [*(finding.headline for finding in findings[:shown]), *more]


def _accuracies(summary: Summary, task: str) -> RichTable:
    clean = {row.method: row for row in summary.evaluations if (row.task, row.split) == (task, "test")}
    attacks = [row for row in summary.attacks_and_worst_case if row.task == task]
    recipes = list(dict.fromkeys(row.recipe for row in attacks))
    under_attack = {(row.method, row.recipe): row.accuracy_under_attack for row in attacks}
    seeds = {row.method: row.seeds for row in clean.values()} | {row.method: row.seeds for row in attacks}
    table = _table(f"{task}: accuracy", ["method", "seeds", "clean (test)", *recipes])
    for method in sorted(seeds, key=method_order):
        evaluated = clean.get(method)
        cells = [evaluated.accuracy if evaluated else None]
        cells += [under_attack.get((method, recipe)) for recipe in recipes]
        table.add_row(_name(method), _seeds(seeds[method]), *(_cell(cell, "percent") for cell in cells))
    return table


def _over_seeds(summary: Summary) -> list[MethodRow]:
    """The rows that say more than the accuracies do."""
    return [row for row in summary.methods if len(row.scores) > 1 or row.metrics != ("accuracy",)]


def _task_and_split(row: MethodRow) -> tuple[str, str]:
    return row.task, row.split


def _methods(task: str, split: str, rows: Sequence[MethodRow]) -> RichTable:
    title = f"{task}: {rows[0].score_name} over seeds ({split}, n={rows[0].n})"
    table = _table(title, ["method", "mean", "sd", "difference to vanilla, points", "failed to train"])
    for row in rows:
        difference = _cell(row.difference, "points", 2)
        failed = f"{row.failed} of {row.judged}" if row.judged else "–"
        spread = "–" if row.spread is None else f"{row.spread:.3f}"
        table.add_row(_name(row.method), _cell(row.score, "number"), spread, difference, failed)
    return table


def _averages(split: str, rows: Sequence[AverageRow]) -> RichTable:
    measures = ["tasks", "mean", "difference to vanilla, points", "paper"]
    table = _table(f"average over tasks ({split})", ["method", *measures])
    for row in rows:
        published = "–" if row.published is None else f"{row.published:+.2f}"
        cells = [_cell(row.average, "number"), _cell(row.difference, "points", 2)]
        table.add_row(_name(row.method), _text("\n".join(row.tasks)), *cells, published)
    return table


def _attacks(task: str, rows: Sequence[AttackRow]) -> RichTable:
    measures = ["clean accuracy", "under attack", "success rate", "queries", "words changed"]
    table = _table(f"{task}: attacks", ["recipe, method", *measures])
    for row in rows:
        cells = [row.clean_accuracy, row.accuracy_under_attack, row.success_rate]
        shown = [*(_cell(cell, "percent") for cell in cells), _cell(row.queries, "number", 1)]
        table.add_row(_attacked(row), *shown, _cell(row.share_changed, "percent"))
    return table


def _reductions(task: str, rows: Sequence[ReductionRow]) -> RichTable:
    measures = ["reduced", "words removed", "queries"]
    table = _table(f"{task}: words removed while the prediction stays", ["recipe, method", *measures])
    for row in rows:
        shares = [_cell(cell, "percent") for cell in (row.reduced, row.share_removed)]
        table.add_row(_attacked(row), *shares, _cell(row.queries, "number", 1))
    return table


def _attacked(row: AttackRow | ReductionRow) -> Text:
    notes = [f"{row.left_out} left out"] * bool(row.left_out)
    notes += [f"{row.ended_by_budget} ended by budget"] * bool(row.ended_by_budget)
    return Text("\n").join([_text(row.recipe), _name(row.method), *map(_text, notes)])


def _paired(task: str, rows: Sequence[PairedRow]) -> RenderableType:
    pairs = list(dict.fromkeys((row.checkpoint, row.other) for row in rows))
    if len(pairs) > 1:
        return _text(f"{task}: {len(pairs)} pairs of checkpoints are compared on the same examples in the report.")
    ((checkpoint, other),) = pairs
    title = f"{task}: {checkpoint} (A) and {other} (B) on the same examples"
    p = f"McNemar p (Holm of {rows[0].family})" if rows[0].family > 1 else "McNemar p"
    table = _table(title, ["accuracy", "A", "B", "A - B, points", p, "right: only A, only B"])
    for row in rows:
        shown = [_cell(row.accuracy, "percent"), _cell(row.other_accuracy, "percent"), _cell(row.difference, "points")]
        held = f" ({row.p_holm:.2g})" if row.p_holm is not None and row.family > 1 else ""
        table.add_row(_text(row.condition), *shown, f"{row.p:.2g}{held}", f"{row.only_right}, {row.only_other_right}")
    return table


def _transfer(matrix: TransferMatrix) -> RenderableType:
    if len(matrix.targets) > MOST_TARGETS:
        return _text(f"{matrix.task}: texts of {matrix.recipe} are scored on other checkpoints in the report.")
    title = f"{matrix.task}: texts of {matrix.recipe} that fool another checkpoint"
    table = _table(title, ["found against", *matrix.targets])
    fooled = {(row.source, row.target): row.fooled for row in matrix.rows}
    for source in matrix.sources:
        cells = [fooled.get((source, target)) for target in matrix.targets]
        table.add_row(_text(source), *(_cell(cell, "percent") for cell in cells))
    return table


def _static_sets(task: str, rows: Sequence[EvaluationRow]) -> RichTable:
    table = _table(f"{task}: static adversarial sets", ["static set", "method", "seeds", "accuracy"])
    for row in rows:
        name = _text(static_set(row.split))
        table.add_row(name, _name(row.method), _seeds(row.seeds), _cell(row.accuracy, "percent"))
    return table


def _imbalance(task: str, minority: str, protocol: str, rows: Sequence[ImbalanceRow]) -> RichTable:
    """F1 at a threshold of 0.5, which is to predict the likeliest class, and at the tuned one where there is one."""
    by_share = ", by the share of it kept" * (rows[0].share is not None)
    title = f"{task}: F1 of the minority class {minority}{by_share}{protocol_suffix(protocol)}"
    shown = []
    for row in rows:
        name = f"{row.method}\nbalanced control" if row.control else row.method
        shown.append((name, row, row.measured))
        tuned = row.metrics.get(f"{row.measure}{TUNED}")
        if tuned:
            shown.append((f"{name}\ntuned threshold", row, tuned))
    return _curve(title, shown, "number")


def _curve(title: str, shown: Sequence[tuple[str, CurveRow, Estimate]], unit: Scale) -> RichTable:
    """A line a name and a column a level."""
    levels = {row.level: row.level_name for _, row, _ in sorted(shown, key=lambda each: each[1].level)}
    table = _table(title, ["method", "seeds", *levels.values()])
    for name in dict.fromkeys(name for name, _, _ in shown):
        points = {row.level: estimate for other, row, estimate in shown if other == name}
        seeds = sorted({seed for other, row, _ in shown if other == name for seed in row.seeds})
        table.add_row(_name(name), _seeds(seeds), *(_cell(points.get(level), unit) for level in levels))
    return table


def _table(title: str, columns: Sequence[str]) -> RichTable:
    table = RichTable(title=_text(title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    for position, column in enumerate(columns):
        first = position == 0
        table.add_column(_text(column), justify="left" if first else "right", overflow="fold", no_wrap=first)
    return table


def _cell(estimate: Estimate | None, unit: Scale, digits: int | None = None) -> Text:
    """Value, interval and n on a line each, so that columns stay narrow."""
    if estimate is None:
        return Text("–")
    value, interval = estimate.parts(unit, digits if digits is not None else 3 if unit == "number" else 1)
    return Text("\n".join(filter(None, (value, interval, estimate.count))))


def _name(method: str) -> Text:
    return _text(_BETWEEN_SETTINGS.sub("\n", method) if len(method) > _LONGEST_NAME else method)


def _seeds(seeds: Sequence[int]) -> Text:
    return Text(str(len(seeds)) if seeds else "–")


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style)
