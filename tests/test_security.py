"""What comes from elsewhere (checkpoints, experiments, data, run directories) runs nothing and reaches for nothing."""

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run
from conftest import write_reviews
from safetensors.torch import load_file, save_file
from vector_samples import WORDS

from attacks.settings import VictimOptions
from attacks.vector_files import read_vectors
from attacks.victim import load_victim
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.ledger import Ledger
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


class Evil:
    """What writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is there only if code that came with data was run."""
    return tmp_path / "it-ran"


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copied"))


def changed(path: Path, **entries: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **entries}), encoding="utf-8")


@pytest.mark.parametrize("decoy", ["", "model.safetensors", "other.safetensors"])
def test_a_pickle_beside_or_instead_of_safetensors_is_not_read(
    decoy: str, copied: Path, task: Task, marker: Path
) -> None:
    (copied / "model.safetensors").rename(copied / "kept")
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(marker)))
    if decoy:
        (copied / decoy).write_bytes(b"")
    with pytest.raises(UserError, match=r"--allow-pickle|cannot be loaded"):
        load_victim(str(copied), task)
    (copied / "kept").rename(copied / "model.safetensors")
    load_victim(str(copied), task)
    assert not marker.exists()


def elsewhere_or_pickled(directory: Path, weights: str) -> None:
    """The weights are where ``weights`` says, and an index, or the configuration, names them."""
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    if weights.endswith(".bin"):
        torch.save(tensors, directory / weights)
        # An empty one, which the index does not name.
        (directory / "decoy.safetensors").touch()
    else:
        save_file(tensors, directory / weights, {"format": "pt"})
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, weights)}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


@pytest.mark.parametrize("weights", ["weights.bin", "../outside.safetensors", "below/weights.safetensors"])
def test_an_index_names_safetensors_of_its_directory_alone(
    weights: str, copied: Path, tiny_base: Path, task: Task, tmp_path: Path
) -> None:
    """What is loaded otherwise is a pickle, or nothing that a fingerprint is of."""
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    for directory in (copied, base):
        (directory / "below").mkdir()
        elsewhere_or_pickled(directory, weights)
    for options in (VictimOptions(), VictimOptions(allow_pickle=True)):
        with pytest.raises(UserError, match=rf"copied/model\.safetensors\.index\.json names '{weights}' as weights"):
            load_victim(str(copied), task, options)
    with pytest.raises(UserError, match=rf"base/model\.safetensors\.index\.json names '{weights}' as weights"):
        fine_tune(task, parse_method("vanilla"), TrainingSettings(base=str(base), steps=1))


def test_weights_in_shards_are_read_and_told_apart(copied: Path, task: Task) -> None:
    before = load_victim(str(copied), task)
    tensors = load_file(copied / "model.safetensors")
    elsewhere_or_pickled(copied, "one.safetensors")
    save_file({name: values + 1 for name, values in tensors.items()}, copied / "two.safetensors", {"format": "pt"})
    one = load_victim(str(copied), task)
    np.testing.assert_array_equal(one.score([("a film",)]), before.score([("a film",)]))
    changed(copied / "model.safetensors.index.json", weight_map=dict.fromkeys(tensors, "two.safetensors"))
    two = load_victim(str(copied), task)
    assert (two.score([("a film",)]) != one.score([("a film",)])).any()
    assert two.fingerprint != one.fingerprint


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', "[" * 10**5])
def test_what_is_no_index_is_refused(content: str, copied: Path, task: Task) -> None:
    (copied / "model.safetensors").unlink()
    (copied / "model.safetensors.index.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"model\.safetensors\.index\.json (is no index|names 1 as weights)") as caught:
        load_victim(str(copied), task)
    assert caught.value.code == "bad-checkpoint"


@pytest.mark.parametrize("named", ["../outside.safetensors", "../outside.safetensors.index.json", "weights.bin", 1])
def test_a_configuration_names_no_weights_elsewhere(named: Any, copied: Path, task: Task, tmp_path: Path) -> None:
    shutil.copy(copied / "model.safetensors", tmp_path / "outside.safetensors")
    changed(copied / "config.json", transformers_weights=named)
    with pytest.raises(UserError, match=r"config\.json names .* as its weights"):
        load_victim(str(copied), task)
    kept = json.loads((copied / "config.json").read_text(encoding="utf-8"))
    (copied / "config.4.0.0.json").write_text(json.dumps(kept), encoding="utf-8")
    del kept["transformers_weights"]
    (copied / "config.json").write_text(
        json.dumps({**kept, "configuration_files": ["config.4.0.0.json"]}), encoding="utf-8"
    )
    with pytest.raises(UserError, match="names other files as its configuration"):
        load_victim(str(copied), task)


def test_a_pickle_that_is_allowed_is_of_the_directory(copied: Path, task: Task, tmp_path: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    (copied / "model.safetensors").unlink()
    torch.save(tensors, tmp_path / "outside.bin")
    index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, "../outside.bin")}
    (copied / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(UserError, match=r"names '\.\./outside\.bin' as weights"):
        load_victim(str(copied), task, VictimOptions(allow_pickle=True))
    (tmp_path / "outside.bin").rename(copied / "inside.bin")
    changed(copied / "pytorch_model.bin.index.json", weight_map=dict.fromkeys(tensors, "inside.bin"))
    load_victim(str(copied), task, VictimOptions(allow_pickle=True))


def test_a_checkpoint_of_links_is_read(checkpoint: Path, task: Task, tmp_path: Path) -> None:
    """As Hugging Face's cache has it, where a user names it; a folder in it is none of its files."""
    snapshot = tmp_path / "snapshot"
    (snapshot / "older.bin").mkdir(parents=True)
    for number, file in enumerate(sorted(checkpoint.iterdir())):
        shutil.copy(file, tmp_path / str(number))
        (snapshot / file.name).symlink_to(f"../{number}")
    assert load_victim(str(snapshot), task).fingerprint == load_victim(str(checkpoint), task).fingerprint


def test_an_adapter_brings_no_other_model_and_no_pickle(copied: Path, task: Task, marker: Path) -> None:
    """transformers would load the base that it names, from the hub if need be, and the adapter's pickle."""
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "someone/elses", "r": 2, "target_modules": ["query"]}
    (copied / "adapter_config.json").write_text(json.dumps(adapter), encoding="utf-8")
    (copied / "adapter_model.bin").write_bytes(pickle.dumps(Evil(marker)))
    with pytest.raises(UserError, match="is an adapter"):
        load_victim(str(copied), task)
    with pytest.raises(UserError, match="is an adapter"):
        load_victim(str(copied), task, VictimOptions(allow_pickle=True))
    assert not marker.exists()


def test_word_vectors_are_not_unpickled(tmp_path: Path, marker: Path) -> None:
    np.save(tmp_path / "vectors.npy", np.array([Evil(marker)] * len(WORDS), object), allow_pickle=True)
    (tmp_path / "vectors.txt").write_text("\n".join(WORDS), encoding="utf-8")
    with pytest.raises(UserError, match=r"vectors\.npy"):
        list(read_vectors(tmp_path / "vectors.npy"))
    assert not marker.exists()


def add_code(directory: Path, marker: Path, file: str) -> None:
    """As a checkpoint with a modelling file of its own has it."""
    (directory / "evil.py").write_text(f"from pathlib import Path\nPath({str(marker)!r}).touch()\n", encoding="utf-8")
    classes = {"AutoConfig": "evil.C", "AutoModel": "evil.M", "AutoModelForSequenceClassification": "evil.M"}
    tokenizer = {"auto_map": {"AutoTokenizer": ["evil.T", "evil.T"]}, "tokenizer_class": "T"}
    changed(directory / file, **(tokenizer if "tokenizer" in file else {"auto_map": classes, "model_type": "evil"}))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_the_code_of_a_checkpoint_or_base_is_not_run(
    file: str, copied: Path, tiny_base: Path, task: Task, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> str:
        raise AssertionError("a question whether to run it")

    monkeypatch.setattr("builtins.input", asked)
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    for directory in (copied, base):
        add_code(directory, marker, file)
    with pytest.raises(UserError, match=str(copied)):
        load_victim(str(copied), task)
    with pytest.raises(UserError, match=str(base)):
        fine_tune(task, parse_method("vanilla"), TrainingSettings(base=str(base), steps=1))
    assert not marker.exists()


@pytest.mark.parametrize("tag", ["object/apply:os.mkdir", "object/new:os.mkdir", "object:os.mkdir", "name:os.mkdir"])
def test_yaml_builds_no_objects(tag: str, tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"name: !!python/{tag} ['{marker}']\ntasks: [rte]\nmethods: [vanilla]\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"x\.yaml is not YAML"):
        load_experiment(path)
    assert not marker.exists()


OFFLINE = """
import socket, sys, os
tried = []
def forbidden(self, address, *_):
    tried.append(address)
    raise OSError("the network is forbidden")
socket.socket.connect = socket.socket.connect_ex = forbidden
def unknown(host, *_, **__):
    tried.append(host)
    raise socket.gaierror("the network is forbidden")
socket.getaddrinfo = unknown
for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.pop(name, None)
from robustbench_mt.cli import main
data, base, out = sys.argv[1:]
def done(*command):
    assert main(list(command)) == 0, command
shared = ("--task", data, "--out", out)
training = ("--method", "match", "--base", base, "--steps", "2", "--train-examples", "16")
done("train", *shared, *training, "--keep", "best")
(checkpoint,) = os.listdir(os.path.join(out, "checkpoints"))
checkpoint = os.path.join(out, "checkpoints", checkpoint)
done("evaluate", checkpoint, *shared)
done("attack", checkpoint, *shared, "--recipe", "deepwordbug", "--recipe", "pruthi", "--examples", "2")
done("imbalance", *shared, *training, "--ratio", "1", "--seed", "0")
done("report", out)
from huggingface_hub import constants
assert constants.HF_HUB_DISABLE_TELEMETRY and os.environ["DO_NOT_TRACK"] == "1"
known = {"wandb", "mlflow", "comet_ml", "neptune", "clearml", "codecarbon", "tensorboard"} & set(sys.modules)
assert not known, known
assert not tried, tried
"""


def test_nothing_is_sent_anywhere(tiny_base: Path, tmp_path: Path) -> None:
    """Training, evaluating, attacking, a curve and a report, with the network left to libraries and no flag."""
    data = write_reviews(tmp_path / "toy.csv")
    command = [sys.executable, "-c", OFFLINE, str(data), str(tiny_base), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("from robustbench_mt import load_task", None),
        ("import attacks", None),
        ("import imbalance", None),
        ("import attacks", "0"),
    ],
)
def test_importing_turns_telemetry_off_unless_the_user_said_otherwise(statement: str, value: str | None) -> None:
    names = ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "DISABLE_TELEMETRY")
    given = {} if value is None else dict.fromkeys(names, value)
    environment = {name: text for name, text in os.environ.items() if name not in (*names, "RAY_USAGE_STATS_ENABLED")}
    program = (
        f"{statement}; import os; from huggingface_hub import constants;"
        "print(constants.HF_HUB_DISABLE_TELEMETRY, os.environ['DO_NOT_TRACK'], os.environ['RAY_USAGE_STATS_ENABLED'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**environment, **given}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == (["True", "1", "0"] if value is None else ["False", "0", "0"])


def listening(processes: set[int]) -> set[str]:
    """The sockets on which these processes wait for connections, by /proc."""
    held = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            try:
                held.add(str(handle.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                found.add(fields[1])
    return found


def descendants(process: int) -> set[int]:
    lists = [path.read_text(encoding="ascii") for path in Path(f"/proc/{process}/task").glob("*/children")]
    return {process}.union(*(descendants(int(child)) for line in lists for child in line.split()))


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="open ports are looked up in /proc")
def test_nothing_listens_on_a_port(checkpoint: Path, tmp_path: Path) -> None:
    """All through an attack by two workers."""
    with socket.create_server(("127.0.0.1", 0)):
        assert listening({os.getpid()}), "the test would see it"
    before, over = listening({os.getpid()}), threading.Event()

    def watch() -> int:
        most = 0
        while not over.wait(0.05):
            processes = descendants(os.getpid())
            most = max(most, len(processes))
            assert listening(processes) <= before
        return most

    data = write_reviews(tmp_path / "toy.csv")
    with ThreadPoolExecutor() as beside:
        watching = beside.submit(watch)
        try:
            attack = ("attack", checkpoint, "--task", data, "--recipe", "deepwordbug", "--examples", 8, "--workers", 2)
            assert run(*attack, "--out", tmp_path / "out") == 0
        finally:
            over.set()
    assert watching.result() >= 3, "the workers were not seen"
    (path,) = (tmp_path / "out").glob("attacks/*/*/*.jsonl")
    with Ledger(path, AttackRecord) as ledger:
        assert len(ledger.records) == 8
