"""YAML as plain values: it builds no objects, says nothing twice, and is not larger than it looks."""

from typing import Any

import yaml

__all__ = ["parse_yaml"]

# Aliases let a short text stand for more values than fit into memory; the largest of our experiments has some hundreds.
_MOST_VALUES = 100_000

_MERGE = "tag:yaml.org,2002:merge"


def parse_yaml(text: str) -> Any:
    """The value that a text stands for.

    Raises:
        ValueError, yaml.YAMLError, RecursionError: it is not YAML, stands for too much, or has a name twice in one
            mapping, of which PyYAML would drop one without a word.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _count(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for, where each alias counts as all that it stands for."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    number = known.get(id(node))
    if number is None:
        # Found again below itself, it would never end.
        known[id(node)] = _MOST_VALUES
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            _refuse_twice(node)
            parts = [part for pair in node.value for part in pair]
        number = known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    if number > _MOST_VALUES:
        line = node.start_mark.line + 1
        raise ValueError(f"what begins in line {line} stands for over {_MOST_VALUES} values: write it without aliases")
    return number


def _refuse_twice(node: yaml.MappingNode) -> None:
    seen = set()
    for name, _ in node.value:
        if isinstance(name, yaml.ScalarNode) and name.tag != _MERGE:
            if (name.tag, name.value) in seen:
                raise ValueError(f"line {name.start_mark.line + 1} names {name.value[:40]!r} a second time: keep one")
            seen.add((name.tag, name.value))
