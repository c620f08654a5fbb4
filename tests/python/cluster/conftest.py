"""A Ray cluster of two nodes with one worker each, as two machines are, for a file of tests.

Clusters of one machine take ports from each other, so the files of this folder wait for each other.
"""

from __future__ import annotations

import gc
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_processes import NO_RAY, SETTINGS


@pytest.fixture(scope="module", autouse=True)
def alone_with_clusters() -> Iterator[None]:
    """Wait until no other process runs a file of this folder."""
    fcntl = pytest.importorskip("fcntl", reason="there are no file locks of Unix")
    with (Path(tempfile.gettempdir()) / "polars-transferability-clusters.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[str]]:
    """The names of two nodes, to whose cluster this process is connected."""
    ray = pytest.importorskip("ray", reason=NO_RAY)
    from ray.cluster_utils import Cluster

    os.environ.update(SETTINGS)
    node = {"num_cpus": 1, "include_dashboard": False}
    with warnings.catch_warnings():
        # Ray 2.49 does not close the files that its processes write to.
        warnings.simplefilter("ignore", ResourceWarning)
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(**node)
        ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        gc.collect()
    yield sorted(node["NodeID"] for node in ray.nodes())
    ray.shutdown()
    cluster.shutdown()
    for name in SETTINGS:
        del os.environ[name]
