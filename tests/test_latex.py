"""LaTeX that compiles whatever the names are, with numbers aligned and intervals small."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from latex_tokens import check_latex
from run_directory import attack_run, fallen, write_attack, write_run

from robustbench_mt.reporting.dialects import LATEX, MARKDOWN
from robustbench_mt.reporting.latex_tables import to_latex
from robustbench_mt.reporting.plain_tables import plain_tables, to_csv
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.table import Column, Table
from robustbench_mt.statistics import Estimate, wilson

HOSTILE = (
    r"\input{/etc/passwd} $x_1^2$ 100% & #1 ~ {open \end{table} <b> | [a] -- `code` 'q' "
    '"q" [@key] **bold** 中 ε ø \u202e \u200b \ud800 ÷ \x00'
)
SHARES = Column("share", "share of all examples", "percent")


def table(*cells: Estimate, **changes: object) -> Table:
    rows = [[f"method {number}", cell] for number, cell in enumerate(cells)]
    made = Table("shares", "Shares", "95% Wilson.", [Column("method", "method"), SHARES], rows)
    return replace(made, **changes)


@pytest.mark.parametrize("text", [HOSTILE, *HOSTILE.split(), *map(chr, range(0x20, 0x250)), "\\\\", "}{", "%", ""])
def test_any_text_is_escaped(text: str) -> None:
    for shown in (LATEX.escape(text), LATEX.code(text), LATEX.heading(text)):
        check_latex(shown + "\n")
        assert "\n" not in shown


def test_the_reader_of_latex_is_strict() -> None:
    for wrong in ("a & b", "50%", "{", "}", r"\input{x}", "a_b", "$x$", "中", r"\begin{table}", "a~b", "x #1"):
        with pytest.raises(AssertionError):
            check_latex(wrong + "\n")


def test_markdown_shows_text_as_it_is() -> None:
    assert MARKDOWN.escape("a_b *c* [d](e) <i> $x$ @f _g_") == (r"a_b \*c\* \[d\](e) &lt;i&gt; \$x\$ \@f \_g\_")
    assert MARKDOWN.code("a`b") == "`` a`b ``"
    assert MARKDOWN.code("match:self_mass=0.5") == "`match:self_mass=0.5`"


def test_values_stand_apart_from_their_small_intervals() -> None:
    text = to_latex(table(wilson(61, 100), wilson(5, 100)))
    assert r"method 0 & 61.0 & {\scriptsize {[}51.2, 70.0{]}} \\" in text
    assert r"\begin{tabular}{lr@{\hspace{2pt}}l}" in text
    # The unit and the n that all share stand in the head.
    assert r"\multicolumn{2}{c}{\shortstack{share of all\\examples (\%)\\n=100}}" in text
    assert r"\caption{\textbf{Shares.} 95\% Wilson.}" in text and r"\label{tab:shares}" in text


def test_each_row_tells_its_n_where_they_differ() -> None:
    text = to_latex(table(wilson(61, 100), wilson(5, 50), Estimate(0.5, None, None, 1, "bootstrap over examples")))
    assert "61.0 & {\\scriptsize {[}51.2, 70.0{]}, n=100}" in text
    assert "50.0 & {\\scriptsize n=1}" in text


def test_a_column_that_is_the_same_in_all_rows_is_told_in_the_caption() -> None:
    columns = [Column("task", "task"), Column("n", "n", "number", 0), Column("p", "p", "p")]
    made = Table("three", "Three", "About.", columns, [["rte", 277, 0.01], ["rte", 277, 0.04]])
    text = to_latex(made)
    assert "About. The same in all rows: task rte; n 277." in text
    assert r"\begin{tabular}{r}" in text
    assert "The same" not in to_latex(replace(made, rows=made.rows[:1]))


def test_minus_is_a_minus() -> None:
    column = Column("difference", "difference", "points")
    rows = [
        ["a", Estimate(-0.1, -0.2, 0.1, 9, "t over seeds")],
        ["b", Estimate(0.1, -0.2, 0.3, 9, "bootstrap over examples")],
    ]
    text = to_latex(Table("d", "D", "C", [Column("method", "method"), column], rows))
    assert r"\textminus{}10.0 & {\scriptsize {[}\textminus{}20.0, +10.0{]}, 9 seeds}" in text


def test_long_tables_break_into_several() -> None:
    text = to_latex(table(*[wilson(n, 100) for n in range(60)]))
    check_latex(text)
    assert text.count(r"\begin{table}") == text.count(r"\midrule") == 2
    assert text.count(r"\caption") == text.count(r"\label") == 1
    (label,) = re.findall(r"\\label\{(.*?)\}", text)
    assert rf"Table~\ref{{{label}}}, continued." in text
    assert len([line for line in text.splitlines() if line.endswith(r" \\")]) == 60 + 2


def test_all_tables_of_results_are_latex_and_have_all_rows(tmp_path: Path) -> None:
    summary = summarize([write_run(tmp_path, seeds=(0, 1), n=30)])
    files = plain_tables(summary)
    names = {table.name for table in result_tables(summary)}
    assert {name for name in names if f"{name}.tex" in files} == names
    assert not any(name.startswith("provenance") and name.endswith(".tex") for name in files)
    for made in result_tables(summary):
        text = files[f"{made.name}.tex"]
        check_latex(text)
        body = "".join(part.split(r"\bottomrule")[0] for part in text.split(r"\midrule")[1:])
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert len(rows) == len(list(csv.reader(io.StringIO(to_csv(made))))) - 1, made.name
        assert len({line.replace(r"\&", "").count("&") for line in rows}) == 1, made.name


def test_hostile_names_are_text_in_tables(tmp_path: Path) -> None:
    name = HOSTILE.replace("\x00", "").replace("\ud800", "").replace("/", "-")
    run = replace(attack_run("mine", "textfooler", label_names=[name, "b"]), task="t" + name[:20].replace("\\", ""))
    write_attack(tmp_path, replace(run, checkpoint="c"), [fallen()])
    for settings in tmp_path.rglob("*.settings.json"):
        settings.write_text(settings.read_text().replace('"checkpoint": "c"', '"checkpoint": "50% & {x} $y$ #z_a"'))
    files = plain_tables(summarize([tmp_path]))
    assert r"50\% \& \{x\} \$y\$ \#z\_a" in files["attacks.tex"]
    for ending, text in files.items():
        if ending.endswith(".tex"):
            check_latex(text)
