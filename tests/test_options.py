"""One dataclass is the source of a command's options, of every command that has them; none is spelled again."""

import inspect
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import pytest

from robustbench_mt.cli import app
from robustbench_mt.commands.parameters import FLAT, SINGULAR
from robustbench_mt.curve_options import ImbalanceOptions, NoiseOptions

MODULES = [import_module(f"robustbench_mt.commands.{name}") for name in ("attacks", "checkpoints", "overview", "runs")]
COMMANDS = {name: getattr(module, name) for module in MODULES for name in module.__all__}
CLASSES = {thing for module in MODULES for thing in vars(module).values() if inspect.isclass(thing)}
FIELDS = {field.name for each in CLASSES if is_dataclass(each) for field in fields(each)}
# An attack's draws examples; a training's is of its own, and a curve has several.
ANOTHER_IN_EACH = {"seed"}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_is_spelled_twice(command: str) -> None:
    parameters = inspect.signature(COMMANDS[command]).parameters.values()
    own = {each.name for each in parameters if not {FLAT, SINGULAR} & set(getattr(each.annotation, "__metadata__", ()))}
    twice = {name for name in own if name in FIELDS or f"{name}s" in FIELDS}
    assert twice <= ANOTHER_IN_EACH


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (["imbalance", "--ratio", "2", "--ratio", "5"], ImbalanceOptions(ratios=(2.0, 5.0))),
        (
            ["imbalance", "--protocol", "kept-share", "--share", "0.5", "--minority", "bad", "--control"],
            ImbalanceOptions(protocol="kept-share", shares=(0.5,), minority="bad", control=True),
        ),
        (["label-noise", "--share", "0", "--share", "0.1"], NoiseOptions(shares=(0.0, 0.1))),
    ],
)
def test_what_a_curve_goes_along_is_given_one_at_a_time(given: list[str], options: Any) -> None:
    _, bound, _ = app.parse_args([*given, "--task", "t", "--method", "vanilla", "--seed", "0", "--out", "o"])
    assert options in bound.arguments.values()
