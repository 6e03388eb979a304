"""Ways of fine-tuning: one file each, one line here."""

from robustbench_mt.methods.match import Match
from robustbench_mt.methods.method import Method
from robustbench_mt.methods.vanilla import Vanilla

__all__ = ["METHODS", "Method"]

METHODS: dict[str, type[Method]] = {
    "vanilla": Vanilla,
    "match": Match,
}
