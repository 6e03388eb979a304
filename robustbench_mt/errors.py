"""The one exception that a user is meant to read."""

__all__ = ["UserError"]


class UserError(Exception):
    """Something the user can mend: the message is one line that names the input and the remedy.

    The command line prints it on standard error and ends with exit status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
