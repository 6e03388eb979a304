"""Adversarial texts from the CSV log that TextAttack writes (its ``CSVLogger``, ``--log-to-csv``).

In such a log words that differ are marked, ``[[word]]``, unless it was written plain; line breaks are ``<SPLIT>``; and
two fields follow each other with their names, ``[[[[Premise]]]]: ...<SPLIT>[[[[Hypothesis]]]]: ...``.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from robustbench_mt.errors import BadDataFileError, NothingToDoError, OtherTaskError
from robustbench_mt.tasks.classes import LabelScheme
from robustbench_mt.tasks.examples import to_examples
from robustbench_mt.tasks.files import Table
from robustbench_mt.tasks.task import Examples

__all__ = ["is_textattack_log", "read_textattack_log"]

_TEXTS = ("original_text", "perturbed_text")
_RESULT = "result_type"
_LABEL = "ground_truth_output"

_BREAK = "<SPLIT>"
_MARK = re.compile(r"\[\[([^\s\[\]]+)\]\]")
_LETTERS = re.compile(r"[^\W_]+")
_OTHER_COLOURS = re.compile("<font color = |\x1b\\[")
# TextAttack marks nothing in what it takes for Chinese or Korean.
_UNMARKED_SCRIPTS = re.compile("[\u4e00-\u9fff\uac00-\ud7a3]")
_ANY_PAIR = re.compile(rf"\[*[^\s\[\]]+\]*: .*{_BREAK}\[*[^\s\[\]]+\]*: ", re.DOTALL)


def is_textattack_log(table: Table) -> bool:
    """Whether a table has the columns of TextAttack's log."""
    return all(map(table.has, _TEXTS))


def read_textattack_log(
    table: Table, names: Sequence[Sequence[str]], scheme: LabelScheme
) -> tuple[Examples, list[str]]:
    """The perturbed texts of successful attacks, without marks.

    Args:
        table: what stands in the log.
        names: what the task's fields may be called there.
        scheme: how labels are read; the log's are indices of classes.

    Returns:
        The examples, and a sentence where some are left out: a text may have double brackets of its own that cannot be
        told from marks.

    Raises:
        UserError: no attack succeeded, or the log is of other fields or labels, or in colours.
    """
    successes = _successes(table)
    logged = to_examples(successes, _TEXTS, _LABEL, scheme)
    _refuse_other_logs(successes, logged, len(names[0]))
    rows = [
        [_fields(text, names, successes.where(index)) for text in texts] for index, texts in enumerate(logged.texts)
    ]
    changes = [list(zip(before, after, strict=True)) for before, after in rows]
    is_plain = any(_shows_no_marks(before, after) for change in changes for before, after in change)
    clean = [[_unmarked(before, after, is_plain) for before, after in change] for change in changes]
    kept = [index for index, texts in enumerate(clean) if None not in texts]
    texts = [tuple((text or "").replace(_BREAK, "\n") for text in clean[index]) for index in kept]
    if len(kept) == len(clean):
        return Examples(texts, logged.labels), []
    first = min(set(range(len(clean))) - set(kept))
    doubt = (
        f"{len(clean) - len(kept)} of {len(clean)} texts have [[ or ]] of their own, which cannot be told from marks, "
        f"and are left out; the first is at {successes.unit} {successes.places[first]}."
    )
    if not kept:
        raise BadDataFileError(f"{table.path}: {doubt} Write the log with --csv-coloring-style plain.")
    return Examples(texts, [logged.labels[index] for index in kept]), [doubt]


def _successes(table: Table) -> Table:
    for column in (_RESULT, _LABEL):
        if not table.has(column):
            raise BadDataFileError(
                f"{table.path} is a log of TextAttack's without the column {column!r}: log the attack again."
            )
    (result,) = table.positions([_RESULT])
    kept = [index for index, row in enumerate(table.rows) if row[result] == "Successful"]
    if not kept:
        raise NothingToDoError(f"{table.path} has no row whose {_RESULT} is Successful: it holds no adversarial text.")
    return replace(table, rows=[table.rows[index] for index in kept], places=[table.places[index] for index in kept])


def _refuse_other_logs(table: Table, logged: Examples, fields: int) -> None:
    for index, texts in enumerate(logged.texts):
        if any(map(_OTHER_COLOURS.search, texts)):
            raise BadDataFileError(
                f"{table.where(index)}, has coloured words: log with --csv-coloring-style file or plain."
            )
    if fields == 1 and all(_ANY_PAIR.match(text) for texts in logged.texts for text in texts):
        raise OtherTaskError(
            f"{table.path} is a log of sentence pairs, and the task has one text field: give another --task."
        )


def _fields(text: str, names: Sequence[Sequence[str]], where: str) -> list[str]:
    """The fields of a logged text."""
    if len(names[0]) == 1:
        return [text]
    for pair in names:
        first, second = (rf"(?:\[{{4}}{name}\]{{4}}|{name}): " for name in map(re.escape, map(str.capitalize, pair)))
        opening = re.match(first, text)
        fields = re.split(_BREAK + second, text[opening.end() :]) if opening else []
        if len(fields) == 2:
            return fields
    expected = "{}: ...<SPLIT>{}: ...".format(*map(str.capitalize, names[0]))
    raise OtherTaskError(f"{where}: the text is not of the form {expected!r}: give the log of an attack on this task.")


def _shows_no_marks(before: str, after: str) -> bool:
    """Whether words differ where none is marked, so that the log was written plain."""
    together = before + after
    return (
        not _MARK.search(together)
        and not _UNMARKED_SCRIPTS.search(together)
        and _LETTERS.findall(before) != _LETTERS.findall(after)
    )


def _unmarked(before: str, after: str, is_plain: bool) -> str | None:
    """The text after the attack without marks; ``None`` where they cannot be told from brackets of its own."""
    words_before, words_after = _MARK.findall(before), _MARK.findall(after)
    if is_plain:
        return after if words_before == words_after else None
    if _MARK.sub("\0", before) == _MARK.sub("\0", after):
        # The words stand opposite each other. One that did not change is not marked: its brackets are the text's own.
        marked = iter([old != new for old, new in zip(words_before, words_after, strict=True)])
        return _MARK.sub(lambda match: match[1] if next(marked) else match[0], after)
    stripped = [_MARK.sub(r"\1", text) for text in (before, after)]
    own_brackets = any("[[" in text or "]]" in text for text in stripped)
    return None if own_brackets or set(words_before) & set(words_after) else stripped[1]
