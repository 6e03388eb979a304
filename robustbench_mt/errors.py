"""The exceptions that a user is meant to read, one kind for each remedy; docs/errors.md says what to do.

Each is raised where the mistake is found. The command line prints its message and its code on one line.
"""

from typing import ClassVar

from robustbench_mt.visible import visible

__all__ = [
    "BadCheckpointError",
    "BadColumnsError",
    "BadDataFileError",
    "BadExperimentError",
    "BadLabelError",
    "BadRecordError",
    "BadSettingError",
    "BadVictimError",
    "BadWordVectorsError",
    "CannotReadError",
    "CannotWriteError",
    "CommandLineError",
    "ConflictingOptionsError",
    "DiskFullError",
    "DivergenceError",
    "LabelMismatchError",
    "LinkOutOfRunError",
    "MissingDataError",
    "MissingPackageError",
    "MissingResourceError",
    "NeedsClassesError",
    "NoClusterError",
    "NoNetworkError",
    "NotFoundError",
    "NotUtf8Error",
    "NothingToDoError",
    "OtherSettingsError",
    "OtherTaskError",
    "OtherVictimError",
    "RunIsOpenError",
    "TooFewExamplesError",
    "UnfitBaseError",
    "UnfitRecipeError",
    "UnknownNameError",
    "UnsafeFileError",
    "UserError",
    "WorkersDiedError",
]


class UserError(Exception):
    """Something the user can mend: the message is one line that names the input and the remedy.

    The command line prints it on standard error and ends with exit status 2. It may quote a file: characters that are
    not seen, or that a terminal obeys, are spelt out. What is raised is always one of the kinds below.

    Attributes:
        code: the kind in words, which stands at the end of the line: a section of docs/errors.md.

    Example:
        >>> load_task("rotten_tomatos")
        Traceback (most recent call last):
        robustbench_mt.errors.UnknownNameError: Unknown task 'rotten_tomatos': did you mean rotten_tomatoes? ...
    """

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(visible(" ".join(message.split())))


class CommandLineError(UserError):
    """An option or a command does not exist, one that is needed is not given, or its value is not of its type."""

    code = "command-line"


class UnknownNameError(UserError):
    """There is nothing of that name: no such task, method, setting, recipe, split, class, field or part."""

    code = "unknown-name"


class BadSettingError(UserError):
    """A setting has a value that it cannot have."""

    code = "bad-setting"


class ConflictingOptionsError(UserError):
    """Things are asked for that exclude each other, or one that needs another."""

    code = "conflicting-options"


class NotFoundError(UserError):
    """There is no file or directory at that path."""

    code = "not-found"


class CannotReadError(UserError):
    """A file is there, but the system does not let it be read."""

    code = "cannot-read"


class NotUtf8Error(UserError):
    """A file is not UTF-8 text: it has another encoding, or is binary."""

    code = "not-utf-8"


class BadDataFileError(UserError):
    """Data are not in a form that can be read: a format, a line, a row or the names of splits."""

    code = "bad-data-file"


class BadColumnsError(UserError):
    """It cannot be told which columns hold the texts and the label, or the ones named are not there."""

    code = "bad-columns"


class BadLabelError(UserError):
    """A row has no label, or one that is none of the task's."""

    code = "bad-label"


class TooFewExamplesError(UserError):
    """There are too few examples, or too few of a class, for what was asked."""

    code = "too-few-examples"


class NeedsClassesError(UserError):
    """What was asked for needs two classes or more: the task is a regression task, or has one class."""

    code = "needs-classes"


class BadExperimentError(UserError):
    """An experiment's YAML file has an entry that is missing, unknown or wrong."""

    code = "bad-experiment"


class BadRecordError(UserError):
    """A file in a run's directory is damaged, was edited, or was written by another version."""

    code = "bad-record"


class BadWordVectorsError(UserError):
    """A file does not hold word vectors that can be used."""

    code = "bad-word-vectors"


class OtherTaskError(UserError):
    """Adversarial texts are of another task than the one that was named."""

    code = "other-task"


class NoClusterError(UserError):
    """A Ray cluster does not answer, or does not do its work."""

    code = "no-cluster"


class NothingToDoError(UserError):
    """What was named holds nothing that the command could work on."""

    code = "nothing-to-do"


class BadCheckpointError(UserError):
    """A model's directory is there, but is not one that can be used for this."""

    code = "bad-checkpoint"


class UnsafeFileError(UserError):
    """Reading the file could run any code: it is a pickle, or a model that brings code of its own."""

    code = "unsafe-file"


class LabelMismatchError(UserError):
    """The classes of the task and of the checkpoint do not correspond, or it cannot be told how."""

    code = "label-mismatch"


class BadVictimError(UserError):
    """A function or pipeline of yours cannot be loaded, failed, or does not return a row of scores for each text."""

    code = "bad-victim"


class OtherVictimError(UserError):
    """The classifier that records are of is not here, or the one of its name is another."""

    code = "other-victim"


class UnfitBaseError(UserError):
    """A method needs a part of the model that this base does not have, or that is not known for its architecture."""

    code = "unfit-base"


class UnfitRecipeError(UserError):
    """A recipe cannot attack this victim, or a task of this form."""

    code = "unfit-recipe"


class MissingResourceError(UserError):
    """A recipe needs word lists, vectors or models that are not on this machine."""

    code = "missing-resource"


class MissingPackageError(UserError):
    """A Python package is not installed."""

    code = "missing-package"


class MissingDataError(UserError):
    """A task's data are not on this machine."""

    code = "missing-data"


class NoNetworkError(UserError):
    """Something would have to be downloaded, which was not allowed or did not succeed."""

    code = "no-network"


class CannotWriteError(UserError):
    """The system does not let a file or directory be written."""

    code = "cannot-write"


class DiskFullError(UserError):
    """No room is left to write: the disk, your share of it, or a file's largest size."""

    code = "disk-full"


class OtherSettingsError(UserError):
    """What is in the directory was made in another way than is asked for now."""

    code = "other-settings"


class RunIsOpenError(UserError):
    """Another run is writing to the same directory."""

    code = "run-is-open"


class LinkOutOfRunError(UserError):
    """A name or a link in a run's directory leads out of it."""

    code = "link-out-of-run"


class DivergenceError(UserError):
    """A training ended with a loss or weights that are not finite: the run failed to train."""

    code = "diverged"


class WorkersDiedError(UserError):
    """Worker processes end before they can begin."""

    code = "workers-died"
