"""Experiments: read strictly, done once, resumed where they ended."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_experiments import written

from robustbench_mt.errors import UserError
from robustbench_mt.experiment import Experiment, stored
from robustbench_mt.experiment_file import load_experiment, packaged_experiment
from robustbench_mt.experiment_run import refuse_other_experiment, run_experiment
from robustbench_mt.failures import Failures


def bomb(level: str) -> str:
    """Twelve lines of YAML, each of which stands for nine times as much as the one before."""
    lines = [f"a{n}: &a{n} {level.format(', '.join([f'*a{n - 1}'] * 9))}" for n in range(1, 12)]
    return "\n".join(["a0: &a0 {b: 1}", *lines])


def state(out: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a run but the report: when it was written, and what is in it."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and "report" not in path.parts]
    return {str(path.relative_to(out)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_does_every_cell_once(content: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = load_experiment(written(tmp_path / "e.yaml", content))
    out = tmp_path / "run"
    outcome = run_experiment(experiment, out)
    assert (outcome.missing, outcome.left_out) == ([], 0)
    assert outcome.report is not None
    page = outcome.report.page
    assert len((out / "train.jsonl").read_text().splitlines()) == 4
    assert len((out / "evaluate.jsonl").read_text().splitlines()) == 4
    assert len((out / "imbalance.jsonl").read_text().splitlines()) == 4
    assert len((out / "label_noise.jsonl").read_text().splitlines()) == 4
    attacked = list(out.glob("attacks/*/*/*.jsonl"))
    assert len(attacked) == 8
    assert all(len(path.read_text().splitlines()) == 3 for path in attacked)
    assert "pruthi stands in" in capsys.readouterr().err, "a stand-in is announced"
    before, report = state(out), page.read_bytes()
    run_experiment(experiment, out)
    assert state(out) == before, "run again, it does nothing"
    assert page.read_bytes() == report


def test_goes_on_where_it_was_interrupted(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from robustbench_mt.ledger import Ledger

    experiment = load_experiment(written(tmp_path / "e.yaml", {**content, "seeds": [0]}))
    whole = tmp_path / "whole"
    run_experiment(experiment, whole)
    append = Ledger.append

    def interrupted(self: Any, record: Any) -> None:
        append(self, record)
        raise KeyboardInterrupt

    broken = tmp_path / "broken"
    # Each try ends after one more record.
    for _ in range(100):
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "append", interrupted)
            try:
                run_experiment(experiment, broken)
                break
            except KeyboardInterrupt:
                continue
    one, other = state(whole), state(broken)
    assert one.keys() == other.keys()
    for name in one:
        if not name.endswith((".jsonl", "training.json")):
            assert one[name][1] == other[name][1], name
    for name in (name for name in one if name.endswith(".jsonl")):
        assert settled(one[name][1]) == settled(other[name][1]), name


def test_a_directory_that_was_moved_is_gone_on_with(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Experiment, data and run together, as to another machine."""
    here = tmp_path / "here"
    here.mkdir()
    data = Path(content["tasks"][0]).rename(here / "mine.jsonl")
    small = {name: content[name] for name in ("name", "training", "attack")} | {"methods": ["vanilla"], "seeds": [0]}
    written(here / "e.yaml", {**small, "tasks": [data.name], "imbalance": {"ratios": [2]}})
    monkeypatch.chdir(here)
    run_experiment(load_experiment(Path("e.yaml")), Path("run"))
    there = shutil.copytree(here, tmp_path / "there")
    shutil.rmtree(here / "run")
    monkeypatch.chdir(there)
    before = state(Path("run"))
    assert run_experiment(load_experiment(Path("e.yaml")), Path("run")).missing == []
    assert state(Path("run")) == before


def test_an_experiment_may_grow_and_not_shrink(content: dict[str, Any], tmp_path: Path) -> None:
    small = {name: content[name] for name in ("name", "tasks", "training")}
    first = {**small, "methods": ["vanilla"], "seeds": [0], "imbalance": {"ratios": [2]}}
    grown = {**small, "methods": ["match", "vanilla"], "seeds": [0, 1], "imbalance": {"ratios": [1, 2]}}
    begun, other = (load_experiment(written(tmp_path / "e.yaml", each)) for each in (first, grown))
    out, whole = tmp_path / "run", tmp_path / "whole"
    run_experiment(begun, out)
    before = (out / "imbalance.jsonl").read_bytes()
    assert run_experiment(other, out).missing == []
    run_experiment(other, whole)
    assert (out / "imbalance.jsonl").read_bytes().startswith(before), "what is done stays"
    for name in ("train.jsonl", "evaluate.jsonl", "imbalance.jsonl"):
        assert settled((out / name).read_bytes()) == settled((whole / name).read_bytes())
    assert state(out)["experiment.json"][1] == state(whole)["experiment.json"][1]
    grown_state = state(out)
    with pytest.raises(UserError, match=r'methods is \["match", "vanilla"\] there and \["vanilla"\] now'):
        run_experiment(begun, out)
    longer = {**grown, "training": {**grown["training"], "steps": 4}, "seeds": [0, 1, 2]}
    with pytest.raises(UserError, match=r"settings: training\.steps is 3 there and 4 now\. Choose"):
        run_experiment(load_experiment(written(tmp_path / "e.yaml", longer)), out)
    assert state(out) == grown_state


GROWTH = [
    ("tasks", "sst2"),
    ("methods", "r3f"),
    ("seeds", 2),
    ("attack.recipes", "pwws"),
    ("imbalance.ratios", 4),
    ("imbalance.seeds", 1),
    ("label_noise.shares", 0.1),
    ("label_noise.seeds", 0),
]


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize(("name", "more"), GROWTH)
def test_what_may_grow(name: str, more: Any, in_parts: bool, content: dict[str, Any], tmp_path: Path) -> None:
    def read(part: dict[str, Any]) -> Experiment:
        own = {"name": part["name"], "parts": {"a": {key: part[key] for key in part if key != "name"}}}
        return load_experiment(written(tmp_path / "e.yaml", own if in_parts else part))

    def keep(experiment: Experiment) -> None:
        (tmp_path / "experiment.json").write_text(json.dumps(stored(experiment)), encoding="utf-8")

    grown = copy.deepcopy(content)
    *way, last = name.split(".")
    place = grown[way[0]] if way else grown
    place[last] = [more, *place[last]]
    keep(read(content))
    assert refuse_other_experiment(read(grown), tmp_path) == read(content)
    keep(read(grown))
    with pytest.raises(UserError, match=f"{name} is .* there and"):
        refuse_other_experiment(read(content), tmp_path)
    # A value more of what is varied gives other cells other names.
    keep(read({**content, "vary": {"batch_size": [8]}}))
    with pytest.raises(UserError, match=r"batch_size is .* there and"):
        refuse_other_experiment(read({**content, "vary": {"batch_size": [8, 16]}}), tmp_path)


def test_another_experiment_is_refused_by_its_name(content: dict[str, Any], tmp_path: Path) -> None:
    small = {name: content[name] for name in ("name", "tasks", "training")} | {"methods": ["vanilla"], "seeds": [0]}
    run_experiment(load_experiment(written(tmp_path / "e.yaml", small)), tmp_path / "run")
    other = load_experiment(written(tmp_path / "other.yaml", {**small, "name": "other", "seeds": [1]}))
    with pytest.raises(UserError, match=r"run belongs to the experiment 'small', not to 'other': choose another --out"):
        run_experiment(other, tmp_path / "run")


def test_growth_is_kept_only_when_the_run_can_begin(content: dict[str, Any], tmp_path: Path) -> None:
    small = {**{name: content[name] for name in ("name", "tasks", "training")}, "methods": ["vanilla"], "seeds": [0]}
    out = tmp_path / "run"
    run_experiment(load_experiment(written(tmp_path / "e.yaml", small)), out)
    before = state(out)
    mistaken = load_experiment(written(tmp_path / "e.yaml", {**small, "seeds": [0, -5]}))
    with pytest.raises(UserError, match="-5"):
        run_experiment(mistaken, out, only=["*/vanilla/seed0"])
    grown = load_experiment(written(tmp_path / "e.yaml", {**small, "seeds": [0, 1]}))
    with Failures(out), pytest.raises(UserError, match="open in another run"):
        run_experiment(grown, out)
    assert state(out) == before


def test_a_checkpoint_that_is_not_the_evaluated_one_is_not_attacked(content: dict[str, Any], tmp_path: Path) -> None:
    small = {name: content[name] for name in ("tasks", "training")} | {"methods": ["vanilla"], "seeds": [0]}
    attacked = {**small, "attack": {"recipes": ["deepwordbug"], "examples": 2}}
    parts = {
        "name": "parts",
        "parts": {"a": {**small, "keep_checkpoints": False}, "b": {**attacked, "methods": ["match"]}},
    }
    out = tmp_path / "run"
    run_experiment(load_experiment(written(tmp_path / "e.yaml", parts)), out)
    (evaluation,) = [line for line in (out / "evaluate.jsonl").read_text().splitlines() if "vanilla" in line]
    # What another machine would have made of it.
    other = json.dumps({**json.loads(evaluation), "victim": "beef"})
    text = (out / "evaluate.jsonl").read_text().replace(evaluation, other)
    (out / "evaluate.jsonl").write_text(text)
    parts["parts"]["b"]["methods"] = ["match", "vanilla"]
    for _ in range(2):
        outcome = run_experiment(load_experiment(written(tmp_path / "e.yaml", parts)), out)
        assert "victim is" in outcome.missing[-1].reason
        assert not list(out.glob("attacks/*vanilla*/*/*.jsonl"))


def test_a_training_that_was_evaluated_on_another_split_alone_is_not_done(
    content: dict[str, Any], tmp_path: Path
) -> None:
    small = {name: content[name] for name in ("name", "tasks", "training")} | {"methods": ["vanilla"], "seeds": [0]}
    experiment, out = load_experiment(written(tmp_path / "e.yaml", small)), tmp_path / "run"
    run_experiment(experiment, out)
    record = json.loads((out / "evaluate.jsonl").read_text())
    (out / "evaluate.jsonl").write_text(json.dumps({**record, "split": "static advglue"}) + "\n")
    run_experiment(experiment, out)
    splits = [json.loads(line)["split"] for line in (out / "evaluate.jsonl").read_text().splitlines()]
    assert splits == ["static advglue", "test"]


def settled(lines: bytes) -> list[str]:
    """Records without what may differ: times, the order in which attacks end, and scores by a rounding error."""
    records = [json.loads(line) for line in lines.splitlines()]
    free = ("seconds", "scores", "perturbed_scores")
    return sorted(json.dumps({name: record[name] for name in record if name not in free}) for record in records)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": []}, "names no tasks"),
        ({"methods": ["mtach"]}, "did you mean match"),
        ({"methods": None}, "methods"),
        ({"seeds": ["one"]}, r"seeds\.0"),
        ({"extra": 1}, "extra: Unknown entry"),
        ({"training": {"bacth_size": 2}}, "did you mean batch_size"),
        ({"attack": {"recipe": ["deepwordbug"]}}, "did you mean recipes"),
        ({"imbalance": {"ratios": [2], "training": {"step": 2}}}, "did you mean steps"),
        ({"checkpoints": False}, "attacks checkpoints that it does not keep"),
        ({"training": {"base": "nobody/has-this-base"}}, "no directory nobody/has-this-base"),
        ({"training": {"epochs": "many"}}, r"training\.epochs"),
        ({"training": {"epoch": 2}}, r"training\.epoch"),
        ({"training": {"epochs": -2}}, "epochs is -2"),
        ({"attack": {"recipes": ["deepwordbugs"]}}, "did you mean deepwordbug"),
        ({"attack": {"recipes": ["deepwordbug"], "examples": 0}}, "examples is 0"),
        ({"imbalance": {}}, r"imbalance\.ratios"),
        ({"imbalance": {"ratios": [0.5]}}, "under 1"),
        ({"label_noise": {"shares": [0, 2]}}, "share 2 is out of range"),
        ({"label_noise": {"ratios": [1]}}, r"label_noise\.ratios"),
    ],
)
def test_bad_experiments(change: dict[str, Any], message: str, content: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path / "e.yaml", {**content, **change})
    out = tmp_path / "run"
    with pytest.raises(UserError, match=message):
        run_experiment(load_experiment(path), out)
    assert not out.exists(), "nothing is written before everything is checked"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a mapping"),
        ("- a\n- b\n", "not a mapping"),
        ("a: [1\n", "not YAML"),
        ("name: !!python/object/apply:os.system ['true']\n", "not YAML"),
        ("name: x\n", "tasks"),
        ("name: x\nparts: {'': {tasks: [rte]}, b: {}}\n", "a part whose name is empty"),
        ("tasks: [rte]\nseeds: [0]\nseeds: [1]\n", "not YAML: line 3 names 'seeds' a second time"),
        ("parts:\n  a: {seeds: [0]}\n  b: {}\n  a: {seeds: [1]}\n", "line 4 names 'a' a second time"),
        (bomb("{{<<: [{}]}}"), "stands for over 100000 values"),
        (bomb("[{}]"), "stands for over 100000 values"),
        ("a: &a [*a]\n", "stands for over 100000 values"),
        (f"a: *{'9' * 5000}\n", r"undefined alias '9{300,400}\.\.\.$"),
    ],
)
def test_files_that_are_no_experiments(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load_experiment(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml"):
        load_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["quickstart", "quickstart-smoke"])
def test_packaged_experiments_can_be_read(name: str) -> None:
    experiment = load_experiment(packaged_experiment(name))
    assert experiment.name == name
    (part,) = experiment.parts.values()
    assert part.attack is not None
    assert part.imbalance is not None
