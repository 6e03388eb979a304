"""Texts that would run, hide or deceive, wherever a record has one: the report's page shows them as what they are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import OPEN_ALL, Open, rest
from run_directory import attack_run, evaluation, fallen, training, write, write_attack

from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.page import render_page
from robustbench_mt.reporting.summary import summarize

PLANTS = (
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 2</script>",
    '"><img src=x onerror="window.ran = 3">',
    "<svg onload=window.ran=4>",
    "javascript:window.ran=5",
    "<!-- packed examples -->",
    "{{ 7 * 7 }} ${window.ran = 6}",
)
# What has nothing to be spelt out takes another way through the page than what has.
MARKUP = " ".join(PLANTS)
PLANTED = f"{MARKUP} \u202eesrever\u202c zero\u200bwidth gr\u0435at"
SHOWN = PLANTED.replace("\u202e", "⟨U+202E⟩").replace("\u202c", "⟨U+202C⟩").replace("\u200b", "⟨U+200B⟩")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plants wherever a record has a text."""
    directory = tmp_path_factory.mktemp("hostile")
    made = replace(
        training("match", 0, checkpoint=f"x{PLANTED}", task=PLANTED, base=PLANTED, label_names=[MARKUP, PLANTED]),
        settings={PLANTED: PLANTED, "method": {"name": PLANTED}},
        data={MARKUP: [MARKUP]},
        versions={PLANTED: PLANTED},
        history=[{PLANTED: 1.0, "step": 3}],
        variant=f"{PLANTED}={PLANTED}",
    )
    scored = evaluation(
        made, task=PLANTED, split=PLANTED, warnings=[MARKUP, PLANTED], metrics={"accuracy": 0.5, PLANTED: 0.5}
    )
    names = {"task": PLANTED, "split": PLANTED, "fields": [PLANTED, MARKUP], "protected_fields": [PLANTED]}
    run = attack_run(made.checkpoint, MARKUP, **names, label_names=made.label_names, warnings=[PLANTED], build=PLANTED)
    texts = {"texts": [PLANTED, MARKUP], "perturbed_texts": [PLANTED, MARKUP], "fallbacks": [MARKUP]}
    broke = fallen(index=1, status="error", message=PLANTED, **texts | {"perturbed_texts": None})
    write(directory / "train.jsonl", TrainingRecord, [made])
    write(directory / "evaluate.jsonl", EvaluationRecord, [scored])
    # The recipe's name is no name for a file.
    written = write_attack(directory, replace(run, checkpoint="x", task="t", recipe="r"), [fallen(**texts), broke])
    settings = written.with_suffix(".settings.json")
    plain = settings.read_text()
    for name, value in (("checkpoint", "x"), ("task", "t"), ("recipe", "r")):
        plain = plain.replace(f'"{name}": "{value}"', f'"{name}": {json.dumps(getattr(run, name))}')
    settings.write_text(plain)
    out = directory / "index.html"
    out.write_text(render_page(summarize([directory]), []), encoding="utf-8")
    return out


def test_what_records_brought_is_text(visit: Open, hostile: Path) -> None:
    page = visit(hostile, at="#checkpoint-0")
    assert page.evaluate("window.ran") is None
    for selector in ("#rows tr:first-child bdi", "#leaderboard tbody th", "details.checkpoint summary b"):
        assert SHOWN in " ".join(page.locator(selector).first.inner_text().split()), selector
    assert MARKUP in " ".join(page.locator("#rows tr:first-child bdi").nth(1).inner_text().split())
    page.evaluate(OPEN_ALL)
    for name in ("recipe", "task", "method"):
        assert MARKUP in page.locator(f"#filter [name={name}]").inner_text()
        page.select_option(f"#filter [name={name}]", index=1)
    rest(page)
    assert page.locator("#rows tr").count() == 2
    assert page.locator("#rows .unseen").count() > 0
    marked = page.locator("#rows .lookalike").first
    assert (marked.inner_text(), marked.get_attribute("title")) == ("\u0435", "U+0435 CYRILLIC SMALL LETTER IE")
    assert page.locator("#rows :is(script, img, svg, a)").count() == 0
    hidden = "[...document.documentElement.outerHTML].filter((c) => /[\\u200b-\\u200f\\u202a-\\u202e]/.test(c)).length"
    assert page.evaluate(hidden) == 0
    for link in page.locator("a").all():
        assert (link.get_attribute("href") or "").startswith(("#", "tables/", "methods.", "references."))
    assert page.evaluate("window.ran") is None


def test_it_is_text_without_scripts_as_well(visit: Open, hostile: Path) -> None:
    for number, shown in enumerate((SHOWN, MARKUP)):
        text = visit(hostile, java_script_enabled=False).locator("#rows bdi").nth(number).inner_text()
        assert shown in " ".join(text.split())
