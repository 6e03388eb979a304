"""The exceptions that a user is meant to read."""

from robustbench_mt.visible import visible

__all__ = ["DivergenceError", "UserError"]


class UserError(Exception):
    """Something the user can mend: the message is one line that names the input and the remedy.

    The command line prints it on standard error and ends with exit status 2. It may quote a file: characters that are
    not seen, or that a terminal obeys, are spelt out.

    Example:
        >>> load_task("rotten_tomatos")
        Traceback (most recent call last):
        robustbench_mt.errors.UserError: Unknown task 'rotten_tomatos': did you mean rotten_tomatoes? ...
    """

    def __init__(self, message: str) -> None:
        super().__init__(visible(" ".join(message.split())))


class DivergenceError(UserError):
    """A training ended with a loss or weights that are not finite: the run failed to train."""
