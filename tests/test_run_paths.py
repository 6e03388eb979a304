"""Names from data, and links in a run's directory, lead nowhere else: nothing is read or written there."""

import csv
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import reviews, write_reviews
from run_directory import attack_run, outcomes, training, write_attack, write_run

from attacks.engine import attack_path
from attacks.verify import verify
from imbalance.class_ratios import ImbalanceCurve
from imbalance.sweep import refuse_other_settings, sweep
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.inside import attack_files, inside
from robustbench_mt.ledger import Ledger, write_atomically
from robustbench_mt.records import EvaluationRecord, TrainingRecord, to_json
from robustbench_mt.reporting.runs import read_runs
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings

HOSTILE_NAMES = ["../../x", "/tmp/robustbench-mt-absolute", "/dev/null", "CON", "..", "=1+1", "x" * 300, "a\nb\0c"]


def files_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def test_labels_and_columns_never_become_paths(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training, attacking, a curve and the report, with names that would lead elsewhere and start formulas."""
    names = {0: "../../x", 1: "=1+1"}
    data = tmp_path / "task" / "@SUM(A1).csv"
    data.parent.mkdir()
    with data.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["/etc/passwd", "../label"])
        writer.writerows([text[0], names[label]] for text, label in reviews()[:120])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = files_below(tmp_path)
    columns = ["--text-column", "/etc/passwd", "--label-column", "../label"]
    shared = ["--task", str(data), *columns, "--out", "run"]
    quick = ["--method", "vanilla", "--base", str(tiny_base), "--steps", "1", "--train-examples", "16"]
    assert main(["train", *shared, *quick]) == 0
    checkpoint = capsys.readouterr().out.split()[-1]
    assert main(["attack", checkpoint, *shared, "--recipe", "deepwordbug", "--examples", "2"]) == 0
    assert main(["imbalance", *shared, *quick, "--ratio", "1", "--seed", "0", "--minority", "../../x"]) == 0
    assert main(["report", "run"]) == 0
    capsys.readouterr()
    written = files_below(tmp_path) - before
    assert written
    assert {path for path in written if not path.startswith("here/run/")} == set()
    assert not {path for path in written if "passwd" in path or "=" in path}
    cells = [
        cell
        for path in Path("run/report/tables").glob("*.csv")
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
        for cell in row
    ]
    assert any("../../x" in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "@"))] == []


def test_names_in_records_never_become_paths(tmp_path: Path) -> None:
    """A run's directory from elsewhere, whose checkpoints and tasks are called so."""
    run = tmp_path / "run"
    for number, name in enumerate(HOSTILE_NAMES):
        for entry in ("checkpoint", "task"):
            settings = attack_run(f"{entry}{number}", "deepwordbug")
            path = write_attack(run, settings, outcomes("deepwordbug", 3, 0.5))
            beside = path.with_suffix(".settings.json")
            beside.write_text(json.dumps({**to_json(settings), entry: name}), encoding="utf-8")
    with Ledger(run / "train.jsonl", TrainingRecord) as ledger:
        for name in HOSTILE_NAMES:
            ledger.append(training("match", 0, checkpoint=name))
    (tmp_path / "x").mkdir()
    before = files_below(tmp_path)
    assert main(["report", str(run)]) == 0
    assert {path for path in files_below(tmp_path) - before if not path.startswith("run/report/")} == set()
    for path in run.glob("attacks/*/*/*.jsonl"):
        alone = Path(shutil.copytree(path.parent, tmp_path / "alone/attacks/a/b")).parents[2]
        with pytest.raises(UserError, match="does not have the checkpoint"):
            list(verify(alone))
        shutil.rmtree(alone)


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "/dev/null", "..", "a\0b"])
def test_no_name_leads_out_of_a_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leads out of the run's directory"):
        inside(tmp_path / "run", name)
    with pytest.raises(UserError, match="leads out of the run's directory"):
        attack_path(tmp_path, "..", name, "../../pwws")


LINKS = ["train.jsonl", "evaluate.jsonl", "imbalance.jsonl", "transfer.jsonl", "experiment.json", "attacks"]
LINKS += ["attacks/reviews-match-seed0", "attacks/reviews-match-seed0/reviews/pwws.jsonl", "attacks/new"]


@pytest.mark.parametrize("link", LINKS)
def test_records_are_not_read_through_a_link(link: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, elsewhere = write_run(tmp_path / "run", (0,), 4), tmp_path / "elsewhere"
    if (run / link).exists():
        (run / link).rename(elsewhere)
    else:
        elsewhere.mkdir() if "." not in link else elsewhere.write_text("{}")
    (run / link).symlink_to(elsewhere)
    with pytest.raises(UserError, match=f"{link} leads out of the run's directory {run}"):
        read_runs([run])
    assert main(["report", str(run)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (run / "report").exists()


def test_a_curve_s_settings_are_not_read_through_a_link(task: Task, settings: TrainingSettings, tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.write_text('{"password": "secret"}', encoding="utf-8")
    curve = ImbalanceCurve(task, settings)
    link = run / f"imbalance.{task.name}.settings.json"
    link.symlink_to(elsewhere)
    for use in (refuse_other_settings, lambda curve, path: sweep(curve, [], path)):
        with pytest.raises(UserError, match="leads out of the run's directory"):
            use(curve, run / curve.file)


def all_of(run: Path) -> tuple[object, ...]:
    """What is read of a run, as it compares."""
    runs = read_runs([run])
    attacks = [(attack.run, attack.training, attack.attacked.columns.tolist()) for attack in runs.attacks]
    return attacks, replace(runs, names=[], attacks=[])


def test_a_link_that_stays_inside_and_the_run_as_a_link_are_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", (0,), 4)
    whole = all_of(run)
    (run / "attacks/reviews-match-seed0").rename(run / "moved")
    (run / "attacks/reviews-match-seed0").symlink_to("../moved")
    assert all_of(run) == whole
    (tmp_path / "link").symlink_to(run)
    assert all_of(tmp_path / "link") == whole


def test_a_directory_of_attacks_is_read_once(tmp_path: Path) -> None:
    """Whatever links lead to it, those in a circle among them."""
    run = write_run(tmp_path / "run", (0,), 4)
    files, whole = attack_files(run), all_of(run)
    (run / "attacks/again").symlink_to("reviews-match-seed0")
    (run / "attacks/circle").symlink_to("..")
    (run / "attacks/reviews-match-seed0/circle").symlink_to("..")
    (run / "attacks/itself").symlink_to("itself")
    assert attack_files(run) == files
    assert all_of(run) == whole


def test_a_classifier_may_be_called_as_a_file_of_records(tmp_path: Path) -> None:
    """As a function is that a victim's module calls ``jsonl``."""
    write_attack(tmp_path, attack_run("victim.jsonl", "pwws"), outcomes("pwws", 3, 0.5))
    (attack,) = read_runs([tmp_path]).attacks
    assert attack.run.checkpoint == "victim.jsonl"


@pytest.mark.parametrize("pipe", ["evaluate.jsonl", "attacks/reviews-match-seed0/reviews/pwws.settings.json"])
def test_nobody_waits_for_a_pipe(pipe: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", (0,), 4)
    (run / pipe).unlink()
    os.mkfifo(run / pipe)
    with pytest.raises(UserError, match=rf"{pipe} is neither a file nor a directory"):
        read_runs([run])
    with pytest.raises(UserError, match=r"is neither a file nor a directory"):
        Ledger(run / pipe, EvaluationRecord)


def test_a_link_behind_a_link_does_not_lead_out(tmp_path: Path) -> None:
    run, elsewhere = write_run(tmp_path / "run", (0,), 4), tmp_path / "elsewhere"
    (run / "attacks/reviews-match-seed0").rename(elsewhere)
    (run / "inside").mkdir()
    (run / "inside/out").symlink_to(elsewhere)
    (run / "attacks/link").symlink_to("../inside")
    with pytest.raises(UserError, match="attacks/link/out leads out of the run's directory"):
        read_runs([run])


@pytest.mark.parametrize("link", ["training.json", "config.json", "model.safetensors", "below/chat.jinja"])
def test_a_run_s_checkpoint_is_not_read_through_a_link(
    link: str, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reviews(tmp_path / "toy.csv")
    monkeypatch.chdir(tmp_path)
    shared = ["--task", "toy.csv", "--out", "run"]
    train = ["train", *shared, "--method", "vanilla", "--base", str(tiny_base), "--steps", "1"]
    assert main(train) == 0
    checkpoint = capsys.readouterr().out.split()[-1]
    attack = ["attack", checkpoint, *shared, "--recipe", "deepwordbug", "--examples", "1"]
    assert main(attack) == 0
    file = Path(checkpoint, link)
    file.parent.mkdir(exist_ok=True)
    file.touch()
    elsewhere = file.rename(tmp_path / "elsewhere")
    file.symlink_to(elsewhere)
    Path("e.yaml").write_text(
        f"name: e\ntasks: [toy.csv]\nmethods: [vanilla]\nseeds: [0]\ntraining: {{base: {tiny_base}, steps: 1}}\n"
        "attack: {recipes: [deepwordbug], examples: 1}\n",
        encoding="utf-8",
    )
    for command in (train, ["transfer", "run"], ["verify", "run"], ["run", "e.yaml", "--out", "run"]):
        capsys.readouterr()
        assert main(command) == 2, command
        (said,) = capsys.readouterr().err.splitlines()
        assert f"{file} leads out of the run's directory run" in said
    # Whoever names the checkpoint itself may have links in it, as Hugging Face's cache has.
    assert main(attack) == 0
    file.unlink()
    elsewhere.rename("run/inside")
    file.symlink_to(tmp_path / "run/inside")
    assert main(["verify", "run"]) == 0


def test_nothing_is_written_through_a_link(
    checkpoint: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    data = write_reviews(tmp_path / "toy.csv")
    train = ["train", "--task", str(data), "--method", "vanilla", "--base", str(tiny_base), "--steps", "1"]
    attack = ["attack", str(checkpoint), "--task", str(data), "--recipe", "deepwordbug", "--examples", "1"]
    evaluate = ["evaluate", str(checkpoint), "--task", str(data)]
    name = checkpoint.name
    for number, (link, target, command) in enumerate(
        [
            ("train.jsonl", precious, train),
            ("evaluate.jsonl", precious, evaluate),
            ("checkpoints", elsewhere, train),
            ("attacks", elsewhere, attack),
            (f"attacks/{name}", elsewhere, attack),
        ]
    ):
        run = tmp_path / f"run{number}"
        (run / link).parent.mkdir(parents=True)
        (run / link).symlink_to(target)
        capsys.readouterr()
        assert main([*command, "--out", str(run)]) == 2
        assert "leads out of the run's directory" in capsys.readouterr().err
    run = write_run(tmp_path / "reported", (0,), 4)
    (run / "report").symlink_to(elsewhere)
    assert main(["report", str(run)]) == 2
    assert "leads out of the run's directory" in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []
    assert precious.read_bytes() == b""


def test_a_file_that_is_replaced_is_not_written_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"as it was")
    for link in ("index.html", ".index.html.partial"):
        (tmp_path / link).symlink_to(precious)
        write_atomically(tmp_path / "index.html", "<p>")
        assert (tmp_path / "index.html").read_bytes() == b"<p>"
        assert precious.read_bytes() == b"as it was"
        (tmp_path / "index.html").unlink()
