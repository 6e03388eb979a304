"""What the page has room for: examples, figures and checkpoints, in 5 MB whatever the run."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from pages import Page, unpacked, unzipped
from run_directory import (
    attack_only,
    evaluation,
    fallen,
    training,
    write,
)

from robustbench_mt.errors import UserError
from robustbench_mt.records import (
    EvaluationRecord,
    TrainingRecord,
)
from robustbench_mt.reporting.checkpoint_pages import MOST_PAGES
from robustbench_mt.reporting.drawing import Drawing
from robustbench_mt.reporting.example_payload import pack_examples
from robustbench_mt.reporting.examples import in_turn
from robustbench_mt.reporting.page import MOST_BYTES, render_page
from robustbench_mt.reporting.summary import summarize


def test_what_does_not_fit_is_left_out_evenly(run: Path) -> None:
    summary = summarize([run])
    examples = list(in_turn(summary.groups, summary.keys))
    kinds = ("task", "recipe", "method")
    names = {kind: sorted({getattr(group, kind) for group in summary.groups}) for kind in kinds}
    positions = {row.key: position for position, row in enumerate(summary.leaderboard)}
    packed = pack_examples(examples, len(examples), names, positions, 20_000)
    assert 15_000 < packed.size <= 20_000
    index = unzipped(packed.index)
    assert index["total"] == 1440
    counts = Counter(index["columns"]["checkpoint"])
    assert len(counts) == 6
    assert sum(counts.values()) == packed.count == sum(len(unzipped(block)) for block in packed.blocks)
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
