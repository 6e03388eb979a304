"""Families of comparisons: rows whose p values are corrected together for their number."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from robustbench_mt.comparisons import family_size, holm

__all__ = ["Tested", "corrected", "family_sizes"]


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A comparison of a family.

    Attributes:
        p_holm: its p, corrected by Holm for the ``family``; ``None`` where it could not be tested.
        family: how many comparisons of the family could be tested.
    """

    p_holm: float | None = None
    family: int = 0


T = TypeVar("T", bound=Tested)


def corrected(rows: Sequence[T], p: Callable[[T], float | None]) -> list[T]:
    """The rows of one family with their p, which ``p`` tells, corrected."""
    ps = holm([p(row) for row in rows])
    return [replace(row, p_holm=each, family=family_size(ps)) for row, each in zip(rows, ps, strict=True)]


def family_sizes(rows: Iterable[T], name: Callable[[T], str]) -> str:
    """`` (rte: 3, sst2: 1)``, for a caption: how many comparisons each family has, by its name; else empty."""
    sizes = {name(row): row.family for row in rows if row.family}
    return f" ({', '.join(f'{family}: {size}' for family, size in sizes.items())})" if sizes else ""
