"""What a method of fine-tuning costs: seconds a step and peak memory, against vanilla and vanilla against bare PyTorch.

    python benchmarks/training_cost.py --methods vanilla --methods match

Each side trains a model of its own on the same batches, and the two take turns step by step, so that whatever else the
machine does falls on both. A ratio is the median over steps and rounds of one side's seconds by the other's, for the
same batch; a step is everything from one update to the next, without evaluation. Vanilla is also set against

- a bare loop: forward, backward, clipping, AdamW and a linear schedule, over batches that are made already;
- transformers' own trainer as its ``run_glue`` example sets it up, every text padded to 128 tokens (in its own order).

Peak memory is what PyTorch has allocated at most in a training. On a CPU its profiler counts that, to the byte the same
each time, where the resident set of a process differs by a hundredth from run to run.
"""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import App, Parameter
from greenlet import getcurrent, greenlet
from rich.console import Console
from rich.table import Table
from torch.nn.utils import clip_grad_norm_
from torch.profiler import ProfilerActivity, profile
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    get_linear_schedule_with_warmup,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback

from robustbench_mt.bases import find_base
from robustbench_mt.collation import Collator, Padding
from robustbench_mt.method_trainer import MethodTrainer, training_arguments
from robustbench_mt.methods import METHODS
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.method import Method, NoSettings
from robustbench_mt.methods.vanilla import Vanilla
from robustbench_mt.progress import silence_notes
from robustbench_mt.quiet import quiet_libraries
from robustbench_mt.tasks import load_task
from robustbench_mt.tokenized import tokenized
from robustbench_mt.training_settings import TrainingSettings

app = App(help=__doc__)

# A side's first steps load the base, make the optimizer's state and compile kernels.
_WARM_UP = 3

Pairs = list[tuple[float, float]]
"""Seconds of two sides for the same step."""


@app.default
def main(
    *,
    methods: Annotated[tuple[str, ...], Parameter(negative=())] = tuple(METHODS),
    steps: int = 30,
    rounds: int = 2,
    base: str = "minilm",
    batch_size: int = 32,
    task: str = "rotten_tomatoes",
    precision: str = "fp32",
) -> None:
    """Compare.

    Args:
        methods: specs such as ``match:self_mass=0.5``; give it several times for several. All by default.
        steps: timed in a round.
        rounds: trainings of each side, each with a seed of its own.
        base: the pretrained encoder.
        batch_size: examples a step.
        task: whose training split is trained on.
        precision: ``fp32`` or ``bf16``.
    """
    quiet_libraries()
    silence_notes()
    cost = _Cost(base, batch_size, steps + _WARM_UP, task, precision)
    console = Console(markup=False, highlight=False)
    table = Table("one side", "the other", "s a step", "s a step", "ratio", "quartiles", "MB", "ratio of MB")
    vanilla_bytes = cost.peak_bytes("vanilla")
    for spec in (spec for spec in methods if spec != "vanilla"):
        print(f"{spec} ...", flush=True)
        pairs = [pair for seed in range(rounds) for pair in cost.against_vanilla(spec, seed)]
        peak_bytes = cost.peak_bytes(spec)
        table.add_row(spec, "vanilla", *_times(pairs), f"{peak_bytes / 1e6:.0f}", f"{peak_bytes / vanilla_bytes:.3f}")
    for name, compare in (("bare loop", cost.vanilla_against_bare), ("run_glue", cost.vanilla_against_run_glue)):
        print(f"{name} ...", flush=True)
        pairs = [pair for seed in range(rounds) for pair in compare(seed)]
        table.add_row("vanilla", name, *_times(pairs), f"{vanilla_bytes / 1e6:.0f}", "")
    console.print(table)


class _Turns:
    """A training that stops after each step, until it is its turn again.

    Args:
        trainer: any; it gets a callback.
        train: what trains with it.
    """

    def __init__(self, trainer: Trainer, train: Callable[[], Any]) -> None:
        trainer.add_callback(_Pause())
        self._greenlet = greenlet(train)

    def step(self) -> float:
        """Train on to the end of the next step, and return the seconds that this took."""
        return _clock(self._greenlet.switch)

    def end(self) -> None:
        """Let the training end, after its last step."""
        self._greenlet.switch()


class _Pause(TrainerCallback):
    def on_step_end(self, *_arguments: Any, **_more: Any) -> None:
        getcurrent().parent.switch()


class _Seen(Vanilla):
    """Vanilla that lets its latest batch be seen."""

    def __init__(self) -> None:
        super().__init__(NoSettings())
        self.batch: dict[str, torch.Tensor] = {}

    def before_step(self, batch: Any) -> None:
        self.batch = dict(batch)


class _Cost:
    """Trainings of all sides, on the same data."""

    def __init__(self, base: str, batch_size: int, steps: int, task: str, precision: str) -> None:
        self._steps = steps
        self._settings = TrainingSettings(base=base, batch_size=batch_size, steps=steps, precision=precision)
        self._base = find_base(base)
        self._examples = load_task(task).split("train").select(range(steps * batch_size))
        self._tokenizer = AutoTokenizer.from_pretrained(self._base)
        self._scratch = tempfile.TemporaryDirectory()

    def trainer(self, method: Method, seed: int) -> MethodTrainer:
        """Ours, as ``fine_tune`` sets it up, without evaluation."""
        model = self._model(seed)
        arguments = training_arguments(self._settings, seed, Path(self._scratch.name), "accuracy")
        arguments.eval_strategy = "no"
        return MethodTrainer(
            method,
            "",
            model=method.adapt(model),
            args=arguments,
            train_dataset=tokenized(self._tokenizer, self._examples, self._settings.max_length),
            data_collator=Collator(Padding.of(model, self._tokenizer)),
        )

    def against_vanilla(self, spec: str, seed: int) -> Pairs:
        ours, vanilla = (self.trainer(parse_method(name).create(), seed) for name in (spec, "vanilla"))
        return self._alternating(_Turns(ours, ours.fit), _Turns(vanilla, vanilla.fit))

    def vanilla_against_run_glue(self, seed: int) -> Pairs:
        ours, theirs = self.trainer(parse_method("vanilla").create(), seed), self._run_glue(seed)
        return self._alternating(_Turns(ours, ours.fit), _Turns(theirs, theirs.train))

    def vanilla_against_bare(self, seed: int) -> Pairs:
        seen = _Seen()
        trainer = self.trainer(seen, seed)
        bare = self._bare(seed)
        vanilla = _Turns(trainer, trainer.fit)
        # Vanilla first, as it brings the batch.
        pairs = [(vanilla.step(), _clock(lambda: bare(seen.batch))) for _ in range(self._steps)]
        vanilla.end()
        return pairs[_WARM_UP:]

    def peak_bytes(self, spec: str) -> int:
        """What PyTorch has allocated at the peak of a training, more than before it."""
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            self.trainer(parse_method(spec).create(), seed=0).fit()
            return torch.cuda.max_memory_allocated() - before
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            self.trainer(parse_method(spec).create(), seed=0).fit()
        events = (event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]")
        changes = sorted((event.start_ns(), event.nbytes()) for event in events)
        return max(accumulate(change for _, change in changes))

    def _alternating(self, first: _Turns, second: _Turns) -> Pairs:
        """Seconds of two sides that take turns, each leading every other time."""
        pairs = []
        for step in range(self._steps):
            if step % 2:
                pairs.append((first.step(), second.step()))
            else:
                after, before = second.step(), first.step()
                pairs.append((before, after))
        first.end()
        second.end()
        return pairs[_WARM_UP:]

    def _model(self, seed: int) -> Any:
        # Trainers that are done hold their models in reference cycles.
        gc.collect()
        set_seed(seed)
        return AutoModelForSequenceClassification.from_pretrained(
            self._base, num_labels=2, problem_type="single_label_classification"
        )

    def _bare(self, seed: int) -> Callable[[dict[str, torch.Tensor]], None]:
        """A function that makes one step of a loop without a trainer."""
        settings = self._settings
        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = self._model(seed).to(device).train()
        weights = [weight for weight in model.parameters() if weight.ndim > 1]
        others = [weight for weight in model.parameters() if weight.ndim <= 1]
        groups = [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup * self._steps), self._steps)

        def step(batch: dict[str, torch.Tensor]) -> None:
            with torch.autocast(device, torch.bfloat16, enabled=settings.precision == "bf16"):
                loss = model(**batch).loss
            loss.backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()

        return step

    def _run_glue(self, seed: int) -> Trainer:
        """Transformers' trainer as ``examples/pytorch/text-classification/run_glue.py`` sets it up."""
        texts = [text[0] for text in self._examples.texts]
        encoded = self._tokenizer(texts, padding="max_length", truncation=True, max_length=128)
        examples = [
            {**{name: values[row] for name, values in encoded.items()}, "label": label}
            for row, label in enumerate(self._examples.labels)
        ]
        settings = self._settings
        arguments = TrainingArguments(
            output_dir=self._scratch.name,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            max_steps=settings.steps,
            seed=seed,
            bf16=settings.precision == "bf16",
            save_strategy="no",
            dataloader_pin_memory=torch.cuda.is_available(),
            disable_tqdm=True,
            report_to=[],
        )
        model = self._model(seed)
        trainer = Trainer(model, arguments, data_collator=default_data_collator, train_dataset=examples)
        trainer.remove_callback(PrinterCallback)
        return trainer


def _clock(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _times(pairs: Pairs) -> Sequence[str]:
    first, second = (statistics.median(side) for side in zip(*pairs, strict=True))
    low, ratio, high = statistics.quantiles((one / other for one, other in pairs), n=4)
    return f"{first:.4f}", f"{second:.4f}", f"{ratio:.3f}", f"{low:.3f} to {high:.3f}"


if __name__ == "__main__":
    app()
