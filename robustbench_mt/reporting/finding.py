"""A sentence of the report, and how comparisons of methods become sentences: what is alike is said once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from robustbench_mt.reporting.verdicts import UNTOLD, Verdict

__all__ = ["KINDS", "Comparison", "Finding", "listed_with_and", "told_together"]

Kind = Literal["told", "alone", "untold", "mass"]
# More methods are counted, and named in the details.
_MOST_NAMED = 6
KINDS: tuple[Kind, ...] = ("told", "alone", "untold", "mass")
"""Of findings, the most telling first."""


@dataclass(frozen=True)
class Finding:
    """A sentence, and the numbers it rests on.

    Attributes:
        kind: ``alone`` of a method that has no other to be compared with; ``untold`` where no difference can be told in
            any of what is compared; ``mass`` of a matching matrix.
        count: of the pairs of methods, or the methods, that it is about.
    """

    headline: str
    details: list[str]
    kind: Kind = "told"
    count: int = 1


@dataclass(frozen=True)
class Comparison:
    """A method and the one that it is compared with.

    Attributes:
        subject: the task, and what is measured.
        verdicts: one an attack, ratio, split or whatever else is ``counted``; ``details`` are their numbers.
        size: of the difference, where there is one verdict.
    """

    subject: str
    method: str
    against: str
    counted: str
    verdicts: Sequence[Verdict]
    details: list[str]
    size: str = ""

    @property
    def is_untold(self) -> bool:
        """Whether no difference can be told at all."""
        return all(verdict.told == UNTOLD for verdict in self.verdicts)


def told_together(said: Iterable[Comparison | Finding]) -> list[Finding]:
    """One sentence a comparison; one for all methods that cannot be told from the same one, in as many trials."""
    findings: dict[object, Finding | list[Comparison]] = {}
    for number, each in enumerate(said):
        if isinstance(each, Finding):
            findings[number] = each
        elif not each.is_untold:
            findings[number] = [each]
        else:
            alike = findings.setdefault((each.subject, each.against, len(each.verdicts)), [])
            assert isinstance(alike, list)
            alike.append(each)
    return [found if isinstance(found, Finding) else _finding(found) for found in findings.values()]


def listed_with_and(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _finding(alike: Sequence[Comparison]) -> Finding:
    first = alike[0]
    verdicts = [verdict for each in alike for verdict in each.verdicts]
    named = len(alike) <= _MOST_NAMED
    methods = listed_with_and([each.method for each in alike]) if named else f"{len(alike)} methods"
    return Finding(
        f"{first.subject} of {methods}{', each' * (len(alike) > 1)} against {first.against}: "
        f"{_overall([verdict.told for verdict in first.verdicts], first.counted)}"
        f"{f', {first.size}' if first.size and not first.is_untold else ''}{_evidence(verdicts)}.",
        [detail for each in alike for detail in each.details],
        "untold" if first.is_untold else "told",
        len(alike),
    )


def _evidence(verdicts: Sequence[Verdict]) -> str:
    """The test that comes closest to telling a difference, where it is one for all."""
    tested = [verdict for verdict in verdicts if verdict.p is not None]
    is_untold = all(verdict.told == UNTOLD for verdict in verdicts)
    if len({verdict.told for verdict in verdicts}) > 1 or not tested or (len(tested) < len(verdicts) and not is_untold):
        return ""
    if len(verdicts) == 1:
        return tested[0].why
    # Of differences that can be told, it is the weakest that all rest on.
    end, name = (min, "smallest") if is_untold else (max, "largest")
    return end(tested, key=lambda verdict: verdict.p or 0.0).why.replace("(p", f"({name} p", 1)


def _overall(verdicts: Sequence[str], counted: str) -> str:
    if len(verdicts) == 1:
        return verdicts[0]
    if len(set(verdicts)) == 1:
        return f"{verdicts[0]}, in {'both' if len(verdicts) == 2 else f'all {len(verdicts)}'} {counted}"
    counts = [(verdict, verdicts.count(verdict)) for verdict in ("higher", "lower", UNTOLD)]
    (first, count), *rest = [(verdict, count) for verdict, count in counts if count]
    told = f"{first} in {count} of {len(verdicts)} {counted}"
    return "; ".join([told, *(f"in {count} {verdict}" for verdict, count in rest)])
