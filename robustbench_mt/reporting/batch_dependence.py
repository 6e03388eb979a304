"""How much predictions depend on batch-mates, on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.statistics import wilson
from robustbench_mt.visible import visible

__all__ = ["print_batch_dependence"]


def print_batch_dependence(record: BatchDependenceRecord) -> None:
    """What changes when the same examples are matched in other batches."""
    shuffles = len(record.accuracies)
    mean = sum(record.accuracies) / shuffles
    rows = {
        "accuracy, each example alone": f"{record.accuracy_alone:.3f}",
        "accuracy, mean over shuffles": f"{mean:.3f} ({min(record.accuracies):.3f} to {max(record.accuracies):.3f})",
        "class changes between shuffles": wilson(record.changed, record.n).show(),
        "class is not the one alone, mean": f"{record.differing * 100:.1f}%",
        "true class's probability, mean standard deviation": f"{record.deviation:.4f}",
    }
    where = f"{record.task} ({record.split}, n={record.n})"
    title = f"Dependence on batch-mates: {record.checkpoint} on {where}, {shuffles} shuffles"
    table = Table("measure", "value", title=Text(visible(title)), title_justify="left")
    for name, value in rows.items():
        # Not to be read as rich's markup: an interval stands in brackets.
        table.add_row(name, Text(value))
    Console(highlight=False).print(table)
