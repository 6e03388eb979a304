"""Where work is done: on this machine, or on a Ray cluster. Ray is imported only when it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from robustbench_mt.errors import BadSettingError, ConflictingOptionsError
from robustbench_mt.setting_checks import check_choices, check_counts

if TYPE_CHECKING:
    from robustbench_mt.cluster import Cluster

__all__ = ["BackendOptions", "connected"]


@dataclass(frozen=True)
class BackendOptions:
    """Where work is done; with Ray, what each of its tasks takes: a training, or a shard of examples to attack.

    Attributes:
        backend: local, or ray (the extra of that name): the cluster at --ray-address, or one on this machine that ends
            with the command.
        ray_address: HOST:PORT of a running cluster's head, or auto for the one that this machine belongs to.
        task_cores: cores that a task is given; it uses as many threads, rounded down.
        task_gpus: GPUs that a task is given; a fraction lets several share one.
        shard: examples in a task of an attack; by default at most 128, and fewer towards the end, so that all end
            together.

    Example:
        >>> BackendOptions("ray", ray_address="auto", task_gpus=0.25).task_cores
        1.0
    """

    backend: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    task_cores: float = 1.0
    task_gpus: float = 0.0
    shard: int | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        if self.ray_address is not None and self.backend == "local":
            raise ConflictingOptionsError("--ray-address says where Ray is: add --backend ray, or leave it out.")
        # Negated, so that NaN is refused too. Ray counts in ten-thousandths.
        if not 0.0001 <= self.task_cores < 1e6:
            raise BadSettingError(f"task_cores is {self.task_cores}: it must be over 0.")
        if not 0 <= self.task_gpus < 1e6:
            raise BadSettingError(f"task_gpus is {self.task_gpus}: it must be 0 or more.")
        check_counts(self, "shard")


@contextmanager
def connected(options: BackendOptions | None) -> "Iterator[Cluster | None]":
    """The cluster that work is to be done on; ``None`` for this process.

    Raises:
        UserError: Ray is not installed, or does not answer at the address.
    """
    if options is None or options.backend == "local":
        yield None
        return
    from robustbench_mt.cluster import Cluster

    with Cluster(options) as cluster:
        yield cluster
