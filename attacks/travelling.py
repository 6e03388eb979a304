"""Victims that are loaded where they are attacked: in other processes, and on other machines."""

import tempfile
from functools import partial
from pathlib import Path

from attacks.settings import VictimOptions
from attacks.victim import Victim, load_victim
from attacks.work import Reload
from robustbench_mt.bases import find_model
from robustbench_mt.cluster import Cluster, Shared
from robustbench_mt.directory_files import Packed
from robustbench_mt.tasks.task import Task

__all__ = ["reloading"]


def reloading(
    spec: str, victim: Victim, options: VictimOptions | None = None, cluster: Cluster | None = None
) -> Reload:
    """What loads a victim anew where it is attacked.

    To a cluster a checkpoint's files travel along; any other victim must be on every machine.

    Args:
        spec: as :func:`attacks.victim.load_victim` takes it.
        victim: what was loaded of it here.
        options: flags for what is not safe, and a label mapping.
        cluster: whose object store holds the files, once; ``None`` for processes of this machine.
    """
    if cluster is None or spec.partition(":")[0] in ("sklearn", "python"):
        return partial(load_victim, spec, options=options)
    directory = find_model(spec, allow_pickle=bool(options and options.allow_pickle))
    files = cluster.share_once(("victim", victim.fingerprint), partial(Packed.of, directory))
    return partial(_load, files, victim.name, options)


def _load(files: Shared[Packed], name: str, options: VictimOptions | None, task: Task) -> Victim:
    with tempfile.TemporaryDirectory(prefix="robustbench-mt-") as scratch:
        victim = load_victim(str(files.read().unpack(Path(scratch) / name)), task, options)
    victim.name = name
    return victim
