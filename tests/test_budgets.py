"""Budgets of one example: what ends an attack is kept, and is in its record."""

from dataclasses import replace
from pathlib import Path

import pytest

from attacks.engine import attack
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings
from attacks.verify import verify
from attacks.victim import Victim, load_victim
from robustbench_mt.errors import UserError
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Task

SETTINGS = AttackSettings(examples=8)


@pytest.fixture(scope="module")
def victim(checkpoint: Path, task: Task) -> Victim:
    return load_victim(str(checkpoint), task)


def attacked(victim: Victim, task: Task, out: Path, **budgets: float | None) -> list[AttackRecord]:
    return attack(victim, task, RECIPES["deepwordbug"], replace(SETTINGS, **budgets), out)


@pytest.fixture(scope="module")
def unlimited(victim: Victim, task: Task, tmp_path_factory: pytest.TempPathFactory) -> list[AttackRecord]:
    return attacked(victim, task, tmp_path_factory.mktemp("unlimited"))


def test_without_budgets_nothing_ends_an_attack(unlimited: list[AttackRecord]) -> None:
    assert {record.ended_by for record in unlimited} == {""}
    tried = [record for record in unlimited if record.status in ("success", "failed")]
    assert tried
    assert all(record.candidates >= record.candidates_kept > 0 for record in tried)


def test_queries(victim: Victim, task: Task, checkpoint: Path, unlimited: list[AttackRecord], tmp_path: Path) -> None:
    most = sorted(record.queries for record in unlimited)[len(unlimited) // 2]
    records = attacked(victim, task, tmp_path, max_queries=most)
    assert max(record.queries for record in records) <= most
    for record, free in zip(records, unlimited, strict=True):
        if free.queries < most:
            assert (record.status, record.perturbed_texts, record.ended_by) == (free.status, free.perturbed_texts, "")
        else:
            # TextAttack stops with the budget's last query, were it the one that succeeds.
            assert record.ended_by == ("queries" if record.status == "failed" else "")
    assert "queries" in {record.ended_by for record in records}
    assert not [finding for verified in verify(tmp_path, str(checkpoint)) for finding in verified.findings]


def test_words(victim: Victim, task: Task, tmp_path: Path) -> None:
    # A sixth of the reviews' five words: none may change.
    records = attacked(victim, task, tmp_path, max_words=1 / 6)
    tried = [record for record in records if record.status != "skipped"]
    assert {record.status for record in tried} == {"failed"}
    assert {record.ended_by for record in tried} == {"words"}
    assert all(record.words_changed == 0 and record.candidates_kept == 0 for record in tried)


def test_all_words_are_no_limit(victim: Victim, task: Task, unlimited: list[AttackRecord], tmp_path: Path) -> None:
    records = attacked(victim, task, tmp_path, max_words=1.0)
    assert [replace(record, seconds=0, scores=None, perturbed_scores=None) for record in records] == [
        replace(record, seconds=0, scores=None, perturbed_scores=None) for record in unlimited
    ]


def test_seconds(victim: Victim, task: Task, tmp_path: Path) -> None:
    records = attacked(victim, task, tmp_path, max_seconds=1e-6)
    tried = [record for record in records if record.status != "skipped"]
    assert tried
    # The first scores that come back after the time is up end the attack; they may end it with success.
    assert {record.ended_by for record in tried if record.status == "failed"} == {"seconds"}
    assert "failed" in {record.status for record in tried}


def test_budgets_are_settings_of_the_run(victim: Victim, task: Task, tmp_path: Path) -> None:
    attacked(victim, task, tmp_path, max_queries=20)
    with pytest.raises(UserError, match="max_queries is 20 there and 30 now"):
        attacked(victim, task, tmp_path, max_queries=30)


def test_verify_finds_a_budget_that_was_not_kept(victim: Victim, task: Task, checkpoint: Path, tmp_path: Path) -> None:
    attacked(victim, task, tmp_path)
    (settings,) = tmp_path.rglob("*.settings.json")
    kept = settings.read_text(encoding="utf-8")
    changed = kept.replace('"max_queries": null', '"max_queries": 2').replace('"max_words": null', '"max_words": 0.1')
    assert changed != kept
    settings.write_text(changed, encoding="utf-8")
    found = {finding.what for verified in verify(tmp_path, str(checkpoint)) for finding in verified.findings}
    assert found == {"max_queries", "max_words"}


@pytest.mark.parametrize(
    ("name", "value"), [("max_queries", 0), ("max_seconds", 0.0), ("max_seconds", float("nan")), ("max_words", 1.5)]
)
def test_impossible_budgets_are_refused(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{name} is {value}"):
        AttackSettings(**{name: value})  # type: ignore[arg-type]
