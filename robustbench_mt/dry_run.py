"""What an experiment would do, and how long it would take here, without writing anything."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustbench_mt.calibration import Speed
from robustbench_mt.cell import Cell
from robustbench_mt.costs import QUERIES_A_WORD, STAND_IN, Cost, cost, queries_of, settings_of
from robustbench_mt.errors import UserError
from robustbench_mt.experiment import Experiment
from robustbench_mt.experiment_cells import AttackCell
from robustbench_mt.experiment_run import refuse_other_experiment
from robustbench_mt.kept_in_memory import base_directory, forget
from robustbench_mt.speeds import calibrated, kind_of
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.unfolding import choose_cells, unfold
from robustbench_mt.visible import visible

__all__ = ["DryRun", "Row", "dry_run", "print_dry_run"]

_UNKNOWN = "?"


@dataclass
class Row:
    """Cells of one part that do the same kind of thing.

    Attributes:
        cells: how many there are, of which ``done``.
        steps, tokens, seconds: expected of those that are missing; ``None`` where that cannot be told of one of them.
    """

    part: str
    what: str
    cells: int = 0
    done: int = 0
    steps: int | None = 0
    tokens: float | None = 0.0
    seconds: float | None = 0.0

    def add(self, expected: Cost | None, speed: Speed | None) -> None:
        """Count what a missing cell is expected to take."""
        self.steps = None if expected is None or self.steps is None else self.steps + expected.steps
        tokens = None if expected is None else expected.trained + expected.scored
        self.tokens = None if tokens is None or self.tokens is None else self.tokens + tokens
        seconds = expected.seconds(speed) if expected and speed else None
        self.seconds = None if seconds is None or self.seconds is None else self.seconds + seconds


@dataclass(frozen=True)
class DryRun:
    """What is to be done.

    Attributes:
        missing: names of the cells that are not done; a checkpoint that two parts name has its name in the first.
        rows: the cells by part and kind.
        remarks: how the numbers came about, and what stands in the way of a run here.
    """

    missing: list[str]
    rows: list[Row]
    remarks: list[str]


def print_dry_run(
    experiment: Experiment, out: Path, options: TaskOptions, *, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> None:
    """Print what :func:`dry_run` finds."""
    found = dry_run(experiment, out, options, only=only, skip=skip)
    scale = f", scale {experiment.scale}" if experiment.scale else ""
    table = Table("part", "cells of", "cells", "done", "steps", "tokens", "hours", box=box.SIMPLE_HEAD)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in found.rows:
        table.add_row(Text(visible(row.part)), row.what, f"{row.cells:,}", f"{row.done:,}", *_numbers([row]))
    if len(found.rows) > 1:
        table.add_section()
        cells, done = (sum(getattr(row, name) for row in found.rows) for name in ("cells", "done"))
        table.add_row("all", "", f"{cells:,}", f"{done:,}", *_numbers(found.rows))
    console = Console(highlight=False)
    for name in found.missing:
        console.print(Text(visible(name)), soft_wrap=True)
    console.print(Text(visible(f"{experiment.name}{scale}: what is missing in {out}")))
    console.print(table)
    for remark in found.remarks:
        console.print(Text(visible(remark)))


def dry_run(
    experiment: Experiment, out: Path, options: TaskOptions, *, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> DryRun:
    """Count cells, steps and tokens, and calibrate on this machine for at most a minute.

    Args:
        experiment, out, options, only, skip: as :func:`robustbench_mt.experiment_run.run_experiment` takes them.

    Raises:
        UserError: the directory belongs to another experiment, or a name is wrong. Data, bases and resources that are
            not here are told in the remarks.
    """
    forget()
    refuse_other_experiment(experiment, out)
    chosen = choose_cells(unfold(experiment, options), only, skip)
    first = {cell.work: cell for cell in reversed(chosen)}
    cells = list(reversed(first.values()))
    problems: Counter[str] = Counter()
    for cell in cells:
        try:
            cell.check(out)
        except UserError as error:
            problems[str(error)] += 1
    missing = {cell.work: cell for cell in cells if not cell.seems_done(out)}
    speeds, remarks = calibrated(list(missing.values()))
    rows: dict[tuple[str, str], Row] = {}
    for cell in cells:
        row = rows.setdefault((cell.part, cell.what), Row(cell.part, cell.what))
        row.cells += 1
        if cell.work not in missing:
            row.done += 1
            continue
        expected = None
        with suppress(UserError):
            expected = cost(cell, out)
        row.add(expected, speeds.get(kind_of(cell)))
    if len(cells) < len(chosen):
        remarks.append(f"{len(chosen) - len(cells)} cells of a part that are another's as well are counted there.")
    remarks += _remarks(list(missing.values()), out)
    remarks += [f"In the way here, of {count} cells: {problem}" for problem, count in problems.items()]
    return DryRun([cell.name for cell in missing.values()], list(rows.values()), remarks)


def _remarks(missing: Sequence[Cell], out: Path) -> Iterator[str]:
    """How steps and tokens came about."""
    for base in dict.fromkeys(settings_of(cell).base for cell in missing):
        try:
            base_directory(base, False)
        except UserError:
            yield f"Tokens of {base}, which is not here, are counted with the tokenizer of {STAND_IN}."
    told: dict[tuple[str, bool], list[str]] = {}
    for cell in missing:
        if isinstance(cell, AttackCell):
            with suppress(UserError):
                queries, recorded = queries_of(cell, out)
                told.setdefault((cell.recipe, recorded), []).append(f"{queries:.0f} on {cell.task.name}")
    for (recipe, recorded), queries_on in told.items():
        if recorded:
            source = "as recorded in this run so far"
        elif recipe in QUERIES_A_WORD:
            source = f"from {QUERIES_A_WORD[recipe]:g} a word, which is what it took on Rotten Tomatoes"
        else:
            source = "a guess, as this recipe was not measured"
        yield f"Texts scored in an attack with {recipe}: {', '.join(dict.fromkeys(queries_on))} ({source})."


def _numbers(rows: Sequence[Row]) -> list[str]:
    """Steps, tokens and hours, summed where all are known."""
    steps = None if any(row.steps is None for row in rows) else sum(row.steps or 0 for row in rows)
    tokens = None if any(row.tokens is None for row in rows) else sum(row.tokens or 0.0 for row in rows)
    seconds = None if any(row.seconds is None for row in rows) else sum(row.seconds or 0.0 for row in rows)
    return [
        _UNKNOWN if steps is None else f"{steps:,}",
        _UNKNOWN if tokens is None else f"{tokens:,.0f}",
        _UNKNOWN if seconds is None else f"{seconds / 3600:.2f}",
    ]
