"""Very many records: columns say what the records say, memory stays flat, and statistics stay the same."""

import json
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_directory import attack_run, evaluation, outcomes, training, write_attack, write_run
from scipy import stats

from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.record_json import from_json, parsed, read_line
from robustbench_mt.records import AttackRecord, EvaluationRecord, Record, TrainingRecord, to_json
from robustbench_mt.reporting.attack_rows import AttackGroup, group_attacks
from robustbench_mt.reporting.attacked import ENDINGS, STATUSES, counted, read_attacked, stands
from robustbench_mt.reporting.runs import read_runs
from robustbench_mt.reporting.worst_case_rows import worst_case_groups
from robustbench_mt.statistics import hierarchical_bootstrap_difference, wilson


def lines(records: list[Record]) -> list[bytes]:
    return [json.dumps(to_json(record)).encode() + b"\n" for record in records]


def append(path: Path, records: list[AttackRecord]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.writelines(lines(list(records)))
    return path


def is_correct(record: AttackRecord) -> bool:
    if record.scores is None:
        return record.status in ("success", "failed")
    return record.scores.index(max(record.scores)) == record.label


def is_counted(record: AttackRecord) -> bool:
    return record.status != "error" and not (record.status == "skipped" and is_correct(record))


def varied(count: int, seed: int) -> list[AttackRecord]:
    """With all that records may have: no scores, no words, budgets, skipped examples, several of one index."""
    draw = random.Random(seed)
    records = []
    for record in outcomes("pwws", count, 0.6, seed):
        changes: dict[str, object] = {"index": draw.randrange(count)}
        if draw.random() < 0.2:
            changes |= {"scores": None}
        if draw.random() < 0.1:
            changes |= {"words": 0}
        if draw.random() < 0.1:
            changes |= {"status": "skipped"}
        if record.status == "failed" and draw.random() < 0.3:
            changes |= {"ended_by": draw.choice(ENDINGS)}
        if draw.random() < 0.3:
            changes |= {"fallbacks": draw.choice([[], ["a"], ["b", "a"]])}
        records.append(replace(record, **changes))
    return records


def told(record_type: type[Record], line: bytes, fast: bool) -> object:
    try:
        return read_line(record_type, line) if fast else from_json(record_type, parsed(line))
    except (UserError, ValueError) as error:
        return type(error), str(error)


def test_a_line_is_read_fast_as_it_is_read_with_care() -> None:
    """Also one that is damaged."""
    hostile = replace(outcomes("pwws", 1, 0.5)[0], texts=["lone \ud800", "\x00"], message="NaN")
    kinds: list[tuple[type[Record], list[Record]]] = [
        (AttackRecord, [*outcomes("pwws", 3, 0.5, length=6), hostile]),
        (TrainingRecord, [training("vanilla", 0)]),
        (EvaluationRecord, [evaluation(training("vanilla", 0))]),
    ]
    draw = random.Random(0)
    parts = [
        b"-1",
        b"1.0",
        b"1e3",
        b"NaN",
        b"1e999",
        b"true",
        b"null",
        b'"3"',
        b"[]",
        b"{}",
        b"9" * 30,
        b"\\ud800",
        b" ",
    ]
    damaged = 0
    for record_type, records in kinds:
        for line in lines(records):
            assert told(record_type, line, fast=True) == told(record_type, line, fast=False)
            values = [place for place in range(len(line)) if line[place : place + 2] == b": "]
            for _ in range(400):
                at = draw.choice(values) + 2 if draw.random() < 0.7 else draw.randrange(len(line))
                until = next((end for end in range(at, len(line)) if line[end : end + 1] in b",]}"), at)
                changed = line[:at] + draw.choice(parts) + line[until if draw.random() < 0.7 else at :]
                assert told(record_type, changed, fast=True) == told(record_type, changed, fast=False), changed
                damaged += isinstance(told(record_type, changed, fast=True), tuple)
            doubled = line[:-2] + b", " + line[1:]
            assert told(record_type, doubled, fast=True) == told(record_type, doubled, fast=False)
    assert 100 < damaged < 2300


def test_columns_say_what_the_records_say(tmp_path: Path) -> None:
    records = varied(300, 0)
    attacked = read_attacked(append(tmp_path / "a.jsonl", records))
    latest = sorted({record.index: record for record in records}.values(), key=lambda record: record.index)
    columns = attacked.columns
    assert len(attacked) == len(latest) < 300
    for name in ("index", "queries", "words", "words_changed", "candidates", "candidates_kept"):
        assert columns[name].tolist() == [getattr(record, name) for record in latest]
    assert [STATUSES[code] for code in columns["status"]] == [record.status for record in latest]
    assert [("", *ENDINGS)[code] for code in columns["ended_by"]] == [record.ended_by for record in latest]
    assert columns["correct"].tolist() == [is_correct(record) for record in latest]
    assert counted(columns).tolist() == [is_counted(record) for record in latest]
    assert stands(columns).tolist() == [is_correct(record) and record.status != "success" for record in latest]
    assert [attacked.record(row) for row in range(len(attacked))] == latest
    lists = [tuple(record.fallbacks) for record in latest]
    assert list(attacked.fallback_counts().items()) == [(used, lists.count(used)) for used in dict.fromkeys(lists)]


def test_what_stands_in_two_directories_counts_once(tmp_path: Path) -> None:
    first, second = varied(100, 1), varied(150, 2)
    for name, records in (("a", first), ("b", second)):
        append(write_attack(tmp_path / name, attack_run("mine", "pwws"), records[:1]), records[1:])
    (file,) = read_runs([tmp_path / "a", tmp_path / "b"]).attacks
    latest = {record.index: record for record in (*first, *second)}
    assert [file.attacked.record(row) for row in range(len(file.attacked))] == [latest[key] for key in sorted(latest)]
    assert file.attacked.fallback_counts()["b", "a"] == sum(r.fallbacks == ["b", "a"] for r in latest.values())


def worst_of(records: list[AttackRecord]) -> tuple[str, int, str]:
    """An example's records by several recipes as one: status, queries, the budget that ended it."""
    chosen = next((r for r in records if not is_counted(r)), None) or next(
        (r for r in records if not is_correct(r)), None
    )
    if chosen is None:
        successes = [record for record in records if record.status == "success"]
        shares = [record.words_changed / record.words if record.words else 1.0 for record in successes]
        chosen = successes[shares.index(min(shares))] if successes else records[0]
    ended = next((record.ended_by for record in records if record.ended_by), "")
    return chosen.status, sum(record.queries for record in records), ended if chosen.status == "failed" else ""


def test_the_worst_case_is_that_of_each_example(tmp_path: Path) -> None:
    every = {recipe: varied(200, number) for number, recipe in enumerate(("deepwordbug", "pwws", "textfooler"))}
    for recipe, records in every.items():
        append(write_attack(tmp_path, attack_run("mine", recipe), records[:1]), records[1:])
    (worst,) = worst_case_groups(group_attacks(read_runs([tmp_path]).attacks))
    columns = worst.files[0].attacked.columns
    latest = [{record.index: record for record in records} for records in every.values()]
    shared = sorted(set.intersection(*map(set, latest)))
    assert columns["index"].tolist() == shared
    got = [(STATUSES[row["status"]], int(row["queries"]), ("", *ENDINGS)[row["ended_by"]]) for row in columns]
    assert got == [worst_of([of_recipe[index] for of_recipe in latest]) for index in shared]
    assert {status for status, *_ in got} == set(STATUSES)


def test_memory_for_an_example_is_that_of_its_columns(tmp_path: Path) -> None:
    """Measured by what a longer file takes more than a short one."""

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        # Long texts, which would be seen if they were kept.
        line = lines([replace(outcomes("pwws", 1, 0.5)[0], texts=["word " * 400])])[0]
        with path.open("wb") as stream:
            stream.writelines(line.replace(b'"index": 0', b'"index": %d' % index) for index in range(count))
        tracemalloc.start()
        try:
            assert len(read_attacked(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert (peak(5000) - peak(1000)) / 4000 < 5 * 69


def test_many_outcomes_have_the_intervals_that_few_have(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    hard = draw.normal(0, 1, 2400)
    first, second = ((draw.normal(0, 1, (4, 2400)) + hard) < level for level in (0.8, 0.7))
    many = hierarchical_bootstrap_difference(first, second)
    repeated = hierarchical_bootstrap_difference(np.tile(first, 50), np.tile(second, 50))
    monkeypatch.setattr("robustbench_mt.statistics._MOST_TOGETHER", 2400)
    drawn = hierarchical_bootstrap_difference(first, second)
    width = (drawn.high or 0) - (drawn.low or 0)
    assert many != drawn
    assert (many.low, many.value, many.high) == pytest.approx((drawn.low, drawn.value, drawn.high), abs=0.05 * width)
    assert repeated.value == pytest.approx(many.value)
    assert repeated.n == 120_000


def test_wilson_is_scipys() -> None:
    for n in (1, 2, 7, 100, 12_345, 1_000_000):
        for successes in {0, 1, n // 3, n // 2, n - 1, n}:
            interval = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
            assert (wilson(successes, n).low, wilson(successes, n).high) == (interval.low, interval.high)


def test_a_groups_columns_are_those_of_its_files(tmp_path: Path) -> None:
    for group in group_attacks(read_runs([write_run(tmp_path, seeds=(0, 1), n=40)]).attacks):
        assert isinstance(group, AttackGroup)
        paths = [path for file in group.files for path in file.attacked.paths]
        records = [record for path in paths for record in read_records(path, AttackRecord)]
        kept = [record for record in records if is_counted(record)]
        assert group.columns["queries"].tolist() == [record.queries for record in kept]
        assert group.left_out == len(records) - len(kept)
