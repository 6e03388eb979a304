"""Making the report: records in, a page with figures, tables and a methods section out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_mt.inside import inside
from robustbench_mt.ledger import make_directory, write_atomically
from robustbench_mt.paths import AnyPath, one_or_more
from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.page import render_page
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.prose import methods_section
from robustbench_mt.reporting.summary import Summary, summarize

__all__ = ["Report", "report"]


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        page: the path of ``index.html``.
        summary: the rows that page, tables and figures show.
    """

    page: Path
    summary: Summary


def report(dirs: AnyPath | Sequence[AnyPath], out: AnyPath | None = None) -> Report:
    """Write the report of one or more run directories.

    Beside the page, ``index.html``, stand ``figures`` as PNG, SVG and PDF, ``tables`` as CSV, Markdown and LaTeX, and a
    methods section with what it cites: ``methods.md``, ``methods.tex`` and ``references.bib``. The same records give
    the same bytes. Files of an earlier report that this one has no data for stay where they are.

    Args:
        dirs: run directories, or one; what stands in two of them counts once.
        out: where to write; ``report`` in the first directory by default.

    Raises:
        UserError: a directory is missing or has no record, a record cannot be read, or ``out`` cannot be written.

    Example:
        >>> report("run", out).page.name
        'index.html'
    """
    first, *_ = dirs = one_or_more(dirs)
    summary = summarize(dirs)
    return Report(_write(summary, inside(first, "report") if out is None else Path(out)), summary)


def _write(summary: Summary, out: Path) -> Path:
    figures, tables = make_directory(inside(out, "figures")), make_directory(inside(out, "tables"))
    drawings = draw(summary)
    for drawing in drawings:
        for ending, content in drawing.files.items():
            write_atomically(figures / f"{drawing.name}.{ending}", content)
    for name, text in plain_tables(summary).items():
        write_atomically(tables / name, text)
    section = methods_section(summary)
    for name, text in (
        ("methods.md", section.markdown),
        ("methods.tex", section.latex),
        ("references.bib", section.bibtex),
    ):
        write_atomically(out / name, text)
    write_atomically(out / "index.html", render_page(summary, drawings))
    return out / "index.html"
