"""The report's files: they trust no text, come out the same each time, and part of the data is enough."""

import base64
import gzip
import hashlib
import io
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
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
from robustbench_mt.errors import UserError
from robustbench_mt.records import (
    AttackRecord,
    EvaluationRecord,
    TrainingRecord,
)
from robustbench_mt.reporting.checkpoint_pages import MOST_PAGES
from robustbench_mt.reporting.drawing import Drawing
from robustbench_mt.reporting.example_payload import pack_examples
from robustbench_mt.reporting.examples import in_turn
from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.marking import mark_changes
from robustbench_mt.reporting.page import MOST_BYTES, render_page
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.terminal import render_terminal
from robustbench_mt.visible import Piece, pieces, visible

SCRIPTS = ("sortable-tablesort", "page.js", "examples.js")
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


def unpacked(page: str) -> Any:
    """What the page's script is given: the index, and the examples of all blocks."""
    (index,) = re.findall(r'<script type="text/plain" id="packed">([A-Za-z0-9+/=]*)</script>', page)
    blocks = re.findall(r'<script type="text/plain" class="packed">([A-Za-z0-9+/=]*)</script>', page)
    return {**_json(index), "examples": [example for block in blocks for example in _json(block)]}


def _json(packed: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(packed)))


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
    text = Page(report([tmp_path]).read_text(encoding="utf-8")).text
    assert "These records say nothing of:" in text
    Console(file=io.StringIO()).print(render_terminal(summarize([tmp_path])))


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
        page = report([attack_only(tmp_path / name, record)]).read_text(encoding="utf-8")
        assert (f"<mark>{alone}</mark>" in page) is told and ("<mark>\u0430</mark>" in page) is not told
        (example,) = unpacked(page)["examples"]
        (changed,) = [part["changed"] for part in example["fields"][0]["passages"] if "changed" in part]
        assert changed[1] == ([piece] if told else "\u0430")


def test_the_leaderboard_holds_what_the_records_say(run: Path) -> None:
    summary = summarize([run])
    assert len(summary.leaderboard) == 6
    for row in summary.leaderboard:
        assert row.training is not None
        (record,) = [
            evaluated.record
            for evaluated in summary.runs.evaluations
            if evaluated.record.checkpoint == row.checkpoint and evaluated.record.split == "test"
        ]
        assert (row.clean["accuracy"].value, row.clean["accuracy"].n) == (record.metrics["accuracy"], 1000)
        assert set(row.under_attack) == {"textfooler", "deepwordbug", "pwws", "worst case of 3 recipes"}
        for recipe in ("textfooler", "deepwordbug", "pwws"):
            lines = [json.loads(line) for line in (run / f"attacks/{row.checkpoint}/reviews/{recipe}.jsonl").open()]
            counted = [line for line in lines if line["status"] != "error"]
            left = [line for line in counted if line["status"] == "failed"]
            assert row.under_attack[recipe].value == len(left) / len(counted)
        (point,) = [
            point
            for point in summary.runs.imbalance
            if (point.method, point.seed, point.ratio) == (row.training.method, row.seed, 10.0)
        ]
        assert row.minority_f1 is not None
        assert row.minority_f1.value == point.metrics["minority_f1"]
        assert row.seconds_per_step == 61.5 / 300
    worst = [row.under_attack["worst case of 3 recipes"].value or 0 for row in summary.leaderboard]
    assert worst == sorted(worst, reverse=True)


@pytest.mark.parametrize(
    ("trained", "swept", "joined"),
    [
        ({}, {}, True),
        ({"batch_size": 8}, {"batch_size": 32}, False),
        ({"batch_size": 32}, {"batch_size": 32}, True),
        ({"epochs": 2.0}, {"epochs": 3.0}, False),
        # What an older version did not know had its default.
        ({}, {"accumulation": 1, "precision": "auto"}, True),
        ({}, {"accumulation": 2}, False),
        ({"train_examples": 1000}, {"train_examples": None}, True),
        ({"compile": True}, {"compile": False}, True),
        ({"validation_examples": 200}, {"validation_examples": 100}, True),
        # They choose the weights.
        ({"keep": "best", "validation_examples": 200}, {"keep": "best", "validation_examples": 100}, False),
        ({"method": {"name": "match", "self_mass": 0.8}}, {"method": {"name": "match", "self_mass": 0.5}}, False),
    ],
)
def test_the_minoritys_f1_is_of_a_training_with_the_same_settings(
    trained: dict[str, Any], swept: dict[str, Any], joined: bool, tmp_path: Path
) -> None:
    shared = {"learning_rate": 1e-4, "method": {"name": "match"}}
    point = replace(imbalance_point("match", 10.0, 0), settings={**shared, **swept})
    write(tmp_path / "train.jsonl", TrainingRecord, [training("match", 0, settings={**shared, **trained})])
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [point])
    (row,) = summarize([tmp_path]).leaderboard
    assert (row.minority_f1 is not None) == joined


def test_checkpoints_of_one_name_have_rows_of_their_own(tmp_path: Path) -> None:
    for name, rate in (("a", 1e-4), ("b", 2e-5)):
        made = training("vanilla", 0, settings={"learning_rate": rate})
        write(tmp_path / name / "train.jsonl", TrainingRecord, [made])
        write_attack(tmp_path / name, attack_run(made.checkpoint, "textfooler", victim=name), [fallen(index=len(name))])
    elsewhere = attack_run("mine", "textfooler")
    write_attack(tmp_path / "a", elsewhere, [fallen()])
    rows = summarize([tmp_path / "a", tmp_path / "b"]).leaderboard
    assert [(row.checkpoint, row.seed, len(row.attacks)) for row in rows] == [
        ("mine", None, 1),
        ("reviews-vanilla-seed0", 0, 1),
        ("reviews-vanilla-seed0", 0, 1),
    ]
    assert rows[1].key != rows[2].key


def test_what_does_not_fit_is_left_out_evenly(run: Path) -> None:
    summary = summarize([run])
    examples = list(in_turn(summary.groups, summary.keys))
    kinds = ("task", "recipe", "method")
    names = {kind: sorted({getattr(group, kind) for group in summary.groups}) for kind in kinds}
    positions = {row.key: position for position, row in enumerate(summary.leaderboard)}
    packed = pack_examples(examples, len(examples), names, positions, 20_000)
    assert 15_000 < packed.size <= 20_000
    index = _json(packed.index)
    assert index["total"] == 1440
    counts = Counter(index["columns"]["checkpoint"])
    assert len(counts) == 6
    assert sum(counts.values()) == packed.count == sum(len(_json(block)) for block in packed.blocks)
    assert max(counts.values()) - min(counts.values()) <= 16  # at most one of each recipe and status
    for most in (100, 0, -5):
        assert pack_examples(examples, len(examples), names, positions, most).count == 0


def test_what_is_packed_is_what_the_index_says(run: Path) -> None:
    summary = summarize([run])
    content = unpacked(render_page(summary, []))
    columns = zip(*(content["columns"][kind] for kind in (*content["names"], "checkpoint")), strict=True)
    for (task, recipe, _, status, checkpoint), example in zip(columns, content["examples"], strict=True):
        row = summary.leaderboard[checkpoint]
        index = int(example["about"][0].split("example ")[1].split(",")[0])
        path = run / f"attacks/{row.checkpoint}/{content['names']['task'][task]}/{content['names']['recipe'][recipe]}"
        with path.with_suffix(".jsonl").open(encoding="utf-8") as stream:
            record = json.loads(stream.readlines()[index])
        assert (record["index"], record["status"]) == (index, content["names"]["status"][status])
        assert example["about"][0] == f"reviews, {row.checkpoint}, example {index}, seed {record['seed']}"


def test_the_examples_have_the_room_that_the_rest_leaves(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = summarize([run])
    rest = len(render_page(replace(summary, groups=[]), []))
    for room, packed in ((2_000_000, 1440), (rest + 600_000, None), (100_000, 0)):
        monkeypatch.setattr("robustbench_mt.reporting.page.MOST_BYTES", room)
        page = render_page(summary, [])
        count = len(unpacked(page)["examples"]) if 'id="packed"' in page else 0
        assert packed is None or count == packed
        assert len(page.encode()) <= room or count == 0


def test_a_record_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    directory = attack_only(tmp_path, fallen())
    summary = summarize([directory])
    (path,) = directory.glob("attacks/*/*/*.jsonl")
    path.write_bytes(path.read_bytes()[5:])
    with pytest.raises(UserError, match="was changed while it was read"):
        render_page(summary, [])


def drawings_of(count: int, svg: int, png: int) -> list[Drawing]:
    """Figures with files of so many bytes."""
    made = []
    for number in range(count):
        title = f"Figure <{number:03}> & \u202e"
        drawing = Drawing("attacks", f"figure-{number:03}", title, "What it shows", Figure(figsize=(3, 2)))
        # In the place of what matplotlib would draw: a property that was computed already.
        drawing.__dict__["files"] = {"svg": b"<svg>".ljust(svg), "png": b"PNG".ljust(png), "pdf": b"PDF"}
        made.append(drawing)
    return made


# Base64 takes a third more: 28 figures of 80 kB are 3 MB.
@pytest.mark.parametrize(
    ("count", "png", "kinds"),
    [
        pytest.param(20, 20_000, {"svg": 20}, id="all fit"),
        pytest.param(60, 20_000, {"svg": 17, "png": 43}, id="some as PNG"),
        pytest.param(150, 20_000, {"png": 111, "left out": 39}, id="too many as PNG"),
        pytest.param(60, 200_000, {"svg": 28, "left out": 32}, id="PNG takes more"),
    ],
)
def test_figures_that_do_not_fit_are_png_or_left_to_their_files(
    run: Path, count: int, png: int, kinds: dict[str, int]
) -> None:
    summary, drawings = summarize([run]), drawings_of(count, 80_000, png)
    page = render_page(summary, drawings)
    assert len(page.encode()) < MOST_BYTES
    assert page == render_page(summary, drawings)
    assert "<!-- figure" not in page
    assert len(unpacked(page)["examples"]) == 1440
    shown = re.findall(r'src="data:image/(png|svg)[^>]* alt="Figure &lt;(\d+)&gt; &amp; ⟨U\+202E⟩" width="375">', page)
    left_out = re.findall(r'This figure is left out here.*? <a href="figures/(figure-\d+.svg)">figures/\1</a>', page)
    assert Counter([*(kind for kind, _ in shown), *("left out" for _ in left_out)]) == kinds
    # Of figures that take as much, the first are shown, and shown as SVG.
    assert [int(number) for _, number in shown] == list(range(len(shown)))
    assert [kind for kind, _ in shown] == sorted((kind for kind, _ in shown), reverse=True)
    for drawing in drawings:
        assert f'href="figures/{drawing.name}.png"' in page


def test_figures_leave_room_for_large_tables(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = replace(summarize([run]), groups=[])
    most = len(render_page(summary, []).encode()) + 400_000
    monkeypatch.setattr("robustbench_mt.reporting.page.MOST_BYTES", most)
    page = render_page(summary, drawings_of(20, 80_000, 100_000))
    assert 0 < page.count("data:image/svg") < 20
    assert page.count("This figure is left out here") == 20 - page.count("data:image/svg")
    assert len(page.encode()) < most


def test_many_checkpoints_do_not_make_a_huge_page(tmp_path: Path) -> None:
    made = [
        replace(training("vanilla", seed), history=[{"step": n, "loss": 0.5} for n in range(500)])
        for seed in range(130)
    ]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, [evaluation(record) for record in made])
    page = render_page(summarize([tmp_path]), [])
    assert page.count('<details class="checkpoint">') == MOST_PAGES
    assert "30 more are in the tables only" in Page(page).text
    assert page.count('href="#checkpoint-') == MOST_PAGES
    assert len(page) < 2_000_000
