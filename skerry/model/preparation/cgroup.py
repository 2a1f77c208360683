"""The GRUB setting that makes a host boot with cgroup v2."""

from __future__ import annotations

from skerry.model.files import File

# Kubernetes 1.35 and later refuse cgroup v1 (kubernetes/enhancements#5573). The last value on the kernel command
# line wins, so this file wins even if an image's own file sets 0.
GRUB = File(
    "/etc/default/grub.d/90-skerry-cgroup.cfg",
    '# Written by Skerry.\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX systemd.unified_cgroup_hierarchy=1"\n',
)
