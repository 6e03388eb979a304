"""The report's page of 10,000 attacked examples: small, quick, and loading no more than it shows."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browsing import Open, count, rest
from run_directory import attack_run, outcomes, write_attack

from robustbench_mt.records import AttackRecord
from robustbench_mt.reporting.page import MOST_BYTES, render_page
from robustbench_mt.reporting.summary import summarize


def _varied(record: AttackRecord) -> AttackRecord:
    """With words that repeat as seldom as in a language, because the page is packed."""
    before = record.texts[0].split()
    after = (record.perturbed_texts or record.texts)[0].split()
    numbers = np.random.default_rng(record.index).zipf(1.3, max(len(before), len(after))) % 20_000
    texts = [[f"{word}{number}" for word, number in zip(words, numbers, strict=False)] for words in (before, after)]
    joined = [" ".join(words) for words in texts]
    return replace(record, texts=joined[:1], perturbed_texts=record.perturbed_texts and joined[1:])


@pytest.fixture(scope="module", params=[20, 230], ids=["sentences", "reviews"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 attacked examples, of the length of sentences or of IMDb's reviews."""
    directory = tmp_path_factory.mktemp("large")
    for seed in range(5):
        for recipe, strength in (("textfooler", 0.75), ("pwws", 0.6)):
            examples = [_varied(record) for record in outcomes(recipe, 1000, strength, seed, request.param)]
            write_attack(directory, attack_run(f"checkpoint-{seed}", recipe), examples)
    out = directory / "index.html"
    out.write_text(render_page(summarize([directory]), []), encoding="utf-8")
    return out


def test_ten_thousand_examples_are_small_and_quick(visit: Open, large: Path) -> None:
    assert large.stat().st_size < MOST_BYTES
    page = visit(large)
    assert count(page).startswith("1 to 50 of ")
    assert "10,000" in count(page)
    blocks = page.locator("script.packed").count()
    assert blocks > 10
    # The index, and the one block that is shown.
    assert page.evaluate("window.unpackings") == 2
    page.select_option("#filter [name=status]", label="error")
    assert "found among" in count(page)
    page.click("#filter [type=reset]")
    rest(page)
    page.click("#pager button[value=next]")
    rest(page)
    assert page.evaluate("window.unpackings") < blocks
    started = time.monotonic()
    page.fill("#filter [name=text]", "shiny")
    assert "found among" in count(page)
    assert time.monotonic() - started < 10


def test_what_is_asked_for_last_is_shown(visit: Open, large: Path) -> None:
    page = visit(large)
    for text in ("bright", "shiny", "no such words"):
        page.fill("#filter [name=text]", text)
    page.select_option("#filter [name=status]", label="error")
    assert count(page).startswith("0 found")
    page.fill("#filter [name=text]", "the recipe broke")
    page.keyboard.press("Enter")
    assert " found among " in count(page)
    assert all("RuntimeError: the recipe broke" in text for text in page.locator("#rows tr").all_inner_texts())
    assert page.locator("#rows tr").count() == 50
