"""The parsers of a user's bytes, and what is thrown at each: see :mod:`hostile_input`."""

import gzip
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hostile_checkpoints import configurations, score_a_text, tiny_checkpoint
from hostile_input import Parser, any_of, dumped, lines_of, mutated, one, wrong
from hypothesis import strategies as st
from run_directory import attack_run, evaluation, imbalance_point, label_noise_point, outcomes, training, transfer
from vector_samples import VECTORS, WORDS, text_of

from attacks.static_sets import load_static_set
from attacks.vector_cache import cached_folder, open_folder
from robustbench_mt.checkpoints import read_training
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_file import load_experiment, packaged_experiment
from robustbench_mt.ledger import Ledger, claim, read_record, read_records
from robustbench_mt.records import AttackRecord, AttackRun, MatchingSnapshot, MatchingTrace, Record, to_json
from robustbench_mt.reporting.runs import read_runs
from robustbench_mt.resources.nltk_data import STOP_WORDS
from robustbench_mt.tasks import TaskOptions, load_task

__all__ = ["PARSERS"]


_ROWS = [
    {"text": f'the "film", {word}', "label": "ab"[place % 2]} for place, word in enumerate(["one", "two", "three"] * 6)
]
_ROWS = [{**row, "text": f"{row['text']} {place}"} for place, row in enumerate(_ROWS)]
_PAIRS = [{"premise": row["text"], "hypothesis": "so", "label": place / 4} for place, row in enumerate(_ROWS)]


def _csv(rows: Sequence[Mapping[str, Any]], separator: str = ",", quoted: bool = True) -> bytes:
    def cell(value: Any) -> str:
        return '"{}"'.format(str(value).replace('"', '""')) if quoted else str(value)

    lines = [separator.join(rows[0]), *(separator.join(map(cell, row.values())) for row in rows)]
    return "".join(line + "\n" for line in lines).encode()


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


def _read_task(path: Path) -> None:
    task = load_task(str(path))
    for examples in task.splits.values():
        for text in examples.texts:
            "".join(text).encode("utf-8")  # what tokenizers ask for


def _data(suffix: str, *contents: st.SearchStrategy[bytes]) -> Parser:
    return Parser(one(f"data.{suffix}", *contents), lambda directory: _read_task(directory / f"data.{suffix}"))


_JSON_LINES = [b"".join(dumped(row) + b"\n" for row in rows) for rows in (_ROWS, _PAIRS)]
_SPLIT_FILES = {"train.csv": _csv(_ROWS), "dev.tsv": _csv(_ROWS, "\t", quoted=False), "test.jsonl": _JSON_LINES[0]}
_GLUE = {
    "SST-2/train.tsv": b"sentence\tlabel\n" + b"".join(b"film %d\t%d\n" % (i, i % 2) for i in range(12)),
    "SST-2/dev.tsv": b"sentence\tlabel\na film\t1\nan old film\t0\n",
    "MRPC/train.tsv": b"\xef\xbb\xbfQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    + b"".join(b'%d\t1\t2\tfilm "%d\ta film\n' % (i % 2, i) for i in range(12)),
    "MRPC/dev.tsv": b"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t1\t2\ta\tb\n0\t1\t2\tc\td\n",
    "MRPC/test.tsv": b"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t1\t2\ta\tb\n0\t1\t2\tc\td\n",
}


def _read_glue(directory: Path) -> None:
    for task in ("sst2", "mrpc"):
        load_task(task, TaskOptions(data_dir=directory))


# Records

_MADE = [training("match", 0, matching=None), training("vanilla", 0)]
_ATTACK = "attacks/reviews-match-seed0/reviews/deepwordbug"
_RECORDS: dict[str, list[Record]] = {
    "train.jsonl": [
        replace(_MADE[0], matching=MatchingTrace([[1, 0.8, 0.1, 0.1]], [MatchingSnapshot(1, [0], [[1.0]])]))
    ],
    "evaluate.jsonl": [evaluation(record) for record in _MADE],
    f"{_ATTACK}.jsonl": list(outcomes("deepwordbug", 3, 0.5, length=6)),
    f"{_ATTACK}.settings.json": [attack_run("reviews-match-seed0", "deepwordbug")],
    "transfer.jsonl": [transfer(*_MADE, "deepwordbug")],
    "imbalance.jsonl": [imbalance_point("match", ratio, 0) for ratio in (1.0, 5.0)],
    "label_noise.jsonl": [label_noise_point("match", 0.1, 0)],
}
_JSON = {name: [to_json(record) for record in records] for name, records in _RECORDS.items()}
_LINES = {name: b"".join(dumped(value) + b"\n" for value in values) for name, values in _JSON.items()}
_ATTACKED, _RUN = f"{_ATTACK}.jsonl", f"{_ATTACK}.settings.json"


def _read_kinds(directory: Path) -> None:
    """The file as each of the kinds that its lines may be of."""
    refused = []
    for kind in dict.fromkeys(type(records[0]) for records in _RECORDS.values()):
        try:
            list(read_records(directory / "records.jsonl", kind))
        except UserError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def _append(directory: Path) -> None:
    """Refused, a file is as it was; else it has its whole lines and the new one."""
    path, record = directory / "records.jsonl", _RECORDS[_ATTACKED][0]
    before = path.read_bytes()
    try:
        with Ledger(path, AttackRecord) as ledger:
            ledger.append(record)  # type: ignore[arg-type]
    except UserError:
        assert path.read_bytes() == before, "a file that is refused is changed"
        raise
    whole = before[: before.rfind(b"\n") + 1]
    assert path.read_bytes() == whole + dumped(to_json(record)) + b"\n"
    assert list(read_records(path, AttackRecord)) == ledger.records


# Word vectors

_VECTOR_TEXTS = [
    text_of(WORDS, VECTORS),
    text_of(WORDS, VECTORS, before="6 3\n"),
    text_of(WORDS, VECTORS, gap="\t", end="\r\n"),
    gzip.compress(text_of(WORDS, VECTORS), mtime=0),
]


def _array(vectors: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, vectors)
    return stream.getvalue()


_ARRAYS = [_array(VECTORS), _array(VECTORS.astype(">f8")), _array(np.array([{}, []], object)), _array(np.arange(6))]
_WORD_LIST = "".join(f"{word}\n" for word in WORDS).encode()


def _index(path: Path) -> None:
    """Into a cache beside the file, where it is whole or leaves nothing."""
    cache = path.parent / "cache"
    os.environ["ROBUSTBENCH_MT_CACHE"] = str(cache)
    try:
        folder = cached_folder(path)
    except UserError:
        left = [file.name for file in cache.rglob("*") if not file.name.endswith(".lock")]
        assert left in ([], ["word_vectors"]), left
        raise
    opened = open_folder(folder)
    assert len(set(opened.words)) == len(opened.words) == len(opened.vectors) == len(opened.neighbours)


# Static sets, experiments, archives

_ADVGLUE = {"sst2": [{"sentence": "a film", "label": 1, "idx": 0}, {"sentence": "a flim", "label": 0}], "rte": []}
_LOG = _csv(
    [
        {
            "original_text": f"a [[bad]] film<SPLIT>{place}",
            "perturbed_text": f"a [[bda]] film<SPLIT>{place}",
            "ground_truth_output": 1.0,
            "result_type": kind,
        }
        for place, kind in enumerate(("Successful", "Failed", "Successful"))
    ]
)
_TABLE = b"sentence,label\na film,1\na flim,negative\n"
# A run of a user's own task, so that its name says nothing.
_OF_REVIEWS = {**_JSON[_RUN][0], "fields": ["sentence"], "label_names": ["negative", "positive"]}

_SMOKE = packaged_experiment("quickstart-smoke").read_bytes()
_EXPERIMENT = {
    "name": "x",
    "tasks": ["rte"],
    "methods": ["match:self_mass=0.5"],
    "seeds": [0],
    "training": {"epochs": 1, "base": "minilm"},
    "vary": {"batch_size": [8, 16]},
    "attack": {"recipes": [["pwws", "pruthi"]], "examples": 3},
    "imbalance": {"ratios": [1, 4], "minority": "x"},
    "scales": {"s": {"seeds": [1]}},
}
_PARTS = (
    b"name: x\nseeds: [0]\nparts:\n  a: {tasks: [rte], methods: [vanilla, 'match:self_mass=0.5']}\n"
    b"  b: {tasks: [a.csv], methods: [r3f], vary: {batch_size: [8, 16]}, training: {epochs: 1.5}}\n"
    b"scales:\n  small: {seeds: [1], parts: {a: {tasks: [sst2]}}}\n"
)


def _bomb(first: bytes, level: bytes) -> bytes:
    """Each line is four times the one before: 4^24 values, were the aliases written out."""
    lines = [b"%c: &%c " % (i, i) + level % ((i - 1,) * 4) for i in range(ord("b"), ord("z"))]
    return b"\n".join([b"name: x", b"methods: [vanilla]", b"a: &a " + first, *lines, b""])


_LISTS = _bomb(b"[x, x]", b"[*%c, *%c, *%c, *%c]")
_BOMBS = [
    _LISTS + b"tasks: *y\n",
    _LISTS.replace(b"\n", b"\n  ").join((b"tasks: [rte]\nvary:\n  ", b"x: *y\n")),
    _bomb(b"{x: 1}", b"{<<: [*%c, *%c, *%c, *%c]}") + b"tasks: [rte]\n",
]


def _read_static(directory: Path) -> None:
    load_static_set(directory / "static.any", "sst2", TaskOptions())


def _zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("stopwords/english", "the\n")
    return stream.getvalue()


_CLAIMED = {"seed": 1, "method": {"layer": 1}}
_ALL_JSON = [value for values in _JSON.values() for value in values]

PARSERS: dict[str, Parser] = {
    "CSV": _data("csv", mutated([_csv(_ROWS), _csv(_ROWS, quoted=False), _csv(_PAIRS)])),
    "TSV": _data("tsv", mutated([_csv(_ROWS, "\t"), _csv(_ROWS, "\t", quoted=False), _csv(_PAIRS, "\t")])),
    "JSON lines": _data("jsonl", mutated(_JSON_LINES), lines_of(_ROWS[:4])),
    "JSON array": _data("json", mutated([dumped(_ROWS)]), wrong(_ROWS[:4]).map(dumped)),
    "Parquet": _data("parquet", mutated([_parquet(_ROWS), _parquet(_PAIRS)])),
    "directory of data": Parser(any_of(_SPLIT_FILES), _read_task),
    "GLUE": Parser(any_of(_GLUE), _read_glue),
    "experiment": Parser(
        one("x.yaml", mutated([_SMOKE, _PARTS, *_BOMBS]), wrong(_EXPERIMENT).map(dumped)),
        lambda directory: load_experiment(directory / "x.yaml"),
        share=0.5,
    ),
    "records": Parser(one("records.jsonl", mutated(list(_LINES.values())), lines_of(_ALL_JSON)), _read_kinds),
    "records to append to": Parser(
        one("records.jsonl", mutated([_LINES[_ATTACKED], _LINES["train.jsonl"]]), lines_of(_JSON[_ATTACKED])),
        _append,
        settles=r"^records\.jsonl$",
    ),
    "training.json": Parser(
        one("training.json", mutated([_LINES["train.jsonl"]]), wrong(_JSON["train.jsonl"][0]).map(dumped)),
        read_training,
    ),
    "settings of an attack": Parser(
        one("a.settings.json", mutated([_LINES[_RUN]]), wrong(_JSON[_RUN][0]).map(dumped)),
        lambda directory: read_record(directory / "a.settings.json", AttackRun),
    ),
    "claimed settings": Parser(
        one("claimed.json", mutated([dumped(_CLAIMED)]), wrong(_CLAIMED).map(dumped)),
        lambda directory: claim(directory / "claimed.json", _CLAIMED, str(directory)),
    ),
    "run directory": Parser(
        any_of({**_LINES, "experiment.json": b'{"tuned_on": "nothing"}'}),
        lambda directory: read_runs([directory]),
        share=0.5,
    ),
    "word vectors as text": Parser(
        one("vectors.txt", mutated(_VECTOR_TEXTS)),
        lambda directory: _index(directory / "vectors.txt"),
        settles="^cache/",
    ),
    "word vectors as array": Parser(
        any_of({"vectors.npy": _ARRAYS[0], "vectors.txt": _WORD_LIST})
        | one("vectors.npy", mutated(_ARRAYS), **{"vectors.txt": _WORD_LIST}),
        lambda directory: _index(directory / "vectors.npy"),
        settles="^cache/",
    ),
    "static set": Parser(
        one("static.any", mutated([dumped(_ADVGLUE), _LOG, _TABLE, *_JSON_LINES]), wrong(_ADVGLUE).map(dumped)),
        _read_static,
    ),
    "static set of records": Parser(
        any_of({"static.any": _LINES[_ATTACKED], "static.settings.json": dumped(_OF_REVIEWS)}), _read_static
    ),
    "checkpoint": Parser(st.deferred(lambda: any_of(tiny_checkpoint())), score_a_text, share=0.1),
    "configuration of a checkpoint": Parser(st.deferred(configurations), score_a_text, share=0.1),
    "NLTK archive": Parser(one("corpora/stopwords.zip", mutated([_zipped()])), STOP_WORDS.held_in, share=0.5),
}
"""By what a user calls the files."""
