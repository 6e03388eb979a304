"""The adversarial texts that an attack found, read back from its file."""

from pathlib import Path

from attacks.catalogue import RECIPES
from robustbench_mt.errors import OtherTaskError
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord

__all__ = ["found_texts", "keeps_label"]


def keeps_label(recipe: str) -> bool:
    """Whether a recipe's texts keep their prediction, so that they are not adversarial."""
    return recipe in RECIPES and RECIPES[recipe].keeps_label


def found_texts(path: Path, fields: int, classes: int) -> list[AttackRecord]:
    """The records of status ``success`` of an attack's file, in their order.

    Args:
        path: the ``.jsonl`` file.
        fields, classes: how many the task has.

    Raises:
        UserError: a line is not a record of an attack, or its texts or its label are not of such a task.
    """
    found = [record for record in read_records(path, AttackRecord) if record.status == "success"]
    for record in found:
        where = f"{path}, example {record.index},"
        for what, texts in (("before", record.texts), ("after", record.perturbed_texts or [])):
            if len(texts) != fields:
                raise OtherTaskError(
                    f"{where} has {len(texts)} texts {what} the attack, and the task has {fields} text fields: "
                    "give the file of an attack on this task."
                )
        if not 0 <= record.label < classes:
            raise OtherTaskError(
                f"{where} has label {record.label}, and the task's {classes} classes are numbered from 0: give the "
                "file of an attack on this task."
            )
    return found
