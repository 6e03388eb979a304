"""A Ray cluster: connecting to it, what it holds for its tasks, and having tasks done whatever becomes of workers.

It knows nothing of what the tasks are. Where they run, in which order, and that a lost one is run again is Ray's.
"""

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lru import LRU

from robustbench_mt.errors import BadSettingError, NoClusterError
from robustbench_mt.progress import note
from robustbench_mt.quiet import quiet_tensorflow
from robustbench_mt.ray_start import connect, refuse_silence
from robustbench_mt.threads import THREAD_VARIABLES
from robustbench_mt.wording import first_line

if TYPE_CHECKING:
    from robustbench_mt.backend import BackendOptions

__all__ = ["Cluster", "Lost", "Shared"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Key = TypeVar("Key")
Job = TypeVar("Job")
Result = TypeVar("Result")

# Ray waits for all tasks that it is given to wait for, which takes time for each.
_MOST_SUBMITTED = 1000

# A head may be restarted. One that is gone for a minute, Ray ends this process for, with a status of its own.
_SECONDS_BETWEEN_LOOKS = 10.0
_MOST_SILENT_LOOKS = 3

# Tasks, bases, victims and sets of token ids that are kept in the object store for what may follow.
_MOST_SHARED = 16


@dataclass(frozen=True)
class Shared(Generic[T_co]):
    """Something that lies in the object store, once for all tasks; it can be part of a job or of other such things."""

    reference: Any

    def read(self) -> T_co:
        """It itself; arrays in it are the object store's own, which processes of a machine share."""
        import ray

        value: T_co = ray.get(self.reference)
        return value


@dataclass(frozen=True)
class Lost:
    """In place of a result: each process that had the job in hand died, with it or with its machine."""

    reason: str


class Cluster:
    """A connection to Ray; a context manager that ends it, and a cluster that it has started.

    Where the process is connected already, by a ``ray.init`` of the user's, that connection is used and kept.

    Args:
        options: where it is, and what each task takes.
        cores: of a cluster that is started here; by default those that this process may use.

    Raises:
        UserError: Ray is not installed, does not answer, or this machine lacks what a task takes.
    """

    def __init__(self, options: "BackendOptions", cores: int | None = None) -> None:
        self.options = options
        self._shared: LRU[Hashable, Shared[Any]] = LRU(_MOST_SHARED)
        self._ray, self._end_ray = connect(options.ray_address, cores)
        try:
            self._refuse_too_much()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def places(self) -> int:
        """How many tasks fit beside each other on the machines that are there now."""
        return sum(map(self._places, self._machines()))

    def share(self, value: T) -> Shared[T]:
        """Put something into the object store. It stays there as long as this or a task has the handle.

        Raises:
            UserError: there is no room for it.
        """
        try:
            return Shared(self._ray.put(value))
        except self._ray.exceptions.RayError as error:
            raise NoClusterError(
                f"Ray's object store cannot take what tasks need ({first_line(error)}): it needs room in memory and in "
                "the folder for temporary files."
            ) from None

    def share_once(self, name: Hashable, make: Callable[[], T]) -> Shared[T]:
        """As :meth:`share`, and the same handle when it is asked for again, as long as it is among the last used."""
        shared = self._shared.get(name)
        if shared is None:
            shared = self._shared[name] = self.share(make())
        return shared

    def run(
        self,
        do: Shared[Callable[[Job], Result]],
        jobs: Iterable[tuple[Key, Job]],
        retries: int = 1,
        ahead: int | None = None,
    ) -> Iterator[tuple[Key, Result | Lost | Exception]]:
        """Have jobs done, each as a task.

        Args:
            do: does a job; a process reads it once and keeps it, with whatever it remembers, until it does another.
            jobs: each with a key of its own.
            retries: how often Ray does a job again whose worker or machine was lost; 3 times where memory ran out.
            ahead: how many jobs to take beyond those that there are places for, where one takes time to make or room in
                the object store; by default as many as Ray takes well.

        Yields:
            A job's key and its result as it ends, or the exception that it raised.

        Raises:
            UserError: a job could not begin, as a machine of the cluster lacks this package.
        """
        ray = self._ray
        task = ray.remote(_perform).options(
            num_cpus=self.options.task_cores, num_gpus=self.options.task_gpus, max_retries=retries
        )
        threads = max(1, int(self.options.task_cores))
        queue = iter(jobs)
        submitted: dict[Any, Key] = {}
        try:
            while True:
                most = _MOST_SUBMITTED if ahead is None else min(_MOST_SUBMITTED, self.places + ahead)
                while len(submitted) < most and (job := next(queue, None)) is not None:
                    submitted[task.remote(do, job[1], threads)] = job[0]
                if not submitted:
                    return
                reference = self._first_ended(list(submitted))
                key = submitted.pop(reference)
                yield key, self._outcome(reference)
        finally:
            for reference in submitted:
                ray.cancel(reference, force=True)

    def _first_ended(self, references: list[Any]) -> Any:
        silent = 0
        while True:
            ended, _ = self._ray.wait(references, timeout=_SECONDS_BETWEEN_LOOKS)
            if ended:
                return ended[0]
            try:
                refuse_silence(self._ray.get_runtime_context().gcs_address)
                silent = 0
            except NoClusterError:
                silent += 1
                if silent == _MOST_SILENT_LOOKS:
                    raise

    def _outcome(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError, errors.ObjectLostError) as e:
            return Lost(f"{type(e).__name__}: {first_line(e)}")
        except errors.RayError as error:
            raise NoClusterError(
                f"Ray could not do a task ({first_line(error)}): every machine of the cluster needs the same versions "
                "of Python, Ray and robustbench-mt."
            ) from None

    def _refuse_too_much(self) -> None:
        if self.places:
            return
        asked = f"{self.options.task_cores:g} cores and {self.options.task_gpus:g} GPUs"
        if self.options.ray_address is None:
            raise BadSettingError(
                f"This machine has no {asked} for a task: give fewer as --task-cores and --task-gpus."
            )
        note(f"No machine of the cluster has {asked} for a task: waiting for one that has.")

    def _machines(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _places(self, machine: dict[str, float]) -> int:
        taken = {"CPU": self.options.task_cores, "GPU": self.options.task_gpus}
        return min(int(machine.get(name, 0) / amount) for name, amount in taken.items() if amount)

    def _end(self) -> None:
        self._shared.clear()
        self._end_ray()


def _perform(do: Shared[Callable[[Any], Any]], job: Any, threads: int) -> Any:
    """A task: what the job gives, or the exception that it raises."""
    _prepare_process(threads)
    try:
        return _function(do)(job)
    except Exception as error:  # what the jobs do may raise anything
        return _portable(error)


@lru_cache(maxsize=1)
def _prepare_process(threads: int) -> None:
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    quiet_tensorflow()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


@lru_cache(maxsize=1)
def _function(do: Shared[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """One at a time, as it may hold a model."""
    return do.read()


def _portable(error: Exception) -> Exception:
    """The exception as it can go to another process, with its traceback as a note."""
    trace = "".join(traceback.format_exception(error))
    try:
        error = pickle.loads(pickle.dumps(error))
    except Exception:  # some cannot be made from what they were made of
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a task on Ray:\n{trace}")
    return error
