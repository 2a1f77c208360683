from __future__ import annotations

from skerry.lab import host_cgroups


def test_mount_points_of_cgroup_hierarchies_are_read_from_mountinfo() -> None:
    mountinfo = (
        "25 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "30 25 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro\n"
        "31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"
        "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    )
    assert host_cgroups.mount_points(mountinfo) == ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"]
