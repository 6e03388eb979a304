"""The command line: its commands, and what every one of them does with mistakes, Ctrl-C and a closed pipe."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, CycloptsError

from robustbench_mt import __version__
from robustbench_mt.commands.attacks import attack, transfer, verify
from robustbench_mt.commands.checkpoints import evaluate, train
from robustbench_mt.commands.overview import list_names, resources
from robustbench_mt.commands.records import records
from robustbench_mt.commands.runs import imbalance, label_noise, quickstart, report, run
from robustbench_mt.distributed import is_main_process, several_processes
from robustbench_mt.errors import CommandLineError, ConflictingOptionsError, NotFoundError, UserError
from robustbench_mt.interrupt import INTERRUPTED, MESSAGE, ends_soon_when_interrupted
from robustbench_mt.quiet import quiet_tensorflow
from robustbench_mt.standard_streams import make_streams_safe
from robustbench_mt.system_errors import what_no_library_mends

__all__ = ["app", "main"]

app = App(
    name="robustbench-mt",
    version=__version__,
    help="How robust is a fine-tuned text classifier, and which way of fine-tuning makes it more so?",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for command in (quickstart, train, evaluate, attack, verify, transfer, imbalance, label_noise, run, report, resources):
    app.command(command)
app.command(list_names, name="list")
app.command(records)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0 or what it returns, 2 for a user's mistake, 130 when interrupted."""
    make_streams_safe()
    # Before anything imports transformers, which looks at this once.
    quiet_tensorflow()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        _refuse_removed_directory()
        if several_processes() and "train" not in arguments[:1]:
            raise ConflictingOptionsError(
                "Of all commands only train runs in several processes: start this one without a launcher."
            )
        with ends_soon_when_interrupted():
            status = app(arguments, exit_on_error=False, print_error=False)
    except UserError as error:
        return _refused(error)
    except CycloptsError as error:
        return _refused(CommandLineError(str(error)))
    except KeyboardInterrupt:
        if is_main_process():
            print(MESSAGE, file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be written, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        refusal = what_no_library_mends(error)
        if refusal is None:
            raise
        return _refused(refusal)
    return status if isinstance(status, int) else 0


def _refuse_removed_directory() -> None:
    """Libraries that look for the current directory, torch among them, would end the process at once."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise NotFoundError("The directory that the command is given in was removed: go to another one (cd).") from None


def _refused(error: UserError) -> int:
    """Say what a user can mend, on one line that ends in the code of its kind; the exit status."""
    if is_main_process():
        print(f"robustbench-mt: {error}  [{error.code}]", file=sys.stderr)
    return 2
