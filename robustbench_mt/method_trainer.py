"""Hugging Face's trainer with room for a method."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from robustbench_mt.errors import BadSettingError
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.progress import progress
from robustbench_mt.training_length import training_length
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["MethodTrainer", "training_arguments"]

_COMPILER = "inductor"


class MethodTrainer(Trainer):
    """Hugging Face's trainer, whose loss, gradients and updates a method may change.

    Args:
        method: see :class:`robustbench_mt.methods.method.Method` for when it is asked what.
        title: what the progress bar says.
        arguments: the trainer's own.
    """

    model: Any

    def __init__(self, method: Method, title: str, **arguments: Any) -> None:
        super().__init__(**arguments, callbacks=[_ProgressCallback(title), _UpdateCallback(method)])
        self.remove_callback(PrinterCallback)
        self._method = method
        # Else some models would divide the loss by the examples of all accumulated batches, and methods' losses not.
        self.model_accepts_loss_kwargs = False

    def fit(self) -> None:
        """Train with the method attached."""
        length = training_length(
            len(self.get_train_dataloader()),
            self.args.gradient_accumulation_steps,
            self.args.num_train_epochs,
            self.args.max_steps if self.args.max_steps > 0 else None,
        )
        plan = Plan(
            passes=length.passes,
            updates=length.updates,
            seed=self.args.seed * 1_000_003 + self.args.process_index,
            backward=self._backward,
            batches=self._batches,
        )
        self._method.attach(self.model, plan)
        try:
            self.train()
        finally:
            self._method.detach()
        # Under mixed precision its forward pass is wrapped in an autocast, which would stay.
        self.model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, **kwargs)
        self._method.before_step(inputs)
        return self._method.loss(model, inputs)

    def floating_point_ops(self, inputs: Any) -> int:
        # Nobody reads the sum, and to estimate it means a walk through all parameters, each step.
        return 0

    def create_optimizer(self) -> Any:
        groups = self._method.parameter_groups(self.model, self.args.learning_rate, self.args.weight_decay)
        if groups is not None:
            optimizer, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            self.optimizer = optimizer(groups, **options)
            return self.optimizer
        return super().create_optimizer()

    def _backward(self, loss: Tensor) -> None:
        self.accelerator.backward(loss / self.current_gradient_accumulation_steps)

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,
            batch_size=self.args.per_device_train_batch_size,
            collate_fn=self.data_collator,
            # Its own: a loader draws a seed for workers, though it has none here, and would take it from torch's own.
            generator=torch.Generator(),
        )
        for batch in loader:
            yield self._prepare_inputs(dict(batch))


class _UpdateCallback(TrainerCallback):
    def __init__(self, method: Method) -> None:
        self._method = method

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        self._method.before_update(model)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        self._method.after_update(model)


class _ProgressCallback(TrainerCallback):
    def __init__(self, title: str) -> None:
        self._title = title

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar = progress(self._title, state.max_steps)
        self._set_done = self._bar.__enter__()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._set_done(state.global_step)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.__exit__(None, None, None)


def training_arguments(settings: TrainingSettings, seed: int, scratch: Path, metric: str) -> TrainingArguments:
    """The trainer's arguments for our settings.

    Args:
        settings: of the training.
        seed: of the order of the examples, and dropout.
        scratch: where the trainer may write.
        metric: of the validation set, by which ``keep="best"`` chooses.

    Raises:
        UserError: a precision that the device does not have.
    """
    best = settings.keep == "best"
    precision = _precision(settings.precision)
    # The arguments leave theirs in the environment, and those of the next training in this process would take it up.
    os.environ["ACCELERATE_MIXED_PRECISION"] = "no" if precision == "fp32" else precision
    os.environ["ACCELERATE_DYNAMO_BACKEND"] = _COMPILER if settings.compile else "no"
    if settings.compile:
        # What was compiled for another method's training would be used again, without this method's hooks.
        torch.compiler.reset()
    return TrainingArguments(
        output_dir=str(scratch),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        num_train_epochs=settings.epochs,
        max_steps=settings.steps or -1,
        learning_rate=settings.learning_rate,
        warmup_ratio=settings.warmup,
        weight_decay=settings.weight_decay,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        # Else transformers refuses bf16 without a GPU.
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        torch_compile=settings.compile,
        torch_compile_backend=_COMPILER if settings.compile else None,
        group_by_length=True,
        seed=seed,
        eval_strategy="epoch",
        logging_strategy="epoch",
        # It waits for the device each step. Only with fp16, which overflows now and then, is such a loss no divergence.
        logging_nan_inf_filter=precision == "fp16",
        save_strategy="epoch" if best else "no",
        save_only_model=True,
        save_total_limit=1,
        load_best_model_at_end=best,
        metric_for_best_model=metric if best else None,
        greater_is_better=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        # Methods make several forward passes a step; sending buffers before each would change them under the first.
        ddp_broadcast_buffers=False,
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to=[],
    )


def _precision(asked: str) -> str:
    has_gpu = torch.cuda.is_available()
    if asked == "fp16" and not has_gpu:
        raise BadSettingError("precision is 'fp16', which needs a GPU: give 'bf16' or 'fp32'.")
    if asked != "auto":
        return asked
    if not has_gpu:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
