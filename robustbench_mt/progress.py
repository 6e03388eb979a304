"""Progress with an estimate of the time left, on standard error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from robustbench_mt.distributed import is_main_process
from robustbench_mt.visible import visible

__all__ = ["Show", "note", "progress", "silence_notes"]

_SECONDS_BETWEEN_LINES = 30

# rich's bars need widgets in a notebook, whose output says that it is a terminal; a line now and then needs nothing.
_in_notebook = Console().is_jupyter
# Of several processes that train together, one speaks.
_console = Console(
    stderr=True,
    highlight=False,
    quiet=not is_main_process(),
    force_jupyter=False,
    force_terminal=False if _in_notebook else None,
)
_display: Progress | None = None


class Show(Protocol):
    """Sets how much is done, and a few words on it."""

    def __call__(self, done: float, detail: str = "") -> None: ...


def note(message: str) -> None:
    """One line for whoever watches; what would act on the terminal, or is unseen, is spelt out."""
    _console.print(visible(message), markup=False, soft_wrap=True)


def silence_notes() -> None:
    """From here on, this process says nothing: for workers, whose parent does."""
    _console.quiet = True


@contextmanager
def progress(description: str, total: float | None) -> Iterator[Show]:
    """A progress bar; the body gets a function that sets how much is done.

    Bars that are open at the same time share one display. Where standard error is not a terminal, a line now and then
    takes a bar's place.

    Args:
        description: what is being done.
        total: how much there is to do; ``None`` where that is not known, for a bar that only moves.
    """
    global _display  # noqa: PLW0603 (a terminal has one display)
    outermost = _display is None
    if _display is None:
        _display = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=_console,
            transient=True,
            disable=not _console.is_terminal,
        )
        _display.start()
    display = _display
    task = display.add_task(visible(description), total=total, detail="")
    said = time.monotonic()

    def show(done: float, detail: str = "") -> None:
        nonlocal said
        display.update(task, completed=done, detail=visible(detail))
        if not _console.is_terminal and time.monotonic() - said >= _SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            amount = [] if total is None else [f"{done:g} of {total:g}"]
            note(f"{description}: {', '.join(filter(None, [*amount, detail]))}")

    try:
        yield show
    finally:
        display.remove_task(task)
        if outermost:
            display.stop()
            _display = None
