"""The report as one HTML file that needs nothing else, and trusts no text."""

import base64
import hashlib
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from robustbench_mt import __version__
from robustbench_mt.reporting.attacked import STATUSES
from robustbench_mt.reporting.checkpoint_pages import CheckpointPage, checkpoint_pages
from robustbench_mt.reporting.drawing import Drawing
from robustbench_mt.reporting.embedding import embedded
from robustbench_mt.reporting.environment import TEMPLATES, environment
from robustbench_mt.reporting.example_payload import pack_examples
from robustbench_mt.reporting.examples import in_turn, take
from robustbench_mt.reporting.finding import KINDS, Finding
from robustbench_mt.reporting.leaderboard_rows import LeaderboardRow
from robustbench_mt.reporting.prose import methods_prose
from robustbench_mt.reporting.provenance import provenance_tables
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Table
from robustbench_mt.reporting.what_was_run import what_was_run
from robustbench_mt.statistics import Estimate
from robustbench_mt.visible import pieces, visible

__all__ = ["render_page"]

MOST_BYTES = 5_000_000
# Of all figures together: the rest is for the tables and the examples.
FIGURE_BYTES = 3_000_000
# What stands in the page for those who read it without scripts.
STATIC_EXAMPLES, STATIC_CHARACTERS = 300, 600_000
# The elements around all packed blocks, of which there are 500 at most.
_ELEMENTS = 40_000
# Of findings alike that stand open to the eye; more are folded into one line.
_FEW_FINDINGS = 10
_FOLDED = {
    "untold": "No difference can be told at this n in {} comparisons",
    "mass": "Where the mass of a row of the matching matrix went, in {} trainings of a method on a task",
}
# Of each recipe against a checkpoint, successes that are looked at for one that its page has room for.
_LOOKED_AT = 20

_SCRIPTS = ("vendor/sortable-tablesort-4.1.7.js", "page.js", "examples.js")
_PACKED = "<!-- packed examples -->"


@dataclass(frozen=True)
class _Section:
    """A part of the page; ``folded`` tables are opened by the reader."""

    id: str
    title: str
    tables: list[Table]
    folded: list[Table]
    drawings: list[Drawing]


@dataclass(frozen=True)
class _Script:
    """A script and its digest, by which the page's policy knows it."""

    text: Markup
    digest: str


# What stands where: the tables shown and the tables folded, by their names.
_SECTIONS = (
    ("attacks", "Accuracy under attack", ("attacks",), ("attacks_by_checkpoint",)),
    ("paired", "Two checkpoints on the same examples", ("paired_seeds", "paired"), ()),
    ("words", "Accuracy against the share of words changed", (), ("accuracy_by_words",)),
    ("queries", "Success against queries", (), ()),
    ("length", "Accuracy against the length of the text", (), ()),
    ("transfer", "Transfer of adversarial texts", (), ("transfer",)),
    ("reduction", "Input reduction", ("input_reduction",), ()),
    ("methods", "Methods of fine-tuning", ("methods",), ()),
    ("average", "Methods averaged over tasks", ("methods_by_task", "methods_average"), ()),
    ("clean", "Clean scores", ("evaluations",), ()),
    ("static", "Static adversarial sets", ("static_sets",), ()),
    ("batch-mates", "Dependence on batch-mates", ("batch_dependence",), ()),
    ("imbalance", "Class imbalance", ("imbalance", "imbalance_tuned", "imbalance_differences"), ()),
    ("label-noise", "Label noise", ("label_noise", "label_noise_differences"), ()),
    ("matching", "What matching does", (), ("matching",)),
)


def render_page(summary: Summary, drawings: Sequence[Drawing]) -> str:
    """The page's HTML.

    Every text goes through escaping, and characters that hide or reverse text are spelt out. The page's policy lets it
    load nothing and run only the scripts whose hashes it names. Of 5 MB the figures have 3 at most, and less where
    tables need it; what of them does not fit is left to the files beside the page. Of the attacked examples it holds as
    many as the rest leaves room for, packed for the script that filters them and unpacks what it shows; some hundred
    stand in it for those who read it without scripts.

    Args:
        summary: the rows.
        drawings: the figures, each with a name of its own, shown in their sections.
    """
    tables = {table.name: table.for_readers().without_constants() for table in result_tables(summary)}
    sections, missing = _sections(tables, drawings)
    groups, keys = summary.groups, summary.keys
    attacked = sum(len(file.attacked) for group in groups for file in group.files)
    static = take(in_turn(groups, keys), STATIC_EXAMPLES, STATIC_CHARACTERS)
    pages = checkpoint_pages(summary.leaderboard, in_turn(groups, keys, ("success",), _LOOKED_AT))
    names: dict[str, Sequence[str]] = {
        "task": sorted({group.task for group in groups}),
        "recipe": sorted({group.recipe for group in groups}),
        "method": sorted({group.method for group in groups}),
        "status": STATUSES,
    }
    page = (
        _environment()
        .get_template("page.html")
        .render(
            style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
            scripts=[_script(name) for name in _SCRIPTS],
            version=__version__,
            summary=summary,
            what_was_run=what_was_run(summary),
            counts=_counts(summary, attacked),
            findings=_findings(summary.findings),
            leaderboard=tables.get("leaderboard"),
            links=_links(summary.leaderboard, pages),
            sections=sections,
            missing=missing,
            pages=pages,
            left=len(summary.leaderboard) - len(pages),
            provenance=provenance_tables(summary),
            prose=methods_prose(summary),
            examples=sorted(static, key=lambda example: STATUSES.index(example.status)),
            attacked=attacked,
            names=names,
            checkpoint_names=_checkpoint_names(summary.leaderboard),
            packed=Markup(_PACKED),
        )
    )
    room = MOST_BYTES - len(page.encode("utf-8")) - _ELEMENTS
    for drawing, markup in zip(drawings, embedded(drawings, min(FIGURE_BYTES, room)), strict=True):
        page = page.replace(_place(drawing), markup)
        room -= len(markup.encode("utf-8"))
    packed = pack_examples(in_turn(groups, keys), attacked, names, _positions(summary.leaderboard), room)
    elements = [f'<script type="text/plain" id="packed">{packed.index}</script>'] if packed.count else []
    elements += [f'<script type="text/plain" class="packed">{block}</script>' for block in packed.blocks]
    # No text can hold a placeholder: it would have been escaped.
    return page.replace(_PACKED, "\n".join(elements))


@cache
def _environment() -> Environment:
    made = environment(_spell_out)
    made.filters |= {"visible": visible, "spelt": _spelt, "place": _place, "breakable": _breakable}
    made.tests["estimate"] = lambda cell: isinstance(cell, Estimate)
    return made


def _script(name: str) -> _Script:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    return _Script(Markup(text), base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii"))


def _sections(tables: dict[str, Table], drawings: Sequence[Drawing]) -> tuple[list[_Section], list[str]]:
    sections, missing = [], []
    for id_, title, shown, folded in _SECTIONS:
        section = _Section(
            id_,
            title,
            [tables[name] for name in shown if name in tables],
            [tables[name] for name in folded if name in tables],
            [drawing for drawing in drawings if drawing.section == id_],
        )
        if section.tables or section.folded or section.drawings:
            sections.append(section)
        else:
            missing.append(title)
    return sections, missing


def _findings(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Those that stand by themselves, under no title, and those that are folded under one."""
    parts: dict[str, list[Finding]] = {"": []}
    for kind in KINDS:
        of_kind = [finding for finding in findings if finding.kind == kind]
        folded = kind in _FOLDED and len(of_kind) > _FEW_FINDINGS
        title = _FOLDED[kind].format(sum(finding.count for finding in of_kind)) if folded else ""
        parts.setdefault(title, []).extend(of_kind)
    return list(parts.items())


def _links(rows: Sequence[LeaderboardRow], pages: Sequence[CheckpointPage]) -> list[str]:
    """The target of each row; empty for one that has no page."""
    with_page = {page.position for page in pages}
    return [f"checkpoint-{position}" if position in with_page else "" for position in range(len(rows))]


def _positions(rows: Sequence[LeaderboardRow]) -> dict[Hashable, int]:
    return {row.key: position for position, row in enumerate(rows)}


def _checkpoint_names(rows: Sequence[LeaderboardRow]) -> list[str]:
    """The task stands beside a name that several tasks know."""
    names = [row.checkpoint for row in rows]
    return [row.checkpoint if names.count(row.checkpoint) == 1 else f"{row.checkpoint} ({row.task})" for row in rows]


def _counts(summary: Summary, attacked: int) -> list[tuple[int, str]]:
    """What the page is made from, one number each."""
    runs = summary.runs
    counts = [
        (len(runs.trainings), "training", ""),
        (len(runs.evaluations), "evaluation", ""),
        (len(runs.attacks), "attack", ""),
        (attacked, "attacked example", ""),
        (len(runs.transfers), "transfer", ""),
        (len(runs.batch_dependence), "measure", " of the dependence on batch-mates"),
        (len(runs.imbalance), "point", " of imbalance curves"),
        (len(runs.label_noise), "point", " of label noise curves"),
    ]
    return [(number, f"{what}{'s' * (number != 1)}{of}") for number, what, of in counts if number]


def _place(drawing: Drawing) -> Markup:
    """What stands for a figure until it is known how much room the rest leaves."""
    return Markup("<!-- figure {} -->").format(drawing.name)


def _spell_out(value: Any) -> Any:
    """What Jinja shows for an expression, before it escapes it."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else _spelt(value)


def _breakable(text: str) -> Markup:
    """A name, spelt out, in which a line may break after the signs that join its parts."""
    return Markup("<wbr>").join(_spelt(part, text) for part in re.split(r"(?<=[,_:=])(?=\S)", text))


def _spelt(text: str, around: str = "") -> Markup:
    """The text, escaped, with what is not what it seems marked, as a part of the one ``around`` it."""
    parts = pieces(text, around)
    if all(part.kind == "plain" for part in parts):
        return escape(text)
    marked = Markup('<span class="{}" title="{} {}" data-code="{}">{}</span>')
    return Markup("").join(
        part.text if part.kind == "plain" else marked.format(part.kind, part.code, part.name, part.code, part.text)
        for part in parts
    )
