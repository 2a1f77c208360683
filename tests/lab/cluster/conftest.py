"""A cluster of several hosts, which all tests of this folder share, in the order of their files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skerry import lab
from tests.lab.cluster.cluster import NAMES, Cluster
from tests.lab.conftest import PACE

SAMPLE = """while [ ! -e /run/stop ]; do
  sleep 0.1; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; echo
done > /run/argv"""


@pytest.fixture(scope="session")
def names() -> list[str]:
    """The host that is prepared, whose snapshot the cluster's hosts get; it does not belong to the cluster."""
    return ["c0"]


@pytest.fixture(scope="session")
def hosts(prepared: str) -> Iterator[dict[str, lab.LabHost]]:
    """Hosts on which deploy/prepare.py and deploy/harden.py have nothing left to do."""
    lab.down([host.name for host in lab.hosts() if host.name in NAMES])
    try:
        lab.up(backend="nspawn", names=NAMES)
        for name in NAMES:
            lab.share(prepared, "prepared", name)
        with ThreadPoolExecutor() as pool:
            restored = pool.map(lambda name: lab.restore(name, "prepared"), NAMES)
        yield {host.name: host for host in restored}
    finally:
        lab.down(NAMES)


@pytest.fixture(scope="session")
def cluster(
    hosts: dict[str, lab.LabHost],
    artifacts: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Cluster:
    """The cluster after the first run of deploy/k3s.py, with all command lines of that run in /run/argv."""
    cluster = Cluster(hosts, tmp_path_factory.mktemp("cluster"), artifacts)
    for name in NAMES:
        lab.run(name, f"printf '{PACE}' | tee /etc/default/k3s > /etc/default/k3s-agent")
    samplers = [subprocess.Popen([*lab.ssh_command(name), SAMPLE]) for name in NAMES]
    try:
        result = cluster.run()
    finally:
        for name in NAMES:
            lab.run(name, "touch /run/stop")
        for sampler in samplers:
            sampler.wait(20)
    assert result.code == 0, result.stderr
    cluster.first_run = result
    return cluster
