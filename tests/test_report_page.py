"""The report's files: they trust no text, come out the same each time, and part of the data is enough."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pages import Page, unpacked
from report_tables import on_terminal
from run_directory import (
    attack_only,
    attack_run,
    evaluation,
    fallen,
    imbalance_point,
    label_noise_point,
    training,
    write,
    write_attack,
)

from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.records import (
    AttackRecord,
    EvaluationRecord,
    TrainingRecord,
)
from robustbench_mt.reporting.examples import in_turn
from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.marking import mark_changes
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.table import Column, Table
from robustbench_mt.reporting.what_was_run import what_was_run
from robustbench_mt.visible import Piece, pieces, visible
from robustbench_mt.wording import NO_TEST_SET

SCRIPTS = ("sortable-tablesort", "page.js", "examples.js")
HOSTILE = "</script><script>alert('1')</script> \"quoted\" \u202eevil\u202c zero\u200bwidth no\u00a0break \ud800 end"


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path, page: str) -> None:
    after = HOSTILE.replace("quoted", "<img src=x onerror=alert(2)>")
    record = fallen(texts=[HOSTILE], perturbed_texts=[after])
    name = "=<b>[bold]x|y\u202e"
    directory = attack_only(tmp_path, record, label_names=[name, name])
    hostile = report([directory]).page.read_text(encoding="utf-8")
    parsed = Page(hostile)
    assert parsed.elements["script"] == len(SCRIPTS) + 2  # and the packed examples, with their index
    assert "img" not in parsed.elements or parsed.elements["img"] == 3  # the figures of an attack
    assert "<script>alert('1')</script>" in parsed.text
    assert "<img src=x onerror=alert(2)>" in parsed.text.replace("\n", " ")
    for code in ("202E", "202C", "200B", "00A0", "D800"):
        assert re.search(
            rf'<span class="unseen" title="U\+{code} [A-Z -]*" data-code="U\+{code}">⟨U\+{code}⟩</span>', hostile
        )
    for text in (hostile, json.dumps(unpacked(hostile), ensure_ascii=False)):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f]", text)
    assert not re.search(r"(src|href)=\"(?!data:|#|tables/|figures/|methods\.|references\.)", page)


def test_hostile_names_are_escaped_in_plain_tables_and_terminal(tmp_path: Path) -> None:
    hostile = attack_run("=cmd|<b>\u202e[red]", "textfooler", task="[bold]task[/bold]")
    write(tmp_path / "attacks" / "x" / "y" / "z.jsonl", AttackRecord, [fallen()], hostile)
    summary = summarize([tmp_path])
    files = plain_tables(summary)
    assert "'=cmd|<b>⟨U+202E⟩[red]" in files["attacks.csv"]
    assert "=cmd\\|&lt;b&gt;⟨U+202E⟩\\[red\\]" in files["attacks.md"]
    shown = on_terminal(summary, 160)
    assert "[bold]task[/bold]: accuracy" in shown
    assert "=cmd|<b>⟨U+202E⟩[red]" in shown


def test_building_again_gives_the_same_bytes(run: Path, page: str, tmp_path: Path) -> None:
    first = {p.relative_to(run / "report"): p.read_bytes() for p in (run / "report").rglob("*") if p.is_file()}
    report([run], tmp_path / "again")
    second = {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert first == second
    names = {path.stem for path in first if path.parts[0] == "figures"}
    assert names == {drawing.name for drawing in draw(summarize([run]))}
    for name in names:
        assert f'href="figures/{name}.png"' in page, "a figure that no section shows"
        assert first[Path("figures", f"{name}.png")].startswith(b"\x89PNG")
        assert b"<svg" in first[Path("figures", f"{name}.svg")]


def test_the_policy_lets_only_the_pages_own_scripts_run(page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == len(SCRIPTS)
    digests = [base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; base-uri" in page


def test_page_has_every_section_and_is_small(page: str) -> None:
    parsed = Page(page)
    assert parsed.elements["img"] == 10
    sections = ("findings", "attacks", "paired", "words", "transfer", "reduction", "clean", "static", "imbalance")
    figures_alone = ("queries", "length")
    for section in (*sections, *figures_alone, "label-noise", "matching", "leaderboard", "checkpoints", "examples"):
        assert f'id="{section}"' in page
    assert "300 of 1,440 shown" in parsed.text
    packed = unpacked(page)
    assert len(packed["examples"]) == packed["total"] == 1440
    assert {len(column) for column in packed["columns"].values()} == {1440}
    assert page.count('class="packed"') == -(-1440 // packed["block"])
    assert len(page) < 2_000_000
    for status in ("success", "failed", "skipped", "error"):
        assert f'<span class="status {status}">' in page


@pytest.mark.parametrize("kind", ["train", "evaluate", "attack", "imbalance", "label noise"])
def test_part_of_the_data_is_enough(tmp_path: Path, kind: str) -> None:
    if kind == "train":
        write(tmp_path / "train.jsonl", TrainingRecord, [training("vanilla", 0)])
    elif kind == "evaluate":
        write(tmp_path / "evaluate.jsonl", EvaluationRecord, [evaluation(training("vanilla", 0))])
    elif kind == "attack":
        attack_only(tmp_path, fallen(status="error", message="broken"))
    elif kind == "imbalance":
        write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [imbalance_point("match", 1.0, 0)])
    else:
        write(tmp_path / "label_noise.jsonl", LabelNoiseRecord, [label_noise_point("match", 0.1, 0)])
    text = Page(report([tmp_path]).page.read_text(encoding="utf-8")).text
    assert "These records say nothing of:" in text
    on_terminal(summarize([tmp_path]))


def test_changed_words_are_marked_and_the_rest_kept() -> None:
    passages = mark_changes("a good film with a good end", "a bad film with one good end")
    assert [(part.before, part.after) for part in passages if part.kind == "changed"] == [("good", "bad"), ("a", "one")]
    assert " ".join(part.after for part in passages) == "a bad film with one good end"
    (_, put_in, _, taken_out) = mark_changes("a film with an end", "a dull film with an")
    assert (put_in.before, put_in.after, taken_out.before, taken_out.after) == ("", "dull", "end", "")
    long = " ".join(f"word{number}" for number in range(1000))
    shown = mark_changes(f"{long} old {long}", f"{long} new {long}")
    assert [part.kind for part in shown] == ["left out", "same", "changed", "same", "left out"]
    assert sum(int(part.before.split()[1]) for part in shown if part.kind == "left out") == 2000 - 28


def test_unseen_characters_are_spelt_out() -> None:
    assert visible("a\u200bb\u202ec\u00a0d\ufe0f\u3164\x1b") == ("a⟨U+200B⟩b⟨U+202E⟩c⟨U+00A0⟩d⟨U+FE0F⟩⟨U+3164⟩⟨U+001B⟩")
    assert visible("naïve Ωμέγα 日本 \n") == "naïve Ωμέγα 日本 \n"


def test_letters_that_pass_for_ascii_are_marked() -> None:
    # One of each kind: Cyrillic, phonetic, full width, Roman numeral, mathematical, Greek; then a sign between letters.
    marked = pieces("gr\u0435at \u0261ood \uff4dovie \u217cong \U0001d48cind h\u03bfpe e\u00d7tra")
    codes = [piece.code for piece in marked if piece.kind == "lookalike"]
    assert codes == ["U+0435", "U+0261", "U+FF4D", "U+217C", "U+1D48C", "U+03BF", "U+00D7"]
    assert marked[1] == Piece("\u0435", "lookalike", "U+0435", "CYRILLIC SMALL LETTER IE")
    # Words of another script, accents, and what no one takes for a letter of ASCII.
    for text in ("хорошо", "naïve café", "Ωμέγα", "DVDの映画", "3×4 m²", "straße"):
        assert pieces(text) == [Piece(text)]


def test_lookalikes_of_an_example_are_judged_by_the_text_before_the_attack(tmp_path: Path) -> None:
    alone = '<span class="lookalike" title="U+0430 CYRILLIC SMALL LETTER A" data-code="U+0430">\u0430</span>'
    piece = ["lookalike", "\u0430", "U+0430", "CYRILLIC SMALL LETTER A"]
    english = fallen(texts=["this is a film"], perturbed_texts=["this is \u0430 film"])
    russian = fallen(texts=["это был и фильм"], perturbed_texts=["это был \u0430 фильм"])
    for name, record, told in (("english", english, True), ("russian", russian, False)):
        page = report([attack_only(tmp_path / name, record)]).page.read_text(encoding="utf-8")
        assert "<b>1</b> attack</li>" in page and "<b>1</b> attacked example</li>" in page
        assert (f"<mark>{alone}</mark>" in page) is told and ("<mark>\u0430</mark>" in page) is not told
        (example,) = unpacked(page)["examples"]
        (changed,) = [part["changed"] for part in example["fields"][0]["passages"] if "changed" in part]
        assert changed[1] == ([piece] if told else "\u0430")


def test_what_is_told_of_an_example_reads_alike_in_scripts_of_either_direction(tmp_path: Path) -> None:
    attack_only(tmp_path, fallen(), label_names=["שלילי", "חיובי"])
    summary = summarize([tmp_path])
    (drawn,) = in_turn(summary.groups, summary.keys)
    assert drawn.read().about[1:] == [
        "true class חיובי: probability 0.900 → 0.200",
        "classified as חיובי, then as שלילי",
        "1 of 3 words, 12 queries",
    ]


def test_a_setting_that_was_not_set_is_not_told(tmp_path: Path) -> None:
    settings = {"steps": None, "epochs": 3.0, "method": {"name": "match", "layer": None}}
    write(tmp_path / "train.jsonl", TrainingRecord, [training("match", 0, settings=settings)])
    made = report([tmp_path]).page
    for file in (made, *(made.parent / "tables").glob("provenance_*")):
        told = file.read_text(encoding="utf-8")
        assert "None" not in told and ("epochs" in told) == ("versions" not in file.name), file


def test_what_all_rows_have_the_same_is_told_once() -> None:
    columns = [Column("name", "name"), Column("n", "n", "number", 0), Column("p", "p", "p"), Column("split", "split")]
    table = Table("scores", "Scores", "", [*columns], [["a", 885, 1.0, "test"], ["a", 885, 1.0, "test"]])
    narrow = table.without_constants()
    assert ([column.key for column in narrow.columns], narrow.rows) == (["p"], [[1.0], [1.0]])
    assert narrow.same == "name a; n 885; split test"
    # A column that says nothing goes without a word.
    columns.append(Column("against", "compared with"))
    without = replace(
        table, columns=columns, rows=[[*row, nothing] for row, nothing in zip(table.rows, "––", strict=True)]
    )
    assert without.without_constants() == narrow
    # What names the rows stays, and a table of one row has nothing to compare.
    assert [column.key for column in replace(table, names_stay=True).without_constants().columns] == ["name", "p"]
    assert replace(table, rows=table.rows[:1]).without_constants() == replace(table, rows=table.rows[:1])


def test_tables_of_the_page_are_as_narrow_as_their_rows_allow(page: str) -> None:
    (told,) = re.findall(r'<section id="clean">.*?<p class="note">(In all rows: .*?)</p>.*?<table', page, re.DOTALL)
    assert Page(told).text == "In all rows: task reviews; split test; seeds 3 (0, 1, 2); n 1000."


def test_the_page_begins_with_what_was_run(run: Path, page: str, tmp_path: Path) -> None:
    told = Page(page).text
    assert "minilm fine-tuned on reviews by vanilla and match (3 seeds)." in told
    assert "6 checkpoints attacked on reviews (test) by deepwordbug, input-reduction, pwws and textfooler, on" in told
    assert "fine-tuned on imbalanced training sets of reviews, 1:1 to 50:1, by" in told
    assert "fine-tuned on reviews with 0% to 20% of the training labels flipped, by vanilla and match (3 seeds)" in told
    assert "development set" not in told
    data = {"train": "c0ffee", "remarks": [NO_TEST_SET]}
    made = [training("vanilla", 0, task=task, data=data, checkpoint=task) for task in ("rte", "cola")]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    assert what_was_run(summarize([tmp_path])) == [
        "minilm fine-tuned on cola and rte by vanilla (1 seed).",
        "What is called test is the development set of cola and rte: they have no labelled test set.",
    ]


def test_seeds_that_all_methods_share_are_told_once_below_a_figure(run: Path, tmp_path: Path) -> None:
    (caption,) = [drawing.caption for drawing in draw(summarize([run])) if drawing.section == "queries"]
    assert "Seeds of each method: 3 (0, 1, 2). " in caption
    for method, seeds in (("vanilla", (0, 1)), ("match", (0,))):
        for seed in seeds:
            made = training(method, seed)
            write(tmp_path / f"{method}{seed}" / "train.jsonl", TrainingRecord, [made])
            write_attack(tmp_path / f"{method}{seed}", attack_run(made.checkpoint, "pwws"), [fallen()])
    uneven = draw(summarize(sorted(tmp_path.iterdir())))
    assert any(
        "Seeds: vanilla: 2 (0, 1); match: 1 (0). No example is left out of n." in each.caption for each in uneven
    )
