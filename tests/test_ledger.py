"""Records on disk: written whole, read back equal, refused when they are not what they should be."""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_disks import disk, no_larger_file_than

from robustbench_mt.errors import UserError
from robustbench_mt.ledger import (
    Ledger,
    claim,
    make_directory,
    read_record,
    read_records,
    write_atomically,
    write_record,
    written_atomically,
)
from robustbench_mt.records import (
    AttackRecord,
    MatchingSnapshot,
    MatchingTrace,
    Record,
    TrainingRecord,
    from_json,
    to_json,
)

ATTACKED = AttackRecord(
    index=3,
    seed=2**32 - 1,
    label=1,
    status="success",
    texts=["hostile \ud800 \u202e text", 'with "quotes"\nand lines'],
    perturbed_texts=["x", ""],
    scores=[0.1, 0.9],
    perturbed_scores=[0.7, 0.3],
    fallbacks=["stop words: scikit-learn (fallback)"],
)
TRAINED = TrainingRecord(
    checkpoint="toy-match-seed0",
    task="toy",
    base="minilm",
    method="match",
    seed=0,
    label_names=["negative", "positive"],
    settings={"epochs": 2.0, "method": {"name": "match"}},
    data={"train": "0123"},
    history=[{"step": 1, "loss": 0.5}],
    seconds=1.5,
    versions={"python": "3.11"},
    temperature=0.25,
    matching=MatchingTrace([[1, 0.8, 0.1, 0.1]], [MatchingSnapshot(1, [0], [[1.0]])]),
)


@pytest.mark.parametrize("record", [ATTACKED, TRAINED, replace(TRAINED, matching=None, temperature=None)])
def test_round_trip(record: Record, tmp_path: Path) -> None:
    with Ledger(tmp_path / "below" / "records.jsonl", type(record)) as ledger:
        ledger.append(record)
        ledger.append(record)
    assert list(read_records(tmp_path / "below" / "records.jsonl", type(record))) == [record, record]
    write_record(tmp_path / "one.json", record)
    assert read_record(tmp_path / "one.json", type(record)) == record


def test_appends_to_what_is_there(tmp_path: Path) -> None:
    for index in range(3):
        with Ledger(tmp_path / "a.jsonl", AttackRecord) as ledger:
            assert [record.index for record in ledger.records] == list(range(index))
            ledger.append(replace(ATTACKED, index=index))


def test_every_truncation_loses_at_most_the_last_record(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Ledger(path, AttackRecord) as ledger:
        for index in range(2):
            ledger.append(replace(ATTACKED, index=index))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole) + 1):
        path.write_bytes(whole[:length])
        kept = 2 if length == len(whole) else 1
        assert len(list(read_records(path, AttackRecord))) == kept
        with Ledger(path, AttackRecord) as ledger:
            assert len(ledger.records) == kept
            ledger.append(replace(ATTACKED, index=7))
        assert [record.index for record in read_records(path, AttackRecord)][kept:] == [7]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"not json\n", "line 2, is not a record"),
        (b"[1]\n", "expected a JSON object"),
        (b'{"record": "training", "schema": 1}\n', "expected a record of kind 'attack', found 'training'"),
        (b"\xff\xfe\n", "line 2"),
    ],
)
def test_a_damaged_line_is_named(line: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(to_json(ATTACKED)).encode() + b"\n" + line)
    with pytest.raises(UserError, match=message):
        list(read_records(path, AttackRecord))
    with pytest.raises(UserError, match=message):
        Ledger(path, AttackRecord)
    assert path.read_bytes().endswith(line), "nothing is thrown away"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2: this version"),
        ({"unheard": 1}, "unheard"),
        ({"index": "three"}, "index is wrong"),
        ({"status": "withstood"}, "status is wrong"),
        ({"texts": None}, "texts is wrong"),
    ],
)
def test_a_record_of_other_shape_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_json(AttackRecord, {**to_json(ATTACKED), **change})


@pytest.mark.parametrize(
    ("matching", "message"),
    [
        ({"mass": [[1, 0.5]]}, "three kinds"),
        ({"snapshots": [{"step": 1, "labels": [], "matrix": []}]}, "not N x N"),
        ({"snapshots": [{"step": 1, "labels": [0, 1], "matrix": [[1, 0, 0], [0, 1, 0]]}]}, "not N x N"),
        ({"snapshots": [{"step": 1, "labels": [0, 1], "matrix": [[1], [0, 1]]}]}, "not N x N"),
        ({"snapshots": [{"labels": [0], "matrix": [[1]]}]}, "step is wrong"),
        ({"snapshots": [{"step": "x", "labels": [0], "matrix": [[1]]}]}, "step is wrong"),
    ],
)
def test_matching_matrices_of_other_shape_are_refused(matching: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_json(TrainingRecord, {**to_json(TRAINED), "matching": matching})


def test_a_missing_field_is_refused() -> None:
    content = to_json(ATTACKED)
    del content["label"]
    with pytest.raises(UserError, match="label"):
        from_json(AttackRecord, content)


def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.jsonl", AttackRecord) as ledger:
        with pytest.raises(ValueError, match="not JSON compliant"):
            ledger.append(replace(ATTACKED, seconds=float("nan")))
        ledger.append(ATTACKED)
    assert list(read_records(tmp_path / "a.jsonl", AttackRecord)) == [ATTACKED]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Ledger(path, AttackRecord), pytest.raises(UserError, match=r"a\.jsonl is open in another run: wait"):
        Ledger(path, AttackRecord)
    Ledger(path, AttackRecord).__exit__(None, None, None)


def test_a_file_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    program = (
        "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(UserError, match=r"a\.jsonl is open in another run: wait"):
            Ledger(path, AttackRecord)
        holder.kill()
    with Ledger(path, AttackRecord) as ledger:
        ledger.append(ATTACKED)


def test_a_file_removed_while_it_is_opened_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends without a record removes its file; the next one may have opened it already."""
    path = tmp_path / "a.jsonl"
    flock = fcntl.flock
    removals = [path.unlink]

    def locks_late(*arguments: Any) -> None:
        while removals:
            removals.pop()()
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", locks_late)
    with Ledger(path, AttackRecord) as ledger:
        ledger.append(ATTACKED)
    assert list(read_records(path, AttackRecord)) == [ATTACKED]


def test_no_room_leaves_whole_records_and_goes_on_later(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Ledger(path, AttackRecord) as ledger:
        ledger.append(ATTACKED)
        size = path.stat().st_size
        with no_larger_file_than(size + 100):
            for _ in range(2):
                with pytest.raises(
                    UserError, match=r"a\.jsonl, as the disk is full \(.*\): make room and give the same"
                ):
                    ledger.append(replace(ATTACKED, index=4))
                assert path.stat().st_size == size, "no half line"
        assert ledger.records == [ATTACKED]
        ledger.append(replace(ATTACKED, index=5))
    assert [record.index for record in read_records(path, AttackRecord)] == [3, 5]


def test_no_room_for_the_settings_leaves_no_file(tmp_path: Path) -> None:
    with no_larger_file_than(10), pytest.raises(UserError, match=r"a\.settings\.json, as the disk is full"):
        Ledger(tmp_path / "a.jsonl", AttackRecord, {"seed": 1, "data": "0123456789"})
    with no_larger_file_than(10), pytest.raises(UserError, match=r"one\.json, as the disk is full"):
        write_record(tmp_path / "one.json", ATTACKED)
    assert list(tmp_path.iterdir()) == []
    with Ledger(tmp_path / "a.jsonl", AttackRecord, {"seed": 1}) as ledger:
        ledger.append(ATTACKED)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 KiB."""
    with disk(tmp_path / "disk", "16k") as path:
        yield path


def test_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "a.jsonl"
    (small_disk / "other").write_bytes(b"x" * 4096)
    with Ledger(path, AttackRecord) as ledger:
        written = 0
        with pytest.raises(UserError, match="the disk is full"):
            while True:
                ledger.append(replace(ATTACKED, index=written))
                written += 1
    assert path.read_bytes().count(b"\n") == written > 3
    assert path.read_bytes().endswith(b"\n")
    (small_disk / "other").unlink()
    with Ledger(path, AttackRecord) as ledger:
        assert len(ledger.records) == written
        ledger.append(replace(ATTACKED, index=written))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc, where a file fails as it is read")
def test_a_file_that_fails_as_it_is_read() -> None:
    with pytest.raises(UserError, match="Cannot read /proc/self/mem: Input/output error"):
        list(read_records(Path("/proc/self/mem"), AttackRecord))


def test_settings_are_claimed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    settings = {"seed": 1, "recipes": ("a", "b"), "versions": {"torch": "1"}}
    with Ledger(path, AttackRecord, settings) as ledger:
        ledger.append(ATTACKED)
    with Ledger(path, AttackRecord, {**settings, "versions": {"torch": "2"}}) as ledger:
        assert ledger.records == [ATTACKED]
    with Ledger(path, AttackRecord, {**settings, "seed": 3}, may_differ=("versions", "seed")) as ledger:
        assert ledger.records == [ATTACKED]
    with pytest.raises(
        UserError, match=r"seed is 1 there and 2 now; recipes is \[\"a\", \"b\"\] there and \[\"a\"\] now"
    ):
        Ledger(path, AttackRecord, {**settings, "seed": 2, "recipes": ["a"]})
    (tmp_path / "a.settings.json").unlink()
    with pytest.raises(UserError, match=r"a\.settings\.json is gone"):
        Ledger(path, AttackRecord, settings)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_damaged_settings_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"s\.json"):
        claim(tmp_path / "s.json", {"a": 1}, "it")


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="choose another --out"):
        make_directory(tmp_path / "file" / "below")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc, where not even root may write")
def test_a_directory_that_cannot_be_written() -> None:
    with pytest.raises(UserError, match="choose another --out"):
        make_directory(Path("/proc/robustbench"))
    with pytest.raises(UserError, match="choose another --out"):
        Ledger(Path("/proc/self/a.jsonl"), AttackRecord)


def test_settings_of_a_run_without_records_bind_nobody(tmp_path: Path) -> None:
    path = tmp_path / "attack.jsonl"
    with Ledger(path, AttackRecord, {"seed": 0}):
        pass
    with Ledger(path, AttackRecord, {"seed": 1}) as ledger:
        ledger.append(ATTACKED)
    with pytest.raises(UserError, match="seed is 1 there and 2 now"), Ledger(path, AttackRecord, {"seed": 2}):
        pass


def test_files_that_are_written_at_the_same_time_are_whole(tmp_path: Path) -> None:
    """Two reports of one run, say: the second waits, and what a killed process left is in nobody's way."""
    path, partial = tmp_path / "index.html", tmp_path / ".index.html.partial"
    partial.write_bytes(b"left by one that was killed")
    with ThreadPoolExecutor() as beside:
        with written_atomically(path) as stream:
            stream.write(b"first, ")
            stream.flush()
            second = beside.submit(write_atomically, path, "second")
            with pytest.raises(TimeoutError):
                second.result(0.1)
            assert partial.read_bytes() == b"first, "
            stream.write(b"whole")
        second.result(10)
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]
