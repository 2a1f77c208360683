from typing import Any

from cluster.settings import Settings
from cluster.versions import K3sVersion, accepts_cgroup_v1


def test_the_hierarchy_is_one_this_k3s_accepts(host: Any, settings: Settings) -> None:
    v2 = host.check_output("stat -fc %T /sys/fs/cgroup") == "cgroup2fs"
    assert v2 or accepts_cgroup_v1(K3sVersion.parse(settings.k3s_version))
