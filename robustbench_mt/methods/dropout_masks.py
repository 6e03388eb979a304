"""The dropout masks of a further forward pass: those of the first once more, or others.

Either way, torch's global generators go on afterwards as if there had been no further pass, so that the next batch sees
the masks that it sees in a training without one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["NewMasks", "RandomState"]


class NewMasks:
    """Masks that no other pass has.

    Args:
        seed: of the draws.
    """

    def __init__(self, seed: int) -> None:
        import torch

        self._seeds = torch.Generator().manual_seed(seed)

    @contextmanager
    def drawn(self, device: "torch.device") -> Iterator[None]:
        """Draw anew inside.

        Args:
            device: of the model.
        """
        import torch

        seed = int(torch.randint(2**62, (), generator=self._seeds))
        # A seed is set on every GPU, so every GPU's generator is put back.
        devices = range(torch.cuda.device_count()) if device.type == "cuda" else ()
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield


class RandomState:
    """Torch's random state before a forward pass, so that a later pass can see the dropout masks of that one.

    Args:
        device: of the model; the state is the CPU's and this device's.
    """

    def __init__(self, device: "torch.device") -> None:
        import torch

        self._sources: list[Any] = [torch]
        if device.type != "cpu":
            self._sources.append(torch.get_device_module(device))
        self._states = self._read()

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Draw from that moment on; afterwards the draws go on as if nothing had been drawn inside."""
        now = self._read()
        self._write(self._states)
        try:
            yield
        finally:
            self._write(now)

    def _read(self) -> list[Any]:
        return [source.get_rng_state() for source in self._sources]

    def _write(self, states: list[Any]) -> None:
        for source, state in zip(self._sources, states, strict=True):
            source.set_rng_state(state)
