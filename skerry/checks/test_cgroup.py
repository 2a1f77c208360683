"""The cgroup hierarchy is one that the K3s version accepts."""

from typing import Any

from skerry.model.k3s.versions import K3sVersion, accepts_cgroup_v1
from skerry.model.settings.settings import Settings


def test_k3s_accepts_the_cgroup_hierarchy(host: Any, settings: Settings) -> None:
    v2 = host.check_output("stat -fc %T /sys/fs/cgroup") == "cgroup2fs"
    assert v2 or accepts_cgroup_v1(K3sVersion.parse(settings.k3s_version))
