"""Reading experiments: a YAML file, its parts and its scales.

A file names ``tasks``, ``methods`` and the other fields of :class:`robustbench_mt.experiment.Part`; or it has
``parts``, a name and such fields each, which share one run directory; what stands beside ``parts`` holds for all of
them. It may have ``scales``: names, with what a scale changes of the file. There is one rule for both: a mapping is
merged into the one that it stands for, entry by entry, and anything else takes its place. A scale is merged into the
file first, and then each part into what is for all parts: so a part's own word counts more than a scale's for all.

    seeds: [0, 1, 2]
    training: {base: minilm, epochs: 3}
    parts:
      glue: {tasks: [rte, cola], methods: [vanilla, match]}
      robustness: {tasks: [sst2], methods: [vanilla], attack: {recipes: [pwws]}}
    scales:
      smoke: {seeds: [0], parts: {glue: {tasks: [rte]}}}
      base: {training: {base: bert-base-uncased}}
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from robustbench_mt.errors import BadExperimentError, ConflictingOptionsError, NotUtf8Error, UserError
from robustbench_mt.experiment import ONLY_PART, Experiment, Part
from robustbench_mt.paths import AnyPath
from robustbench_mt.plain_yaml import parse_yaml
from robustbench_mt.registry import choose
from robustbench_mt.tasks.files.text import reading
from robustbench_mt.wording import shortened

__all__ = ["load_experiment", "packaged_experiment", "parse_experiment"]

_UNKNOWN = "unexpected_keyword_argument"


def packaged_experiment(name: str) -> Path:
    """The path of an experiment that comes with the package, e.g. ``quickstart``.

    Example:
        >>> packaged_experiment("quickstart").name
        'quickstart.yaml'
    """
    return Path(str(files("robustbench_mt") / "experiments" / f"{name}.yaml"))


def load_experiment(path: AnyPath, scale: str = "") -> Experiment:
    """Read an experiment.

    Args:
        path: of the YAML file.
        scale: which of the file's scales; the first by default.

    Raises:
        UserError: the file cannot be read, is not YAML, has no such scale, or an entry, also of a scale that is not
            asked for, is missing, unknown or of the wrong type.

    Example:
        >>> experiment = load_experiment(packaged_experiment("quickstart"))
        >>> [part.methods for part in experiment.parts.values()]
        [('vanilla', 'match')]
    """
    path, what = Path(path), f"The experiment {path}"
    with reading(path):
        raw = path.read_bytes()
    try:
        content = parse_yaml(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotUtf8Error(f"{what} is not UTF-8 ({error.reason}): save it as UTF-8.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date or number that is none, too deep a nesting
        raise BadExperimentError(f"{what} is not YAML: {shortened(error, 400)}") from None
    scales = _mapping(_mapping(content, what).get("scales", {}), f"{what}, at scales,")
    content = {name: value for name, value in content.items() if name != "scales"}
    if not scales:
        if scale:
            raise ConflictingOptionsError(f"{what} has no scales: leave --scale out.")
        return parse_experiment(content, what)
    scale = scale or next(iter(scales))
    choose(f"scale of {path}", scale, scales)
    read = {name: _scaled(content, name, scales[name], what) for name in scales}
    return read[scale]


def parse_experiment(content: Any, what: str) -> Experiment:
    """An experiment from plain values without scales, as files and run directories have them.

    Args:
        content: a mapping.
        what: they belong to, for messages: ``The experiment paper.yaml``.

    Raises:
        UserError: an entry is missing, unknown or of the wrong type.
    """
    common = _mapping(content, what)
    parts = common.pop("parts", None)
    name, scale = (common.pop(entry, default) for entry, default in (("name", None), ("scale", "")))
    if not (isinstance(name, str) and isinstance(scale, str)):
        raise BadExperimentError(f"{what} has no name: give it one.")
    if parts is None:
        return Experiment(name, {ONLY_PART: _part(common, what, "")}, scale)
    if not (parts := _mapping(parts, f"{what}, at parts,")):
        raise BadExperimentError(f"{what} has no parts: name one, or leave parts out.")
    if ONLY_PART in parts:
        raise BadExperimentError(f"{what} has a part whose name is empty: give it one.")
    bodies = {part: _merged(common, _mapping(body, f"{what}, at parts.{part},")) for part, body in parts.items()}
    return Experiment(name, {part: _part(body, what, f"parts.{part}.") for part, body in bodies.items()}, scale)


def _scaled(content: Mapping[str, Any], name: str, changes: Any, what: str) -> Experiment:
    """The experiment of a scale."""
    changes = _mapping(changes, f"{what}, at scales.{name},")
    parts = _mapping(content.get("parts", {}), f"{what}, at parts,")
    for part in _mapping(changes.get("parts", {}), f"{what}, at scales.{name}.parts,"):
        choose(f"part of {what.removeprefix('The experiment ')}, at scales.{name},", part, parts)
    return parse_experiment({**_merged(content, changes), "scale": name}, f"{what}, scale {name}")


def _part(body: dict[str, Any], what: str, where: str) -> Part:
    try:
        part = TypeAdapter(Part).validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        message = _known(first["loc"]) if first["type"] == _UNKNOWN else f"{first['msg']}."
        raise BadExperimentError(f"{what}, at {where}{'.'.join(map(str, first['loc']))}: {message}") from None
    except UserError as error:
        raise BadExperimentError(f"{what}{f', at {where[:-1]}' if where else ''}: {error}") from None
    for name in ("tasks", "methods", "seeds"):
        if not getattr(part, name):
            raise BadExperimentError(
                f"{what}{f', at {where[:-1]},' if where else ''} names no {name}: give at least one."
            )
    if part.attack and not (part.checkpoints and part.keep_checkpoints):
        raise BadExperimentError(
            f"{what} attacks checkpoints that it does not keep: leave checkpoints and keep_checkpoints out."
        )
    return part


def _known(where: Sequence[str | int]) -> str:
    """What a wrong name should have been."""
    kind: Any = Part
    for name in where[:-1]:
        hint = get_type_hints(kind)[str(name)]
        kind = next(option for option in (hint, *get_args(hint)) if is_dataclass(option))
    try:
        choose("entry", str(where[-1]), {entry.name: entry for entry in fields(kind)})
    except UserError as error:
        return str(error)
    raise AssertionError(where)


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """``one`` with ``other`` merged into it, entry by entry where both have a mapping."""
    merged = {**one, **other}
    for name in one.keys() & other.keys():
        if isinstance(one[name], Mapping) and isinstance(other[name], Mapping):
            merged[name] = _merged(one[name], other[name])
    return merged


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadExperimentError(f"{what} is not a mapping: it needs names with values.")
    if wrong := [name for name in value if not isinstance(name, str)]:
        raise BadExperimentError(f"{what} has the name {wrong[0]!r}, which is not a text: put it in quotes.")
    return dict(value)
