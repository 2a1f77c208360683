"""Paths of the files that Skerry itself keeps on a host. K3s's own are in skerry/model/k3s/paths.py.

The scripts and units in skerry/facts and skerry/templates spell out the same paths.
"""

STATE = "/var/lib/skerry"
"""Folder of what Skerry must remember on a host from one run to the next."""

DISK_RECORD = f"{STATE}/disk.json"
"""The verdict on the datastore's disk."""

PACKAGES_RECORD = f"{STATE}/packages"
"""The packages that deploys have installed, one a line: `invoke uninstall` removes them."""

BENCH_PACKAGES_RECORD = f"{STATE}/bench-packages"
"""The packages that `invoke bench-disk --fio` has installed: it removes them again."""

BEFORE = f"{STATE}/before"
"""Folder of the files, units and sysctls as they were before hardening: `invoke unharden` restores them."""

GUARD_STATE = f"{STATE}/guard"
"""Folder of an armed rollback; it exists from the change until the change is confirmed or rolled back."""

CORDON = f"{STATE}/cordoned"
"""The name of the node that Skerry has cordoned, and may therefore uncordon (skerry/model/k3s/drain.py)."""

FORMER_CORDON = f"{STATE}/upgrading"
"""The same from a run of Skerry 0.1 that upgraded K3s. It is read and removed, but no longer written."""

RESTORE = f"{STATE}/restore"
"""Folder on the first server: the datastore to restore, and `wanted`, which requests the restore."""

BACKUP = f"{STATE}/backup"
"""Folder on the first server in which `invoke backup` collects a backup's files."""

GUARD = "/usr/local/lib/skerry/guard"
"""Script that arms, confirms and executes the rollback of a change to SSH or the firewall."""

REBOOT_SCRIPT = "/usr/local/lib/skerry/reboot"
"""Script that drains the node and reboots the host within the reboot window."""

FIREWALL_RULES = "/etc/skerry/firewall.nft"
FIREWALL_STAMP = "/run/skerry-firewall"
"""Checksums of the firewall's rules as they were loaded last: a difference shows a change by hand."""
