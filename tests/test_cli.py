"""The command line: what it prints, and that every mistake is one line and exit status 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import QUICK, file_of, mistake, run
from interrupts import interrupted

from attacks.recipes import RECIPES, availability
from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, EvaluationRecord, TrainingRecord

ROWS = [("the film was wonderful", "good"), ("the film was awful", "bad")]


def test_train_evaluate_attack_imbalance_report(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run("train", "--task", data, "--method", "match", "--base", tiny_base, "--out", out, *QUICK) == 0
    checkpoint = Path(capsys.readouterr().out.strip())
    assert (checkpoint / "training.json").is_file()
    assert [record.method for record in read_records(out / "train.jsonl", TrainingRecord)] == ["match"]

    assert run("evaluate", checkpoint, "--task", data, "--out", out) == 0
    assert "accuracy" in capsys.readouterr().out
    (evaluation,) = read_records(out / "evaluate.jsonl", EvaluationRecord)
    low, high = evaluation.intervals["accuracy"]
    assert low <= (evaluation.metrics["accuracy"] or 0) <= high

    recipes = ["--recipe", "deepwordbug", "--recipe", "pruthi"]
    assert run("attack", checkpoint, "--task", data, *recipes, "--examples", 3, "--out", out) == 0
    assert "deepwordbug" in capsys.readouterr().out
    attacked = sorted(out.glob("attacks/*/*/*.jsonl"))
    assert [path.stem for path in attacked] == ["deepwordbug", "pruthi"]
    assert all(len(list(read_records(path, AttackRecord))) == 3 for path in attacked)

    sweep = ["--method", "vanilla", "--method", "match", "--ratio", 1, "--ratio", 2, "--seed", 0, "--base", tiny_base]
    assert run("imbalance", "--task", data, *sweep, "--out", out, *QUICK) == 0
    assert len(list(read_records(out / "imbalance.jsonl", ImbalanceRecord))) == 4

    sweep = ["--method", "vanilla", "--share", 0, "--share", 0.2, "--seed", 0, "--base", tiny_base]
    assert run("label-noise", "--task", data, *sweep, "--out", out, *QUICK) == 0
    assert "labels flipped" in capsys.readouterr().out
    assert [record.flipped for record in read_records(out / "label_noise.jsonl", LabelNoiseRecord)] == [0, 8]

    assert run("report", out) == 0
    assert "index.html" in capsys.readouterr().out
    assert (out / "report" / "index.html").is_file()


@pytest.mark.parametrize("what", ["tasks", "methods", "recipes"])
def test_list(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", what) == 0
    expected = {"tasks": "rotten_tomatoes", "methods": "self_mass=0.8", "recipes": "deepwordbug"}[what]
    assert expected in capsys.readouterr().out


def test_resources(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("resources") == 0
    assert "stop words" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["--help"], ["list", "recipes"], ["list", "methods"], ["train", "--help"]])
def test_nothing_heavy_is_imported(command: list[str]) -> None:
    program = (
        "import sys\nfrom robustbench_mt.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "names = {'torch', 'transformers', 'textattack', 'datasets', 'sklearn', 'nltk', 'matplotlib'}\n"
        "heavy = names & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


BAD_FILES = {
    "missing": (None, "there is no"),
    "empty": (b"", "empty"),
    "header only": (b"text,label\n", "no rows|no row|no example|empty"),
    "binary": (b"\x00\x01\x02\x00PK", "binary"),
    "wrong encoding": ("text,label\nun caf\u00e9,good\n".encode("latin-1"), "UTF-8"),
    "no text column": (b"a,label\nx,good\ny,bad\n", "column"),
    "no label column": (b"text,a\nx,good\ny,bad\n", "column"),
    "one class": (b"text,label\n" + b"".join(b"text %d,good\n" % i for i in range(50)), "class"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name: str, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = BAD_FILES[name]
    path = tmp_path / "bad.csv"
    if content is not None:
        file_of(path, content)
    out = tmp_path / "out"
    line = mistake(capsys, "train", "--task", path, "--method", "vanilla", "--base", tiny_base, "--out", out)
    assert "bad.csv" in line or "bad" in line
    assert any(part in line.lower() for part in message.lower().split("|")), line
    assert not out.exists(), "nothing is half-written"


def test_a_label_outside_the_label_set(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--label-names", "negative", "--label-names", "neutral"]
    line = mistake(capsys, "train", "--task", data, "--method", "vanilla", "--out", tmp_path / "out", *options)
    assert "positive" in line


def test_a_class_with_no_example(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [part for name in ("negative", "positive", "mixed") for part in ("--label-names", name)]
    assert "mixed" in mistake(capsys, "train", "--task", data, "--method", "vanilla", "--out", tmp_path / "o", *options)


def test_unknown_names(
    checkpoint: Path, data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["--base", tiny_base, "--out", tmp_path / "out"]
    assert "did you mean rotten_tomatoes" in mistake(
        capsys, "train", "--task", "rotten_tomatos", "--method", "vanilla", *base
    )
    assert "did you mean vanilla" in mistake(capsys, "train", "--task", data, "--method", "vanila", *base)
    attack = ["attack", checkpoint, "--task", data, "--out", tmp_path / "out"]
    assert "did you mean deepwordbug" in mistake(capsys, *attack, "--recipe", "deepwrdbug")
    assert "did you mean --recipe" in mistake(capsys, *attack, "--recpe", "pwws").lower()
    assert 'Did you mean "train"' in mistake(capsys, "trian")
    assert "did you mean validation" in mistake(capsys, "evaluate", checkpoint, "--task", data, "--split", "validaton")
    assert not (tmp_path / "out").exists()


def test_bad_ratios(data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["imbalance", "--task", data, "--method", "vanilla", "--seed", 0, "--out", tmp_path, "--base", tiny_base]
    assert "ratio 0.5 is under 1" in mistake(capsys, *command, "--ratio", 0.5)
    assert "ratio 9999 asks for" in mistake(capsys, *command, "--ratio", 9999)
    assert "did you mean positive" in mistake(capsys, *command, "--ratio", 2, "--minority", "positiv")
    assert "--ratio" in mistake(capsys, *command, "--ratio", "many")
    assert not (tmp_path / "imbalance.jsonl").exists()


@pytest.mark.parametrize(
    ("share", "message"), [(-0.1, "share -0.1 is out"), (1.1, "share 1.1 is"), ("half", "--share")]
)
def test_bad_shares(
    share: object, message: str, data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["label-noise", "--task", data, "--method", "vanilla", "--seed", 0, "--out", tmp_path / "out"]
    assert message in mistake(capsys, *command, "--base", tiny_base, "--share", share)
    assert not (tmp_path / "out").exists()


def test_bad_checkpoints(
    data: Path, tiny_base: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not a classifier" in mistake(capsys, "evaluate", tiny_base, "--task", data)
    assert "no directory" in mistake(capsys, "evaluate", tmp_path / "none", "--task", data)
    three = file_of(tmp_path / "three.csv", b"text,label\n" + b"".join(b"text %d,%d\n" % (i, i % 3) for i in range(90)))
    line = mistake(capsys, "evaluate", checkpoint, "--task", three)
    assert "3 classes" in line
    assert "2" in line


def test_bad_output_directories(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = file_of(tmp_path / "file", b"") / "below"
    command = ["train", "--task", data, "--method", "vanilla", "--base", tiny_base, *QUICK]
    assert "--out" in mistake(capsys, *command, "--out", blocked)
    experiment = {
        "name": "one",
        "tasks": [str(data)],
        "methods": ["vanilla"],
        "training": {"base": str(tiny_base), "steps": 1, "train_examples": 8},
    }
    first = file_of(tmp_path / "one.yaml", json.dumps(experiment).encode())
    second = file_of(tmp_path / "two.yaml", json.dumps({**experiment, "seeds": [1]}).encode())
    assert run("run", first, "--out", tmp_path / "run") == 0
    capsys.readouterr()
    assert "seeds is [0] there and [1] now" in mistake(capsys, "run", second, "--out", tmp_path / "run")


def test_a_recipe_whose_resource_is_missing(
    checkpoint: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = next(recipe for recipe in RECIPES.values() if not recipe.not_applicable and not availability(recipe)[0])
    out = tmp_path / "out"
    line = mistake(capsys, "attack", checkpoint, "--task", data, "--recipe", missing.name, "--out", out)
    assert missing.name in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return [[1.0]] * len(texts)", "returned scores of shape"),
        ("return [[float('nan'), 1.0]] * len(texts)", "not finite"),
        ("raise KeyError('oops')", "raised KeyError"),
    ],
)
def test_bad_victim_functions(
    body: str,
    message: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"victim_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(f"def score(texts):\n    {body}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    command = ["attack", f"python:{name}:score", "--task", data, "--recipe", "deepwordbug", "--out", tmp_path / "out"]
    assert message in mistake(capsys, *command)


def test_regression_is_refused_for_attack_and_curves(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = b"".join(b"text %d,%d.%d\n" % (i, i % 5, i % 7) for i in range(90))
    scores = file_of(tmp_path / "scores.csv", b"text,score\n" + rows)
    out = ["--out", tmp_path / "out"]
    assert "regression task" in mistake(capsys, "attack", checkpoint, "--task", scores, "--recipe", "pruthi", *out)
    sweep = ["--method", "vanilla", "--ratio", 2, "--seed", 0]
    assert "regression task" in mistake(capsys, "imbalance", "--task", scores, *sweep, *out)
    sweep = ["--method", "vanilla", "--share", 0.1, "--seed", 0]
    assert "regression task" in mistake(capsys, "label-noise", "--task", scores, *sweep, *out)


def test_report_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path) in mistake(capsys, "report", tmp_path)


def test_settings_out_of_range(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--task", data, "--method", "vanilla", "--out", tmp_path]
    assert "epochs is -1" in mistake(capsys, *command, "--epochs", "-1")
    assert "--keep" in mistake(capsys, *command, "--keep", "worst")


def test_interrupted_says_so(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustbench_mt.cells.train_cell", interrupted)
    assert run("train", "--task", data, "--method", "vanilla", "--out", tmp_path) == 130
    assert "the same command goes on from here" in capsys.readouterr().err


def test_another_classifier_of_the_same_name_is_refused(
    checkpoint: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", tmp_path / "out"]
    attack = ["attack", checkpoint, "--task", data, "--recipe", "deepwordbug", "--examples", 2, *out]
    assert run("evaluate", checkpoint, "--task", data, *out) == 0
    assert run(*attack) == 0
    capsys.readouterr()
    mapped = ["--map-labels", "negative=positive,positive=negative"]
    for command in (["evaluate", checkpoint, "--task", data, *out], attack):
        assert "victim is" in mistake(capsys, *command, *mapped)


def test_mistakes_in_training(data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--task", data, "--method", "vanilla", "--base", tiny_base, "--out", tmp_path / "out", *QUICK]
    assert "seed -1 is out of range" in mistake(capsys, *command, "--seed", "-1")
    assert "learning_rate is nan" in mistake(capsys, *command, "--learning-rate", "nan")
    assert "diverged" in mistake(capsys, *command, "--learning-rate", "1e30")
    assert not list((tmp_path / "out").iterdir()), "a training that failed leaves nothing"
    layer = ["train", "--task", data, "--method", "match:layer=bert.encoder", *command[5:]]
    assert "name the head's dense layer" in mistake(capsys, *layer)
    assert run(*command, "--max-length", 1000) == 0, "longer than the encoder reads: cut to what it does"


def test_nested_settings_that_differ_are_named(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = {"base": str(tiny_base), "steps": 1, "train_examples": 8}
    attack = {"recipes": ["deepwordbug"], "examples": 1}
    experiment = {"name": "one", "tasks": [str(data)], "methods": ["vanilla"], "training": training, "attack": attack}
    first = file_of(tmp_path / "one.yaml", json.dumps(experiment).encode())
    assert run("run", first, "--out", tmp_path / "run") == 0
    wider = file_of(tmp_path / "two.yaml", json.dumps({**experiment, "attack": {**attack, "in_flight": 3}}).encode())
    assert run("run", wider, "--out", tmp_path / "run") == 0, "how many are in flight is no setting of the run"
    capsys.readouterr()
    other = file_of(tmp_path / "three.yaml", json.dumps({**experiment, "attack": {**attack, "seed": 3}}).encode())
    assert "attack.seed is 0 there and 3 now" in mistake(capsys, "run", other, "--out", tmp_path / "run")
