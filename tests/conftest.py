"""What the tests share: a tiny encoder made on the spot, and a task that it can learn."""

import gc
import importlib.util
import itertools
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from robustbench_mt.threads import available_cores

# No test may reach for the network, whatever the machine has.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# As on the command line: transformers would import TensorFlow, which logs to where tests look for our messages.
os.environ.setdefault("USE_TF", "0")
# Commands that tests start would each use every core: their threads would wait for each other's.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // int(workers))))

from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

pytest_plugins = [
    "browsing",
    "command_line",
    "encoder_copies",
    "interrupts",
    "matplotlib_figures",
    "ray_machines",
    "reported_run",
    "sklearn_victims",
    "small_experiments",
    "subword_victims",
    "vector_samples",
]

# Files that take 20 s or more.
LONGEST = {
    *("test_paper", "test_notebooks", "test_quickstart", "test_kill", "test_ray_runs", "test_accelerate"),
    *("test_methods", "test_all_recipes", "test_security", "test_report_browser", "test_report_size", "test_workers"),
}
FROZEN = pytest.StashKey[int]()
"""How many modules the garbage collector leaves alone."""

LABEL_NAMES = ("negative", "positive")
SUBJECTS = ["film", "story", "plot", "cast", "music", "ending", "dialogue", "scene"]
ADVERBS = ["really", "simply", "often", "quite", "truly"]
GOOD = ["wonderful", "brilliant", "charming", "delightful", "superb"]
BAD = ["terrible", "boring", "dreadful", "clumsy", "awful"]


def reviews() -> list[tuple[tuple[str, ...], int]]:
    """400 sentences whose label hangs on one word, in a fixed mixed order."""
    pairs = [
        ((f"the {subject} was {adverb} {word} .",), label)
        for label, words in ((1, GOOD), (0, BAD))
        for subject, adverb, word in itertools.product(SUBJECTS, ADVERBS, words)
    ]
    # 37 and 400 have no common divisor, so this visits each once.
    return [pairs[i * 37 % len(pairs)] for i in range(len(pairs))]


def write_reviews(path: Path, label_names: Sequence[str] = LABEL_NAMES, columns: str = "text,label") -> Path:
    """The reviews as a user's own CSV file."""
    lines = [f'"{text[0]}",{label_names[label]}' for text, label in reviews()]
    path.write_text("\n".join([columns, *lines]), encoding="utf-8")
    return path


def make_task(name: str = "toy", fields: tuple[str, ...] = ("text",), **changes: object) -> Task:
    """The reviews as a task; with two fields the second repeats the subject's sentence as a claim."""
    rows = reviews()
    if len(fields) == 2:
        rows = [((text[0], f"it was {text[0].split()[4]} ."), label) for text, label in rows]
    parts = {"train": rows[:240], "validation": rows[240:300], "test": rows[300:]}
    splits = {
        split: Examples([text for text, _ in part], [label for _, label in part]) for split, part in parts.items()
    }
    settings: dict[str, object] = {"label_names": LABEL_NAMES, **changes}
    return Task(name, fields, splits=splits, **settings)  # type: ignore[arg-type]


def outcome(record: AttackRecord) -> AttackRecord:
    """All of a record but how long it took: none of it depends on what was scored beside it."""
    return replace(record, seconds=0.0)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Each training collects garbage, which would go through all that was imported each time."""
    if len(sys.modules) > item.config.stash.get(FROZEN, 0) + 50:
        item.config.stash[FROZEN] = len(sys.modules)
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: of several workers, none is left with one while the others have nothing to do."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads on a tiny model wait for each other more than they work."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def task() -> Task:
    return make_task()


@pytest.fixture(scope="session")
def pair_task() -> Task:
    return make_task("toy-pairs", ("premise", "hypothesis"), protected_fields=("premise",))


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word-piece tokenizer over the toy words and single letters, so that a misspelt word has pieces."""
    from transformers import BertTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["the", "was", "it", ".", *SUBJECTS, *ADVERBS, *GOOD, *BAD]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *(f"##{letter}" for letter in letters)]
    path = tmp_path_factory.mktemp("tokenizer")
    (path / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    BertTokenizerFast(str(path / "vocab.txt"), model_max_length=64).save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Path:
    """A BERT of two layers with random weights, as a directory."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        # Wider than usual, so that an untrained encoder tells texts apart as a pretrained one does.
        initializer_range=0.2,
    )
    path = tmp_path_factory.mktemp("tiny-base")
    BertModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def settings(tiny_base: Path) -> TrainingSettings:
    """Enough for the tiny encoder to learn the toy task, in about two seconds."""
    return TrainingSettings(base=str(tiny_base), epochs=6, learning_rate=5e-3, batch_size=8)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, task: Task, settings: TrainingSettings) -> Path:
    """A vanilla checkpoint that classifies the toy task well."""
    path = tmp_path_factory.mktemp("checkpoints") / "toy-vanilla-seed0"
    fine_tune(task, parse_method("vanilla"), settings).save(path)
    return path


@pytest.fixture(scope="session")
def killing() -> ModuleType:
    """The script that kills at many more moments."""
    path = Path(__file__).parents[1] / "benchmarks" / "kill_and_resume.py"
    spec = importlib.util.spec_from_file_location("kill_and_resume", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
