"""Progress with an estimate of the time left, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["note", "progress"]

_console = Console(stderr=True, highlight=False)
_display: Progress | None = None


def note(message: str) -> None:
    """One line for whoever watches."""
    _console.print(message, markup=False, soft_wrap=True)


@contextmanager
def progress(description: str, total: float) -> Iterator[Callable[[float], None]]:
    """A progress bar; the body gets a function that sets how much is done.

    Bars that are open at the same time share one display.
    """
    global _display  # noqa: PLW0603 (a terminal has one display)
    outermost = _display is None
    if _display is None:
        _display = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=_console,
            transient=True,
        )
        _display.start()
    display = _display
    task = display.add_task(description, total=total)
    try:
        yield lambda done: display.update(task, completed=done)
    finally:
        display.remove_task(task)
        if outermost:
            display.stop()
            _display = None
