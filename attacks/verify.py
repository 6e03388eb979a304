"""Verifying a run's attacks: every recorded text scored again, and the recipe's promises checked on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.promises import broken_promises, unchecked_promises
from attacks.recipes import RECIPES, Recipe, build, describe, resources_used
from attacks.settings import RecipeOptions, VictimOptions
from attacks.textattack_import import import_textattack, no_downloads, quiet
from attacks.victim import Victim, load_victim
from robustbench_mt.attack_runs import some_attack_runs
from robustbench_mt.errors import OtherVictimError, UserError
from robustbench_mt.inside import run_checkpoint
from robustbench_mt.ledger import read_records
from robustbench_mt.paths import is_directory
from robustbench_mt.records import NOT_ATTACKED, AttackRecord, AttackRun
from robustbench_mt.registry import choose
from robustbench_mt.tasks.task import Task
from robustbench_mt.visible import visible

__all__ = ["TOLERANCE", "Finding", "Verified", "report_lines", "verify"]

Scores = NDArray[np.float32]

TOLERANCE = 1e-4
"""By how much a probability may differ: a text's batch and the packing of layers move logits by about 4e-6."""


@dataclass(frozen=True)
class Finding:
    """What does not hold.

    Attributes:
        index: the example's; ``None`` where it concerns the whole file.
        what: what was checked.
        recorded: what the record says; for a recipe's promise, the text before the attack.
        found: what is so; for a recipe's promise, the text after.
    """

    index: int | None
    what: str
    recorded: str
    found: str


@dataclass(frozen=True)
class Verified:
    """One file of attack records.

    Attributes:
        path: the file.
        checked: records checked: all but those of status ``error``, which claim nothing.
        findings: what does not hold.
        unchecked: the recipe's constraints that were not checked, or why none was; empty where all were.
    """

    path: Path
    checked: int
    findings: list[Finding]
    unchecked: str


def verify(
    directory: Path,
    victim: str | None = None,
    options: VictimOptions | None = None,
    *,
    recipe_options: RecipeOptions | None = None,
    allow_network: bool = False,
) -> Iterator[Verified]:
    """Verify all attacks below a run's directory, file by file.

    Labels, scores, changed words and protected fields are checked for every recipe, its own constraints where it can be
    built as it was (see :func:`attacks.promises.broken_promises`).

    Args:
        directory: the run's.
        victim: what to score with where ``DIR/checkpoints`` has no checkpoint of the recorded name; what
            :func:`attacks.victim.load_victim` takes.
        options, allow_network: of loading the victim.
        recipe_options: what the recipes were built with.

    Raises:
        UserError: there are no attacks, a record cannot be read, or a victim is not there or cannot be loaded.
    """
    runs = some_attack_runs(directory)
    specs = [_victim_spec(directory, run, victim) for _, run in runs]
    loaded: tuple[Any, Victim] | None = None
    for (path, run), spec in zip(runs, specs, strict=True):
        key = (spec, run.label_names, run.fields)
        if loaded is None or loaded[0] != key:
            task = Task(run.task, tuple(run.fields), tuple(run.label_names), {})
            loaded = key, load_victim(spec, task, options, allow_network=allow_network)
        yield _verify_file(path, run, loaded[1], recipe_options)


def report_lines(verified: Verified) -> list[str]:
    """What was checked and found in a file: one line for the file, and one for each finding."""
    path = verified.path
    unchecked = f"; not checked: {verified.unchecked}" if verified.unchecked else ""
    lines = [f"{path}: {verified.checked} checked, {len(verified.findings)} findings{unchecked}"]
    for finding in verified.findings:
        where = "" if finding.index is None else f", example {finding.index}"
        lines.append(f"{path}{where}: {finding.what}: recorded {finding.recorded!r}, found {finding.found!r}")
    # A text may hold anything; what it holds must not end a line or reach the terminal.
    return [visible(line) for line in lines]


def _victim_spec(directory: Path, run: AttackRun, given: str | None) -> str:
    name = run.checkpoint
    # The name comes from a file, so it must not lead out of the directory.
    if name not in ("", ".", "..") and not set(name) & set("/\\\0"):
        path = run_checkpoint(directory, name)
        if is_directory(path):
            return str(path)
    if given is None:
        raise OtherVictimError(
            f"{directory} does not have the checkpoint {name!r} that was attacked: add --victim with its directory, "
            "hub id, sklearn:FILE or python:MODULE:FUNCTION."
        )
    return given


def _verify_file(path: Path, run: AttackRun, victim: Victim, options: RecipeOptions | None) -> Verified:
    recipe = choose("recipe", run.recipe, RECIPES)
    records = [record for record in read_records(path, AttackRecord) if record.status != "error"]
    findings: list[Finding] = []
    whole: list[AttackRecord] = []
    for record in records:
        problem = _not_whole(record, run)
        if problem:
            findings.append(Finding(record.index, "record", record.status, problem))
        else:
            whole.append(record)
    if victim.fingerprint == run.victim:
        before = victim.probabilities([tuple(record.texts) for record in whole])
        attacked = [record for record in whole if record.perturbed_texts]
        scored = victim.probabilities([tuple(record.perturbed_texts or ()) for record in attacked])
        after = {id(record): row for record, row in zip(attacked, scored, strict=True)}
        for record, row in zip(whole, before, strict=True):
            findings += _score_findings(record, recipe, row, after.get(id(record)))
    else:
        findings.append(Finding(None, "victim (texts were not scored)", run.victim, victim.fingerprint))
    import_textattack()
    attack, unchecked = _rebuild(recipe, run, victim, options)
    with quiet(), no_downloads():
        for record in whole:
            findings += _text_findings(record, run, attack)
    # Stable: what concerns one example stays in the order of the checks.
    findings.sort(key=lambda finding: -1 if finding.index is None else finding.index)
    return Verified(path, len(records), findings, unchecked)


def _not_whole(record: AttackRecord, run: AttackRun) -> str:
    """What a record lacks to be checked."""
    classes, fields = len(run.label_names), len(run.fields)
    if not 0 <= record.label < classes:
        return f"label {record.label} of {classes} classes"
    if len(record.texts) != fields or len(record.scores or ()) != classes:
        return f"{len(record.texts)} texts and {len(record.scores or ())} scores before the attack"
    if record.status == "skipped":
        return "" if record.perturbed_texts is None else "a text after an attack that did not take place"
    if len(record.perturbed_texts or ()) != fields or len(record.perturbed_scores or ()) != classes:
        return f"{len(record.perturbed_texts or ())} texts and {len(record.perturbed_scores or ())} scores after it"
    return ""


def _score_findings(record: AttackRecord, recipe: Recipe, before: Scores, after: Scores | None) -> Iterator[Finding]:
    for what, recorded, found in (
        ("scores", record.scores, before),
        ("perturbed_scores", record.perturbed_scores, after),
    ):
        # Negated, so that a recorded NaN is found too.
        if recorded is not None and found is not None and not np.abs(found - recorded).max() <= TOLERANCE:
            yield Finding(record.index, what, _shown(recorded), _shown(found))
    decisive = before if after is None else after
    if record.status == "skipped" and record.message.startswith(NOT_ATTACKED):
        return
    flipped = record.status == "skipped" or (record.status == "success" and not recipe.keeps_label)
    margin = _margin(decisive, record.label)
    # Both probabilities of a margin may be off by the tolerance.
    if (margin if flipped else -margin) >= 2 * TOLERANCE:
        yield Finding(record.index, "label", record.status, f"label {record.label}, scores {_shown(decisive)}")


def _margin(scores: Scores, label: int) -> float:
    """How far the true label is ahead; negative when another one is."""
    return float(scores[label] - np.delete(scores, label).max(initial=0))


def _shown(scores: Sequence[float] | Scores) -> str:
    return ", ".join(f"{score:.7f}" for score in scores)


def _rebuild(recipe: Recipe, run: AttackRun, victim: Victim, options: RecipeOptions | None) -> tuple[Any, str]:
    """The ``textattack.Attack`` that made the records, or ``None``, and what of its constraints cannot be checked."""
    try:
        attack = build(recipe, victim, run.protected_fields, run.fields, options)
    except UserError as error:
        return None, f"the recipe's constraints ({error})"
    here = resources_used(recipe, options)
    if here != run.resources:
        return None, f"the recipe's constraints (the attack used {run.resources}, and here are {here})"
    if describe(attack) != run.build:
        return None, "the recipe's constraints (it was built in another way, by another version perhaps)"
    return attack, ", ".join(unchecked_promises(attack))


def _text_findings(record: AttackRecord, run: AttackRun, attack: Any) -> Iterator[Finding]:
    if record.perturbed_texts is None:
        return
    from collections import OrderedDict

    from textattack.shared import AttackedText

    before, after = (
        AttackedText(OrderedDict(zip(run.fields, texts, strict=True)))
        for texts in (record.texts, record.perturbed_texts)
    )
    words_changed = int(before.words_diff_num(after))
    if words_changed != record.words_changed:
        yield Finding(record.index, "words_changed", str(record.words_changed), str(words_changed))
    yield from _budget_findings(record, run)
    for field, old, new in zip(run.fields, record.texts, record.perturbed_texts, strict=True):
        if field in run.protected_fields and old != new:
            yield Finding(record.index, f"protected field {field}", old, new)
    if attack is not None:
        for name in broken_promises(attack, before, after):
            yield Finding(record.index, name, before.text, after.text)


def _budget_findings(record: AttackRecord, run: AttackRun) -> Iterator[Finding]:
    if run.max_queries is not None and record.queries > run.max_queries:
        yield Finding(record.index, "max_queries", str(record.queries), f"{run.max_queries} at most")
    if run.max_words is not None and record.words_changed > run.max_words * record.words:
        yield Finding(
            record.index, "max_words", f"{record.words_changed} of {record.words}", f"{run.max_words} at most"
        )
