"""A real Ray on this machine, started once a file of tests: two machines, which this one plays."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from robustbench_mt.backend import BackendOptions
from robustbench_mt.cluster import Cluster

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra ray)")
RAY = BackendOptions("ray")
MACHINE = {"num_cpus": 1}


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A cluster as Ray's own tests make one: of two machines of one core each, which this machine plays."""
    with pytest.MonkeyPatch.context() as patch:
        # Its workers find what tests do in their own folder.
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("RAY_AUTH_MODE", "disabled")
        # A machine counts as lost after 1 second of silence, not after 15.
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "2")
        from ray.cluster_utils import Cluster as Machines

        machines = Machines(initialize_head=True, head_node_args={**MACHINE, "include_dashboard": False})
        try:
            machines.add_node(**MACHINE)
            yield machines
        finally:
            machines.shutdown()


@pytest.fixture(scope="module")
def cluster(machines: Any) -> Iterator[Cluster]:
    with Cluster(replace(RAY, ray_address=machines.address)) as cluster:
        yield cluster
