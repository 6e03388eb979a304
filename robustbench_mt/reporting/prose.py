"""The methods section of a paper, written from the records, with the BibTeX of all that it cites."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from robustbench_mt.reporting import citations
from robustbench_mt.reporting.attack_facts import attack_facts
from robustbench_mt.reporting.curve_facts import imbalance_facts, label_noise_facts
from robustbench_mt.reporting.dialects import LATEX, MARKDOWN, Dialect
from robustbench_mt.reporting.environment import environment
from robustbench_mt.reporting.seed_rows import static_set
from robustbench_mt.reporting.statistics_facts import metrics_used, statistics_used, versions_used
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.training_facts import method_facts, task_facts, training_facts
from robustbench_mt.statistics import CONFIDENCE

__all__ = ["MethodsSection", "methods_prose", "methods_section"]


@dataclass(frozen=True)
class MethodsSection:
    """What was done, in sentences.

    Attributes:
        markdown: with citations as pandoc reads them.
        latex: a file to ``\\input``, with ``\\cite``; it needs no package.
        bibtex: the entries that both cite, and no other.
    """

    markdown: str
    latex: str
    bibtex: str


def methods_section(summary: Summary) -> MethodsSection:
    """The methods section of what ``summary`` tells.

    Example:
        >>> section = methods_section(summary)
        >>> section.latex.startswith("\\\\section")
        True
    """
    cited: list[str] = []
    markdown, latex = (_render(summary, dialect, cited) for dialect in (MARKDOWN, LATEX))
    return MethodsSection(markdown, latex, citations.bibtex(cited))


def methods_prose(summary: Summary) -> str:
    """The methods section as Markdown."""
    return _render(summary, MARKDOWN, [])


def _render(summary: Summary, dialect: Dialect, cited: list[str]) -> str:
    """The section, whose citations are added to ``cited``."""
    runs = summary.runs
    text = (
        _environment(dialect)
        .get_template("methods.txt")
        .render(
            cited=cited,
            heading=lambda title: Markup(f"\n\n{dialect.heading(title)}"),
            title=Markup("# Methods" if dialect is MARKDOWN else r"\section{Methods}"),
            tasks=task_facts(summary),
            methods=method_facts(runs.trainings),
            training=training_facts(runs.trainings),
            remarks=summary.method_remarks or [f"How the settings were chosen: {told}" for told in runs.tuned_on],
            attacks=attack_facts(summary),
            static_sets=list(dict.fromkeys(static_set(row.split) for row in summary.static_sets)),
            transfers=bool(summary.transfers),
            reductions=bool(summary.reductions),
            imbalance=imbalance_facts(runs.imbalance),
            curve_training=training_facts([*runs.imbalance, *runs.label_noise]),
            noise=label_noise_facts(runs.label_noise),
            statistics=statistics_used(summary),
            versions=versions_used(summary),
            metrics=metrics_used(summary),
            tools=citations.TOOLS,
            keys=citations.STATISTICS,
            confidence=f"{CONFIDENCE:.0%}",
        )
    )
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return "\n\n".join(filter(None, paragraphs)) + "\n"


@cache
def _environment(dialect: Dialect) -> Environment:
    # What it gives is marked as safe: Jinja's own escaping, which is HTML's, never comes to it.
    made = environment(_escaped_by(dialect))

    @pass_context
    def cite(context: Context, keys: Sequence[str]) -> Markup:
        context["cited"].extend(keys)
        return Markup(dialect.cite(keys) if keys else "")

    made.filters |= {
        "cite": cite,
        "code": lambda text: Markup(dialect.code(text)),
        "duration": _duration,
        "listed": _listed(dialect),
        "sentence": lambda text: text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}.",
    }
    return made


def _escaped_by(dialect: Dialect) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Markup:
        if isinstance(value, Markup):
            return value
        return Markup(f"{value:,}" if isinstance(value, int) else dialect.escape(str(value)))

    return finalize


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _listed(dialect: Dialect) -> Callable[..., Markup]:
    escaped = _escaped_by(dialect)

    def listed(items: Sequence[Any], last: str = "and") -> Markup:
        """``a, b and c``."""
        shown = [escaped(item) for item in items]
        return Markup(f" {last} ").join(filter(None, [Markup(", ").join(shown[:-1]), *shown[-1:]]))

    return listed
