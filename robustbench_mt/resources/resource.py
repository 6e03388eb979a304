"""What a resource is: data that some recipes need and that does not come with ``pip install``."""

from collections.abc import Callable
from dataclasses import dataclass

from robustbench_mt.resources.nltk_data import Package

__all__ = ["Found", "Resource"]


@dataclass(frozen=True)
class Found:
    """Where a resource was found.

    Attributes:
        where: the path or package, for the user.
        source: the same in a few words and with no path of this machine, for records.
        fallback: a stand-in for the real thing.
    """

    where: str
    source: str
    fallback: bool = False


@dataclass(frozen=True)
class Resource:
    """Data that some recipes need.

    Attributes:
        name: what recipes and the command line call it.
        what: what it is, in a few words.
        remedy: how to get it, on one line, with and without a network.
        find: looks for its files, reading and importing as little as it can; ``None`` where it is not here.
        packages: NLTK's data packages that make it up; only these can be fetched.
    """

    name: str
    what: str
    remedy: str
    find: Callable[[], Found | None]
    packages: tuple[Package, ...] = ()
