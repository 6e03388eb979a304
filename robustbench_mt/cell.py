"""What a cell of an experiment is: what it is called, what it needs, whether it is done, and doing it.

A cell is small and can be pickled: it names its task and loads it when it must. Its name says, from left to right, the
part of the experiment (if that has parts), what is done, and to what:

    glue/train/rte/match/seed0                          train a checkpoint and evaluate it
    train/rotten_tomatoes/match/batch_size=8/seed0      the same, of an experiment without parts that varies a setting
    robustness/attack/sst2/match/seed0/pwws             attack that checkpoint
    imbalance/rotten_tomatoes/match/ratio10/seed1       a point of a curve
    noise/label_noise/rotten_tomatoes/match/share0.2/seed1

A part that is called as what is done in it is not named twice. Two parts may name the same checkpoint: it is made once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustbench_mt.errors import UserError
from robustbench_mt.kept_in_memory import loaded_task
from robustbench_mt.tasks import TaskOptions, task_slug
from robustbench_mt.tasks.task import Examples, Task

if TYPE_CHECKING:
    from robustbench_mt.cluster import Cluster

__all__ = ["Cell"]


@dataclass(frozen=True)
class Cell(ABC):
    """The smallest unit of an experiment: done once and never again.

    Attributes:
        part: of the experiment; empty where that has none.
        task_name: as the experiment names the task.
        data: where the task's data are, and whether what is missing may be downloaded.
    """

    part: str
    task_name: str
    data: TaskOptions

    @property
    @abstractmethod
    def what(self) -> str:
        """What is done: ``train``, ``attack``, or the curve's name."""

    @property
    @abstractmethod
    def words(self) -> tuple[str, ...]:
        """What the name says after the task."""

    @property
    @abstractmethod
    def training(self) -> Mapping[str, Any]:
        """``method``, ``seed``, ``variant`` and ``settings``, as a failure's record tells them."""

    @property
    @abstractmethod
    def asked(self) -> object:
        """What cells of the same :attr:`work` must have in common."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the cells that must be done first."""
        return ()

    @property
    def read_in_training(self) -> tuple[Examples, ...]:
        """What is trained and validated on.

        Raises:
            UserError: as :meth:`check`.
        """
        return ()

    @property
    def name(self) -> str:
        """See the module."""
        return "/".join(filter(None, (self.part, "" if self.part == self.what else self.what, *self._rest)))

    @property
    def work(self) -> str:
        """The name without the part: the same for cells of two parts that leave the same records."""
        return "/".join(filter(None, (self.what, *self._rest)))

    @property
    def same_training(self) -> object:
        """The same for cells that share one training: it is done for one of them, and the others have its numbers."""
        return self.work

    @property
    def task(self) -> Task:
        """The task, loaded.

        Raises:
            UserError: its data are not here or cannot be read.
        """
        return loaded_task(self.task_name, self.data)

    @abstractmethod
    def check(self, out: Path) -> None:
        """Raise :class:`UserError` for what would fail after hours, and for a record of something else in its place."""

    @abstractmethod
    def is_done(self, out: Path) -> bool:
        """Whether a run's directory has all that the cell leaves.

        Raises:
            UserError: the task's data are not here, without which it cannot be told.
        """

    def seems_done(self, out: Path) -> bool:
        """As :meth:`is_done`, but false where it cannot be told."""
        try:
            return self.is_done(out)
        except UserError:
            return False

    def is_begun(self, out: Path) -> bool:
        """Whether what takes long is done already in a run's directory, and the rest of the cell is missing."""
        return False

    @abstractmethod
    def do(self, out: Path, cluster: "Cluster | None" = None) -> None:
        """Leave the cell's records in a run's directory; what is there already is not done again.

        Args:
            out: the run's directory.
            cluster: where examples are attacked; here by default.

        Raises:
            UserError: see :func:`robustbench_mt.cells.train_cell`, :func:`attacks.engine.attack` and
                :func:`imbalance.sweep.sweep`.
        """

    @property
    def _rest(self) -> tuple[str, ...]:
        return task_slug(self.task_name), *self.words
