"""The report as one HTML file that needs nothing else, and trusts no text."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from robustbench_mt import __version__
from robustbench_mt.reporting.examples import STATUSES, choose_examples
from robustbench_mt.reporting.figures import Drawing
from robustbench_mt.reporting.provenance import provenance_tables
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Table
from robustbench_mt.statistics import Estimate
from robustbench_mt.visible import pieces, visible

__all__ = ["render_page"]

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class _Section:
    """A part of the page; ``folded`` tables are opened by the reader."""

    id: str
    title: str
    tables: list[Table]
    folded: list[Table]
    drawings: list[Drawing]


# What stands where: the tables shown and the tables folded, by their names.
_SECTIONS = (
    ("attacks", "Accuracy under attack", ("attacks",), ("attacks_by_checkpoint",)),
    ("paired", "Two checkpoints on the same examples", ("paired", "paired_seeds"), ()),
    ("words", "Accuracy against the share of words changed", (), ("accuracy_by_words",)),
    ("transfer", "Transfer of adversarial texts", (), ("transfer",)),
    ("reduction", "Input reduction", ("input_reduction",), ()),
    ("methods", "Methods of fine-tuning", ("methods",), ()),
    ("average", "Methods averaged over tasks", ("methods_average",), ()),
    ("clean", "Clean scores", ("evaluations",), ()),
    ("static", "Static adversarial sets", ("static_sets",), ()),
    ("imbalance", "Class imbalance", ("imbalance", "imbalance_tuned"), ()),
    ("label-noise", "Label noise", ("label_noise",), ()),
    ("matching", "What matching does", (), ("matching",)),
)


def render_page(summary: Summary, drawings: Sequence[Drawing]) -> str:
    """The page's HTML.

    Every text goes through escaping, and characters that hide or reverse text are spelt out. The page's policy lets it
    load nothing and run only the one script whose hash it names.

    Args:
        summary: the rows.
        drawings: the figures, shown in their sections.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_spell_out,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["data_uri"] = _data_uri
    environment.tests["estimate"] = lambda cell: isinstance(cell, Estimate)
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    sections, missing = _sections(summary, drawings)
    examples, attacked = choose_examples(summary.groups)
    return environment.get_template("page.html").render(
        style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        version=__version__,
        summary=summary,
        counts=_counts(summary, attacked),
        sections=sections,
        missing=missing,
        provenance=provenance_tables(summary),
        examples=examples,
        attacked=attacked,
        statuses=STATUSES,
    )


def _sections(summary: Summary, drawings: Sequence[Drawing]) -> tuple[list[_Section], list[str]]:
    tables = {table.name: table.for_readers() for table in result_tables(summary)}
    sections, missing = [], []
    for id_, title, shown, folded in _SECTIONS:
        section = _Section(
            id_,
            title,
            [tables[name] for name in shown if name in tables],
            [tables[name] for name in folded if name in tables],
            [drawing for drawing in drawings if drawing.section == id_],
        )
        if section.tables or section.folded:
            sections.append(section)
        else:
            missing.append(title)
    return sections, missing


def _counts(summary: Summary, attacked: int) -> list[tuple[int, str]]:
    """What the page is made from, one number each."""
    runs = summary.runs
    counts = [
        (len(runs.trainings), "trainings"),
        (len(runs.evaluations), "evaluations"),
        (len(runs.attacks), "attacks"),
        (attacked, "attacked examples"),
        (len(runs.transfers), "transfers"),
        (len(runs.imbalance), "points of imbalance curves"),
        (len(runs.label_noise), "points of label noise curves"),
    ]
    return [count for count in counts if count[0]]


def _data_uri(drawing: Drawing) -> Markup:
    return Markup(f"data:image/svg+xml;base64,{base64.b64encode(drawing.files['svg']).decode('ascii')}")


def _spell_out(value: Any) -> Any:
    """What Jinja shows for an expression, before it escapes it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    parts = pieces(value)
    if not any(unseen for _, unseen in parts):
        return value
    unseen = Markup('<span class="unseen">{}</span>')
    return Markup("").join(unseen.format(part) if hidden else part for part, hidden in parts)
