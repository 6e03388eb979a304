"""The report's page in headless Chromium: it works, runs nothing that the records brought, and asks for nothing.

One long file, because its tests share one browser and what it watches for.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_directory import attack_run, evaluation, fallen, outcomes, training, write, write_attack, write_run

from robustbench_mt.records import AttackRecord, EvaluationRecord, TrainingRecord, to_json
from robustbench_mt.reporting.page import MOST_BYTES, render_page
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: it is in the extra dev")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")

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

COUNT_UNPACKINGS = """window.unpackings = 0;
  window.DecompressionStream = class extends DecompressionStream {
    constructor(...how) { super(...how); window.unpackings += 1; }
  };"""

OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true })"

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # The sandbox needs rights that containers do not give.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Opens a page, and at the end demands that nothing was asked for and nothing went wrong."""
    contexts, wrong = [], []

    def visit(path: Path, at: str = "", **settings: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        context.add_init_script(COUNT_UNPACKINGS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: request.url.startswith((path.as_uri(), "data:")) or wrong.append(f"request: {request.url}"),
        )
        page.goto(path.as_uri() + at)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector("#pager:not([hidden])")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report([write_run(tmp_path_factory.mktemp("run"))])


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


def rest(page: Any) -> None:
    """Wait until what was asked for is shown."""
    page.wait_for_selector("#examples .scroll[aria-busy=false]")


def count(page: Any) -> str:
    rest(page)
    return str(page.locator("#pager output").inner_text())


def column(page: Any, position: int) -> list[str]:
    cells = page.locator(f"#leaderboard tbody tr > :nth-child({position})").all_inner_texts()
    return [cell.splitlines()[0] for cell in cells]


def test_filters_find_what_the_records_have(visit: Open, path: Path) -> None:
    page = visit(path)
    assert count(page) == "1 to 50 of 1,440"
    page.select_option("#filter [name=recipe]", label="pwws")
    page.select_option("#filter [name=method]", label="vanilla")
    page.select_option("#filter [name=status]", label="error")
    errors = 3 * 2  # every 25th of 60 examples, for three seeds
    assert count(page) == f"1 to {errors} of {errors} found among 1,440"
    rows = page.locator("#rows tr")
    assert rows.count() == errors
    assert all("pwws against vanilla" in " ".join(text.split()) for text in rows.all_inner_texts())
    assert all("RuntimeError: the recipe broke" in text for text in rows.all_inner_texts())
    page.fill("#filter [name=text]", "example 49,")
    assert (count(page), rows.count()) == ("1 to 3 of 3 found among 1,440", 3)
    page.fill("#filter [name=text]", "no such words")
    assert (count(page), rows.count()) == ("0 found among 1,440", 0)
    page.click("#filter [type=reset]")
    page.locator("#rows tr").nth(49).wait_for()
    assert count(page) == "1 to 50 of 1,440"


def test_pages_turn_by_button_and_by_key(visit: Open, path: Path) -> None:
    page = visit(path)
    first = page.locator("#rows tr").first.inner_text()
    assert page.locator("#pager button[value=previous]").is_disabled()
    page.click("#pager button[value=next]")
    assert count(page) == "51 to 100 of 1,440"
    assert page.locator("#rows tr").first.inner_text() != first
    page.keyboard.press("n")
    assert count(page) == "101 to 150 of 1,440"
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert count(page) == "1 to 50 of 1,440"
    for _ in range(40):
        page.keyboard.press("n")
    assert count(page) == "1,401 to 1,440 of 1,440"
    page.fill("#filter [name=text]", "")
    page.type("#filter [name=text]", "pn")
    assert page.input_value("#filter [name=text]") == "pn"


def test_tables_sort_by_value_and_by_keyboard(visit: Open, path: Path) -> None:
    page = visit(path)
    headings = page.locator("#leaderboard thead th")
    titles = [title.split("\xa0")[0].strip() for title in headings.all_inner_texts()]
    position = titles.index("under pwws") + 1
    heading = headings.nth(position - 1)
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#leaderboard th[aria-sort=descending]")
    page.wait_for_timeout(50)
    shown = [float(value.rstrip("%")) for value in column(page, position)]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) > 1
    page.keyboard.press("Space")
    page.wait_for_selector("#leaderboard th[aria-sort=ascending]")
    page.wait_for_timeout(50)
    assert [float(value.rstrip("%")) for value in column(page, position)] == sorted(shown)
    headings.nth(0).locator("button").click()
    page.wait_for_timeout(50)
    assert column(page, 1) == sorted(column(page, 1), reverse=True)
    assert heading.get_attribute("aria-sort") is None


def test_a_link_opens_a_checkpoint_and_finds_its_examples(visit: Open, path: Path) -> None:
    page = visit(path)
    assert page.locator("details.checkpoint[open]").count() == 0
    link = page.locator("#leaderboard tbody th a").nth(2)
    name = link.inner_text()
    link.click()
    page.wait_for_selector("details.checkpoint[open]")
    opened = page.locator("details.checkpoint[open]")
    assert opened.count() == 1
    assert opened.locator("summary").is_visible()
    assert name in opened.inner_text()
    assert "seconds" in opened.inner_text()
    opened.locator("a[data-checkpoint]").click()
    # Not wait_for_function: where it must ask more than once, it evaluates a string, which the page forbids.
    page.locator("#pager output", has_text="found among").wait_for()
    assert count(page) == "1 to 50 of 240 found among 1,440"
    assert all(name in text for text in page.locator("#rows tr").all_inner_texts())
    again = visit(path, at="#checkpoint-4")
    assert again.locator("details.checkpoint[open]").count() == 1


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


def test_without_scripts_nothing_is_missing(visit: Open, path: Path, hostile: Path) -> None:
    page = visit(path, java_script_enabled=False)
    assert page.locator("#rows tr").count() == 300
    assert "300 of 1,440 shown" in page.locator("#examples").inner_text()
    assert not page.locator("#filter").is_visible()
    assert page.locator("#leaderboard tbody tr").count() == 6
    assert page.locator("thead button").count() == 0
    assert page.locator("details.checkpoint").count() == 6
    # The browser opens what its own target lies in.
    page.locator("#leaderboard tbody th a").first.click()
    assert page.locator("#checkpoint-0").is_visible()
    for number, shown in enumerate((SHOWN, MARKUP)):
        text = visit(hostile, java_script_enabled=False).locator("#rows bdi").nth(number).inner_text()
        assert shown in " ".join(text.split())


@pytest.mark.parametrize("width", [320, 360])
def test_a_phone_shows_it_without_sideways_scrolling(visit: Open, path: Path, width: int) -> None:
    page = visit(path, at="#checkpoint-0", viewport={"width": width, "height": 740})
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_print_shows_what_paper_can(visit: Open, path: Path) -> None:
    page = visit(path)
    page.emulate_media(media="print")
    for selector in ("nav", "#filter", "#pager"):
        assert not page.locator(selector).first.is_visible()
    assert page.locator("#rows tr:visible").count() == 20
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    # What was closed on the screen is told on paper.
    assert page.locator(".finding:not([open]) li").first.is_visible()
    # Nothing is cut off by a box that scrolls.
    boxes = "[...document.querySelectorAll('.scroll')].every((box) => getComputedStyle(box).overflowX === 'visible')"
    assert page.evaluate(boxes)


CONTRAST = """(selector) => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const element = document.querySelector(selector);
  const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visit: Open, path: Path, scheme: str) -> None:
    page = visit(path, color_scheme=scheme)
    for selector in ("body", ".caption", "nav a", "td.number", "td small", "thead button", "#rows del", "#rows mark"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector
    for selector in (".unseen", ".status.success", "#pager button", "#filter select", ".note", ".doubts li"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector


def test_the_keyboard_reaches_every_control(visit: Open, path: Path) -> None:
    page = visit(path)
    reached = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return [e.tagName, e.name || e.value || e.getAttribute('href') || '', !!e.closest('#leaderboard')] })()"
        )
        reached.add(tuple(where))
        if where[1] == "next":
            break
    assert ("A", "#main", False) in reached
    assert ("BUTTON", "", True) in reached
    assert ("A", "#checkpoint-0", True) in reached
    for name in ("task", "recipe", "method", "status", "checkpoint"):
        assert ("SELECT", name, False) in reached
    assert ("INPUT", "text", False) in reached
    assert ("BUTTON", "next", False) in reached


def _varied(record: AttackRecord) -> AttackRecord:
    """With words that repeat as seldom as in a language, because the page is packed."""
    numbers = np.random.default_rng(record.index).zipf(1.3, 1000) % 20_000
    before = record.texts[0].split()
    after = (record.perturbed_texts or record.texts)[0].split()
    texts = [[f"{word}{number}" for word, number in zip(words, numbers, strict=False)] for words in (before, after)]
    joined = [" ".join(words) for words in texts]
    return replace(record, texts=joined[:1], perturbed_texts=record.perturbed_texts and joined[1:])


@pytest.fixture(scope="module", params=[20, 230], ids=["sentences", "reviews"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 attacked examples, of the length of sentences or of IMDb's reviews."""
    directory = tmp_path_factory.mktemp("large")
    for seed in range(5):
        for recipe, strength in (("textfooler", 0.75), ("pwws", 0.6)):
            first, *others = (_varied(record) for record in outcomes(recipe, 1000, strength, seed, request.param))
            path = write_attack(directory, attack_run(f"checkpoint-{seed}", recipe), [first])
            with path.open("a", encoding="utf-8") as stream:
                stream.writelines(f"{json.dumps(to_json(record))}\n" for record in others)
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
