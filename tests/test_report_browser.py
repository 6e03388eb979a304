"""The report's page in headless Chromium: filters, sorting, links, the keyboard, phones, paper, and without scripts."""

from pathlib import Path
from typing import Any

import pytest
from browsing import OPEN_ALL, Open, count
from run_directory import attack_run, evaluation, fallen, training, write, write_attack
from scored_trainings import TASK_METRICS, noise, scored, trained, write_scores

from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.report import report


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


def test_without_scripts_nothing_is_missing(visit: Open, path: Path) -> None:
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


@pytest.mark.parametrize("width", [320, 360])
def test_a_phone_shows_it_without_sideways_scrolling(visit: Open, path: Path, width: int) -> None:
    page = visit(path, at="#checkpoint-0", viewport={"width": width, "height": 740})
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_phone_keeps_the_methods_in_sight_beside_their_tasks(visit: Open, tmp_path: Path) -> None:
    made = [trained(task, method, seed) for task in TASK_METRICS for method in ("vanilla", "match") for seed in (0, 1)]
    page = visit(
        report([write_scores(tmp_path, [(each, scored(each, noise(each.seed, each.method))) for each in made])]).page,
        java_script_enabled=False,
        viewport={"width": 360, "height": 740},
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    box = page.locator("#average .scroll").first
    box.evaluate("(box) => { box.scrollLeft = box.scrollWidth }")
    frame = box.bounding_box()
    for cell in (box.locator("tbody th").last, box.locator("tbody td").last):
        shown = cell.bounding_box()
        assert frame["x"] <= shown["x"] and shown["x"] + shown["width"] <= frame["x"] + frame["width"] + 1
    assert box.locator("tbody th").all_inner_texts() == ["vanilla", "match"]


@pytest.mark.parametrize("scripts", [True, False])
def test_long_names_break_between_their_parts(visit: Open, tmp_path: Path, scripts: bool) -> None:
    method = "match:similarity=distance,calibrate=always"
    made = training(method, 0, checkpoint="long")
    write(tmp_path / "train.jsonl", TrainingRecord, [made])
    write_attack(tmp_path, attack_run("long", "pwws"), [fallen()])
    page = visit(report([tmp_path]).page, java_script_enabled=scripts)
    name = page.locator("#rows b").last
    assert name.inner_text() == method and name.inner_html().split("<wbr>") == [
        *("match:", "similarity=", "distance,", "calibrate=", "always")
    ]


def test_a_long_table_scrolls_in_its_place_but_on_paper(visit: Open, tmp_path: Path) -> None:
    made = [training("vanilla", seed) for seed in range(60)]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, [evaluation(each) for each in made])
    write_attack(tmp_path, attack_run(made[0].checkpoint, "pwws"), [fallen()])
    page = visit(report([tmp_path]).page)
    box = page.locator("#leaderboard .scroll")
    assert box.bounding_box()["height"] < 900
    # What the columns are stays in sight.
    box.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    assert box.locator("thead th").first.bounding_box()["y"] == pytest.approx(box.bounding_box()["y"], abs=2)
    page.emulate_media(media="print")
    assert box.bounding_box()["height"] > 900


def test_print_shows_what_paper_can(visit: Open, path: Path) -> None:
    page = visit(path)
    page.emulate_media(media="print")
    for selector in ("nav", "#filter", "#pager"):
        assert not page.locator(selector).first.is_visible()
    assert page.locator("#rows tr:visible").count() == 20
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    # What was closed on the screen is told on paper.
    assert page.locator(".finding:not([open]) li").first.is_visible()
    # An interval is no larger than its value.
    size = "(selector) => parseFloat(getComputedStyle(document.querySelector(selector)).fontSize)"
    assert page.evaluate(size, "td.number small") < page.evaluate(size, "td.number")
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
