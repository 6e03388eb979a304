"""One checkpoint scored by itself, without an experiment: on a split, adversarial texts, or matching at inference."""

from pathlib import Path

from attacks.settings import VictimOptions
from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.match_inference_settings import MatchInferenceSettings
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.tasks.options import TaskOptions

__all__ = ["run_evaluation"]


def run_evaluation(
    checkpoint: str,
    task: str,
    split: str = "test",
    out: Path | None = None,
    *,
    static: Path | None = None,
    victim: VictimOptions | None = None,
    matching: MatchInferenceSettings | None = None,
    options: TaskOptions | None = None,
) -> tuple[EvaluationRecord, BatchDependenceRecord | None]:
    """Score a checkpoint, without an attack; what is recorded already is not done again.

    Args:
        checkpoint: a directory, a hub id, ``sklearn:FILE`` or ``python:MODULE:FUNCTION``.
        task: a name, a file or a directory.
        split: which is scored; with ``static`` the one that its texts come from.
        out: a run's directory to keep the records in.
        static: a file of adversarial texts in place of the split.
        victim: flags for what is not safe, and a label mapping.
        matching: whether and how the checkpoint matches at inference.
        options: where the task's data are, and whether what is missing may be downloaded.

    Returns:
        The scores; and how much they depend on batch-mates, where the checkpoint matches.

    Raises:
        UserError: a file or checkpoint cannot be read, or does not fit the task.
    """
    from attacks.victim import load_victim
    from robustbench_mt.cells import evaluate_cell
    from robustbench_mt.tasks import load_task

    options, doubts = options or TaskOptions(), None
    if static is None:
        loaded = load_task(task, options)
        loaded.split(split)
    else:
        from attacks.static_sets import load_static_set

        static_set = load_static_set(static, task, options, split=split)
        loaded, split, doubts = static_set.task, static_set.split, static_set.doubts
    scored = load_victim(checkpoint, loaded, victim, allow_network=options.allow_network)
    if matching is None or not matching.match_inference:
        return evaluate_cell(scored, loaded, split, out, doubts), None
    from robustbench_mt.batch_dependence import batch_dependence_cell
    from robustbench_mt.match_inference import matched_victim

    loaded.require_classes("--match-inference")
    matched = matched_victim(scored, matching.match_temperature, matching.batch_size)
    record = evaluate_cell(matched, loaded, split, out, doubts)
    shuffles, seed = matching.shuffles, matching.shuffle_seed
    return record, batch_dependence_cell(matched, scored, loaded, split, out, shuffles, seed)
