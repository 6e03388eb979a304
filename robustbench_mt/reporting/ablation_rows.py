"""What Match-Tuning's own settings and the batch size do: the methods' scores by what was varied."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from robustbench_mt.flat import flat
from robustbench_mt.methods import METHODS
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import is_baseline
from robustbench_mt.reporting.settings import differing

__all__ = ["Ablation", "MatchSetting", "ablations"]


@dataclass(frozen=True, order=True)
class MatchSetting:
    """How the temperature was found; self masses sort before fixed temperatures, each by size.

    Attributes:
        fixed: whether the temperature was given as a number.
        value: that number, else the self mass that it was calibrated to.
    """

    fixed: bool
    value: float

    @property
    def name(self) -> str:
        return f"{'temperature' if self.fixed else 'self mass'} {self.value:g}"


@dataclass(frozen=True)
class Ablation:
    """Trainings with ``match`` on one split of a task that differ in match's setting and the batch size alone.

    Attributes:
        told: what tells it from another of the task, e.g. ``learning_rate=0.0001``; else empty.
        matched: by setting and batch size.
        baselines: ``vanilla`` by batch size, trained alike.
    """

    task: str
    split: str
    told: str
    matched: dict[tuple[MatchSetting, int], MethodRow]
    baselines: dict[int, MethodRow]

    @property
    def settings(self) -> list[MatchSetting]:
        return sorted({setting for setting, _ in self.matched})

    @property
    def batch_sizes(self) -> list[int]:
        return sorted({size for _, size in self.matched})

    @property
    def rows(self) -> list[MethodRow]:
        return [*self.baselines.values(), *self.matched.values()]


def ablations(rows: Sequence[MethodRow]) -> list[Ablation]:
    """Those in which ``match`` has two settings or batch sizes, or more."""
    found: list[tuple[dict[str, Any], Ablation]] = []
    for row in rows:
        setting, size = _match_setting(row), row.settings.get("batch_size")
        if setting is None or not isinstance(size, int):
            continue
        alike = {**_but_batch_size(row), **{f"match.{name}": value for name, value in _other_settings(row).items()}}
        same = [known for told, known in found if (known.task, known.split, told) == (row.task, row.split, alike)]
        if not same:
            same = [Ablation(row.task, row.split, "", {}, _baselines(row, rows))]
            found.append((alike, same[0]))
        same[0].matched[setting, size] = row
    several = [(alike, known) for alike, known in found if len(known.settings) > 1 or len(known.batch_sizes) > 1]
    return [replace(known, told=_told(alike, known, several)) for alike, known in several]


def _match_setting(row: MethodRow) -> MatchSetting | None:
    own = row.own
    if own.get("name") != "match" or not {"temperature", "self_mass"} <= own.keys():
        return None
    fixed = own["temperature"] != "auto"
    return MatchSetting(fixed, float(own["temperature"] if fixed else own["self_mass"]))


def _other_settings(row: MethodRow) -> dict[str, Any]:
    # A setting that an older version did not know had its default.
    own = {**asdict(METHODS["match"].settings_type()), **row.own}
    return flat({name: value for name, value in own.items() if name not in ("name", "temperature", "self_mass")})


def _but_batch_size(row: MethodRow) -> dict[str, Any]:
    return flat({name: value for name, value in row.settings.items() if name != "batch_size"})


def _baselines(row: MethodRow, rows: Sequence[MethodRow]) -> dict[int, MethodRow]:
    return {
        other.settings["batch_size"]: other
        for other in rows
        if is_baseline(other.method)
        and (other.task, other.split) == (row.task, row.split)
        and "batch_size" in other.settings
        and _but_batch_size(other) == _but_batch_size(row)
    }


def _told(alike: dict[str, Any], ablation: Ablation, several: Sequence[tuple[dict[str, Any], Ablation]]) -> str:
    of_task = [told for told, other in several if (other.task, other.split) == (ablation.task, ablation.split)]
    return ", ".join(f"{name}={alike.get(name)}" for name in differing(of_task))
