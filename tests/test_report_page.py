"""The report's files: they trust no text, come out the same each time, and part of the data is enough."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from run_directory import (
    attack_run,
    evaluation,
    fallen,
    imbalance_point,
    label_noise_point,
    training,
    write,
    write_attack,
    write_run,
)

from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.records import (
    AttackRecord,
    EvaluationRecord,
    TrainingRecord,
)
from robustbench_mt.reporting.marking import mark_changes
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.terminal import render_terminal
from robustbench_mt.visible import visible

HOSTILE = "</script><script>alert('1')</script> \"quoted\" \u202eevil\u202c zero\u200bwidth no\u00a0break \ud800 end"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return report([run]).read_text(encoding="utf-8")


class Page(HTMLParser):
    """Counts a page's elements and keeps its text, as a browser without scripts has it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: dict[str, int] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1

    def handle_data(self, data: str) -> None:
        self.text += data


def attack_only(directory: Path, record: AttackRecord, **changes: Any) -> Path:
    write_attack(directory, attack_run("mine", "textfooler", **changes), [record])
    return directory


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path, page: str) -> None:
    after = HOSTILE.replace("quoted", "<img src=x onerror=alert(2)>")
    record = fallen(texts=[HOSTILE], perturbed_texts=[after])
    name = "=<b>[bold]x|y\u202e"
    directory = attack_only(tmp_path, record, label_names=[name, name])
    hostile = report([directory]).read_text(encoding="utf-8")
    parsed = Page(hostile)
    assert parsed.elements["script"] == 1
    assert "img" not in parsed.elements or parsed.elements["img"] == 2  # the two figures of an attack
    assert "<script>alert('1')</script>" in parsed.text
    assert "<img src=x onerror=alert(2)>" in parsed.text.replace("\n", " ")
    for code in ("202E", "202C", "200B", "00A0", "D800"):
        assert f'<span class="unseen">⟨U+{code}⟩</span>' in hostile
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f]", hostile)
    assert not re.search(r"(src|href)=\"(?!data:|#|tables/|figures/)", page)


def test_hostile_names_are_escaped_in_plain_tables_and_terminal(tmp_path: Path) -> None:
    hostile = attack_run("=cmd|<b>\u202e[red]", "textfooler", task="[bold]task[/bold]")
    write(tmp_path / "attacks" / "x" / "y" / "z.jsonl", AttackRecord, [fallen()], hostile)
    summary = summarize([tmp_path])
    files = plain_tables(summary)
    assert "'=cmd|<b>⟨U+202E⟩[red]" in files["attacks.csv"]
    assert "=cmd\\|&lt;b&gt;⟨U+202E⟩\\[red\\]" in files["attacks.md"]
    console = Console(width=160, file=io.StringIO())
    console.print(render_terminal(summary))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]task[/bold]: accuracy" in shown
    assert "=cmd|<b>⟨U+202E⟩[red]" in shown


def test_building_again_gives_the_same_bytes(run: Path, page: str, tmp_path: Path) -> None:
    first = {p.relative_to(run / "report"): p.read_bytes() for p in (run / "report").rglob("*") if p.is_file()}
    report([run], tmp_path / "again")
    second = {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert first == second
    names = {path.stem for path in first if path.parts[0] == "figures"}
    assert len(names) == 8
    for name in names:
        assert first[Path("figures", f"{name}.png")].startswith(b"\x89PNG")
        assert b"<svg" in first[Path("figures", f"{name}.svg")]


def test_the_policy_lets_only_the_pages_own_script_run(page: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_page_has_every_section_and_is_small(run: Path, page: str) -> None:
    parsed = Page(page)
    assert parsed.elements["img"] == 8
    sections = ("findings", "attacks", "paired", "words", "transfer", "reduction", "clean", "static", "imbalance")
    for section in (*sections, "label-noise", "matching", "examples"):
        assert f'id="{section}"' in page
    assert "500 of 1,440 shown" in parsed.text
    assert len(page) < 2_000_000
    for status in ("success", "failed", "skipped", "error"):
        assert f'data-status="{status}"' in page


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
    text = Page(report([tmp_path]).read_text(encoding="utf-8")).text
    assert "These records say nothing of:" in text
    Console(file=io.StringIO()).print(render_terminal(summarize([tmp_path])))


def test_changed_words_are_marked_and_the_rest_kept() -> None:
    before, after = mark_changes("a good film with a good end", "a bad film with one good end")
    assert [part.text for part in before if part.kind == "changed"] == ["good", "a"]
    assert [part.text for part in after if part.kind == "changed"] == ["bad", "one"]
    assert " ".join(part.text for part in after) == "a bad film with one good end"
    long = " ".join(f"word{number}" for number in range(1000))
    shown, _ = mark_changes(f"{long} old {long}", f"{long} new {long}")
    assert [part.kind for part in shown] == ["left out", "same", "changed", "same", "left out"]
    assert sum(int(part.text.split()[1]) for part in shown if part.kind == "left out") == 2000 - 28


def test_unseen_characters_are_spelt_out() -> None:
    assert visible("a\u200bb\u202ec\u00a0d\ufe0f\u3164\x1b") == ("a⟨U+200B⟩b⟨U+202E⟩c⟨U+00A0⟩d⟨U+FE0F⟩⟨U+3164⟩⟨U+001B⟩")
    assert visible("naïve Ωμέγα 日本 \n") == "naïve Ωμέγα 日本 \n"
