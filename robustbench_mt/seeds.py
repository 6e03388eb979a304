"""Seeds that every generator takes."""

from robustbench_mt.errors import BadSettingError

__all__ = ["checked_seed"]


def checked_seed(seed: int) -> int:
    """The seed, if it fits 32 bits, which is what NumPy's global generator takes.

    Raises:
        UserError: it does not.
    """
    if not 0 <= seed < 2**32:
        raise BadSettingError(f"The seed {seed} is out of range: give a number from 0 to {2**32 - 1}.")
    return seed
