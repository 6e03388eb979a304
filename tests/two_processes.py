"""Match-Tuning in two processes. A file of its own, as each process reads it: it imports little."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from robustbench_mt.methods.match import Match, MatchSettings
from robustbench_mt.methods.method import Plan

__all__ = ["Outcome", "examples", "train_in_two_processes", "train_step"]


class TinyClassifier(nn.Module):
    """An encoder of one layer, and a head as classifiers have it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.config = SimpleNamespace(model_type="deberta", num_labels=3)
        self.encoder = nn.Linear(6, 8)
        self.pooler = nn.ModuleDict({"dense": nn.Linear(8, 8)})
        self.classifier = nn.Linear(8, 3)

    def forward(self, inputs: Tensor, labels: Tensor) -> SimpleNamespace:
        logits = self.classifier(self.pooler["dense"](self.encoder(inputs).tanh()).tanh())
        return SimpleNamespace(loss=nn.functional.cross_entropy(logits, labels))


@dataclass
class Outcome:
    """Of one training step."""

    loss: Tensor
    gradients: list[Tensor]
    temperature: float
    mass: list[list[float]]


def examples() -> dict[str, Tensor]:
    """A batch of eight."""
    return {"inputs": torch.randn(8, 6, generator=torch.Generator().manual_seed(1)), "labels": torch.arange(8) % 3}


def train_step(settings: MatchSettings, batch: dict[str, Tensor]) -> Outcome:
    """A step of a fresh classifier, whose matching is in this process or across processes."""
    model, method = TinyClassifier(), Match(settings)
    method.attach(model, Plan(1, 1, 0, Tensor.backward, lambda: iter(())))  # type: ignore[arg-type]
    method.before_step(batch)
    loss = method.loss(model, batch)
    loss.backward()
    method.detach()
    gradients = [weights.grad for weights in model.parameters() if weights.grad is not None]
    assert method.temperature is not None
    return Outcome(loss.detach(), gradients, method.temperature, method.trace.mass)


def train_in_two_processes(settings: list[MatchSettings], folder: Path) -> list[list[Outcome]]:
    """A step with half of the batch each, once for each settings; loss and gradients are means over the processes.

    Returns:
        For each process, an outcome for each settings.
    """
    torch.multiprocessing.spawn(_train_half, (settings, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


def _train_half(rank: int, settings: list[MatchSettings], folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    half = {name: values[4 * rank : 4 * rank + 4] for name, values in examples().items()}
    outcomes = [train_step(each, half) for each in settings]
    for outcome in outcomes:
        # As distributed training does it.
        for values in (outcome.loss, *outcome.gradients):
            torch.distributed.all_reduce(values)
            values.div_(2)
    torch.save(outcomes, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
