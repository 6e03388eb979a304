"""Connecting to Ray, or starting one on this machine, of which logs alone are left when this process ends."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from robustbench_mt.errors import BadSettingError, MissingPackageError, NoClusterError
from robustbench_mt.progress import progress
from robustbench_mt.threads import available_cores
from robustbench_mt.wording import first_line

__all__ = ["connect", "refuse_silence"]

_SECONDS_TO_ANSWER = 5

# Of a cluster that is started here. When this process is killed some of Ray's would stay for a minute.
_GUARD = """
import os, signal, sys
numbers = map(int, sys.argv[1:])
if hasattr(os, "pidfd_open"):
    # It stays that process's, where the number of one that has ended may be given to another.
    find, kill = os.pidfd_open, signal.pidfd_send_signal
else:
    find, kill = int, os.kill
processes = []
for number in numbers:
    try:
        processes.append(find(number))
    except OSError:
        pass
sys.stdin.read()
for process in processes:
    try:
        kill(process, 9)
    except OSError:
        pass
"""


def connect(address: str | None, cores: int | None = None) -> tuple[Any, Callable[[], None]]:
    """Connect to a cluster, or start one.

    Args:
        address: HOST:PORT of a head, ``auto``, or ``None`` to start one.
        cores: of one that is started; by default those that this process may use.

    Returns:
        The module ``ray``, and what ends the connection, which does nothing where a ``ray.init`` of the user's made it.

    Raises:
        UserError: Ray is not installed or does not answer.
    """
    # Else a command that is ended by SIGTERM prints the stack of its C++ code.
    os.environ.setdefault("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")
    # Else Ray does a task again without end where it was killed as memory ran out, whatever retries it was given.
    os.environ.setdefault("RAY_task_oom_retries", "3")
    if address is None:
        # On Linux too, nothing listens but on the loopback address.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Else Ray makes a token in the user's home, and says so; once imported, it would not see this, but its cluster.
        if "ray" not in sys.modules:
            os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", _token())
    elif address != "auto":
        refuse_silence(address)
    try:
        import ray
    except ImportError:
        raise MissingPackageError(
            "Ray is not installed: pip install 'robustbench-mt[ray]', or leave out --backend."
        ) from None
    if ray.is_initialized():
        return ray, lambda: None
    if address is None:
        # Where a user has imported Ray before, it has read this too early.
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = False
    here = {"num_cpus": cores or available_cores(), "include_dashboard": False} if address is None else {}
    with progress("starting Ray" if address is None else f"connecting to Ray at {address}", None):
        try:
            ray.init(address or "local", logging_level="ERROR", log_to_driver=False, configure_logging=False, **here)
        except Exception as error:  # of many kinds, for versions, tokens and files too
            raise NoClusterError(f"Ray cannot be used: {first_line(error)}") from None
    # Ray tells of lost workers on standard output, where results belong.
    ray._private.worker._worker_logs_enabled = False
    if address is not None:
        return ray, ray.shutdown
    guard = _start_guard()

    def end() -> None:
        ray.shutdown()
        guard.kill()
        guard.communicate()

    return ray, end


@cache
def _token() -> str:
    """One for all clusters that this process starts, as Ray reads it once."""
    return secrets.token_hex(32)


def _start_guard() -> "subprocess.Popen[bytes]":
    """Starts a process that kills the children of this one as soon as this one is no more."""
    import psutil

    children = [str(process.pid) for process in psutil.Process().children(recursive=True)]
    # In a session of its own, where neither Ctrl-C nor what kills this process's group arrives.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, *children], stdin=subprocess.PIPE, start_new_session=True
    )


def refuse_silence(address: str) -> None:
    """Raise :class:`UserError` where nothing answers; Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in address:
        raise BadSettingError(
            f"The Ray address {address!r} is not HOST:PORT or auto: give a head's, as ray start prints it."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise NoClusterError(
            f"No Ray answers at {address} ({first_line(error)}): start one with ray start --head, or leave out "
            "--ray-address."
        ) from None
