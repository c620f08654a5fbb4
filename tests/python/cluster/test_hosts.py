"""A cluster of hosts that share nothing but files: network namespaces, each with an address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_processes import HAS_PROC, NO_RAY, SETTINGS, START, computing, token

# Addresses that no network of a machine that runs tests is likely to have.
FIRST, SECOND = "10.213.77.1", "10.213.77.2"
PORT = 6390
# The process is told which host it is on, for all hosts see the files of all.
BOUNDS = f"""
import sys
import polars_transferability as pt
import ray

ray.init("{FIRST}:{PORT}", _node_ip_address="{FIRST}", log_to_driver=False)
options = {{"max_rows_per_class": 40}}
expected = pt.compute_bounds(sys.argv[1], **options)
found = pt.compute_bounds(sys.argv[1], engine="ray", **options)
print(found.equals(expected), found.height)
"""


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True)


def within(namespace: str, *command: object) -> list[str]:
    return ["ip", "netns", "exec", namespace, *map(str, command)]


def processes(namespace: str) -> set[int]:
    return {int(process) for process in ip("netns", "pids", namespace).stdout.split()}


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two namespaces, with a cable between them."""
    names = f"ray{os.getpid()}a", f"ray{os.getpid()}b"
    try:
        done = ip("netns", "add", names[0])
    except FileNotFoundError:
        pytest.skip("there is no command ip, which makes network namespaces")
    if done.returncode:
        pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")
    try:
        assert not ip("netns", "add", names[1]).returncode
        cable = ip("link", "add", names[0], "type", "veth", "peer", "name", names[1])
        if cable.returncode:
            pytest.skip(f"namespaces cannot be connected here: {cable.stderr.strip()}")
        for name, address in zip(names, (FIRST, SECOND), strict=True):
            assert not ip("link", "set", name, "netns", name).returncode
            assert not ip("-n", name, "address", "add", f"{address}/24", "dev", name).returncode
            for device in ("lo", name):
                assert not ip("-n", name, "link", "set", device, "up").returncode
        yield names
    finally:
        for name in names:
            end(name)
            ip("netns", "delete", name)


def end(namespace: str) -> None:
    """Switch a host off."""
    for process in processes(namespace):
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    # Sockets have short paths; processes that are ending may still write.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        yield {**os.environ, **SETTINGS, **token(), "RAY_TMPDIR": folder}


@pytest.mark.skipif(not HAS_PROC, reason="there is no /proc")
def test_a_host_that_goes_off_in_the_middle_changes_nothing(
    namespaces: tuple[str, str], environment: dict[str, str], lenets: Path
) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    first, second = namespaces
    ray = [*START, "--num-cpus=1"]
    head = ["--head", f"--node-ip-address={FIRST}", f"--port={PORT}", "--include-dashboard=false"]
    other = [f"--address={FIRST}:{PORT}", f"--node-ip-address={SECOND}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    hosts = [subprocess.Popen(within(first, *ray, *head), env=environment, **quiet)]
    time.sleep(5)
    hosts.append(subprocess.Popen(within(second, *ray, *other), env=environment, **quiet))
    time.sleep(5)
    driver = subprocess.Popen(
        within(first, sys.executable, "-c", BOUNDS, lenets),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not processes(second) & set(computing("model")):
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    end(second)
    out, said = driver.communicate(timeout=200)
    assert driver.returncode == 0, said
    # Above it Ray says that the host went off.
    assert out.splitlines()[-1] == "True 18"
    end(first)
    for host in hosts:
        host.wait()
