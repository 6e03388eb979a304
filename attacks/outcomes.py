"""From TextAttack's result of an attack to our record of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from robustbench_mt.records import NOT_ATTACKED, AttackRecord, Status

__all__ = ["open_words", "rounded", "with_outcome"]

_STATUS: dict[str, Status] = {
    "SuccessfulAttackResult": "success",
    # Input reduction maximizes: it ends when no further word can go without the label going with it.
    "MaximizedAttackResult": "success",
    "FailedAttackResult": "failed",
    "SkippedAttackResult": "skipped",
}

_GOAL_REACHED = "the recipe's goal is reached"


def with_outcome(record: AttackRecord, result: Any, protected_fields: Sequence[str]) -> AttackRecord:
    """The record of an attacked example, completed from TextAttack's ``AttackResult``.

    Args:
        record: index, seed, label and texts.
        result: what ``Attack.attack`` returned.
        protected_fields: whose words do not count.
    """
    before, after = result.original_result, result.perturbed_result
    status = _STATUS[type(result).__name__]
    common = replace(
        record,
        status=status,
        scores=rounded(before.raw_output),
        queries=result.num_queries,
        words=open_words(before.attacked_text, protected_fields),
    )
    if status == "skipped":
        if _label(before) != record.label:
            return replace(common, message="misclassified before the attack")
        return replace(common, message=f"{NOT_ATTACKED}: {_GOAL_REACHED}")
    message = ""
    if after.attacked_text.text == before.attacked_text.text:
        status = "failed"
    elif type(result).__name__ == "SuccessfulAttackResult" and _label(after) == record.label:
        # Kuleshov's goal is a probability of the true label below 0.7.
        status, message = "failed", f"{_GOAL_REACHED}, with the same label"
    # By edit distance over words, so that an inserted word does not count as a change of all that follow.
    words_changed = int(before.attacked_text.words_diff_num(after.attacked_text))
    return replace(
        common,
        status=status,
        message=message,
        perturbed_texts=list(after.attacked_text._text_input.values()),
        perturbed_scores=rounded(after.raw_output),
        words_changed=words_changed,
    )


def _label(goal_result: Any) -> int:
    return int(goal_result.raw_output.argmax())


def rounded(probabilities: Iterable[Any]) -> list[float]:
    """The classes' probabilities as records have them."""
    return [round(float(probability), 7) for probability in probabilities]


def open_words(text: Any, protected_fields: Sequence[str]) -> int:
    """How many words of an ``AttackedText`` stand in fields that may change."""
    return sum(
        len(words)
        for field, words in zip(text.column_labels, text.words_per_input, strict=True)
        if field not in protected_fields
    )
