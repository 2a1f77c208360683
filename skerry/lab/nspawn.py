"""The nspawn backend: containers at native speed, as many as fit into memory, on this machine's kernel.

Kernel modules, swap and the sysctls outside net.* are this machine's: a host that changes them changes them for all.
Hosts cannot set the clock.
"""

from __future__ import annotations

import os
from pathlib import Path

from skerry.lab import host_cgroups, network, processes, recipe, seed
from skerry.lab.command import as_root, copy_trees, remove_trees, run
from skerry.lab.folder import LabFolder
from skerry.lab.host import HostRecord, LabError, Spec
from skerry.lab.programs import require
from skerry.lab.seed import SeedFile
from skerry.local.waiting import until

# The parts of a host's folder that hold what the host has written: the layers of its overlay (upper, work) or a
# copy of the image (root), /var/lib, the /var/lib of a shared snapshot, and a flag that the seed is unpacked.
_STATE = ("upper", "work", "root", "var-lib", "shared", "seeded")
# udev would replay the machine's device events, and networkd waits until udev has announced an interface.
_MASKED = (
    "systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket",
    "systemd-udev-trigger.service", "systemd-udev-settle.service", "systemd-networkd.service",
    "systemd-networkd.socket", "systemd-networkd-wait-online.service",
)  # fmt: skip


def check(spec: Spec) -> None:
    """Install missing programs. Raises LabError if that fails, or if this backend cannot create such a host."""
    if spec.kernel_args:
        raise LabError("nspawn hosts share this machine's kernel and take no kernel_args; use backend qemu")
    require("systemd-nspawn", "setpriv", "unshare", "ssh", "ip", "iptables")


def boot_seconds() -> float:
    """The time limit of a boot: enough for 20 hosts at once on two cores; one alone takes a few seconds."""
    return 180


def describe(lab: LabFolder, spec: Spec, index: int, image: str) -> HostRecord:
    """The record of a new host. Its memory and cores are the machine's."""
    address = network.address(lab, index)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return HostRecord(
        spec.name, "nspawn", index, f"{lab.resource_prefix}-{index}", image, address, 22, address,
        os.cpu_count() or 1, memory, disk_gib=0,
    )  # fmt: skip


def prepare(lab: LabFolder, record: HostRecord, identity: list[SeedFile]) -> None:
    """Create or reset the host's files: an empty overlay over the image, or a copy where overlayfs does not work."""
    folder, tree = lab.host_folder(record.name), _tree(lab, record)
    layers = [folder / part for part in ("upper", "work", "root")]
    _remove_state(lab, record)
    run(as_root(["install", "-d", "-m", "755", *map(str, layers)]))
    if not _overlay_works(folder, tree):
        remove_trees(*layers)
        copy_trees(tree, target=folder / "root")
    seed.write(folder / "seed.tar", [*identity, *_files(lab, record)])


def start(lab: LabFolder, record: HostRecord) -> HostRecord:
    """Launch the host. Returns its record, unchanged."""
    network.up(lab)
    folder = lab.host_folder(record.name)
    managed = host_cgroups.systemd_manages()
    groups = [] if managed else [str(group) for group in host_cgroups.host_groups(record.machine)]
    launcher = ["sh", str(recipe.LAUNCH / "cell.sh"), str(folder), str(_tree(lab, record)), *groups]
    nspawn = nspawn_command(record, folder, managed)
    run(as_root(["setsid", "--fork", "unshare", "--mount", *launcher, "--", *nspawn]), timeout=20)
    return record


def shut_down(lab: LabFolder, record: HostRecord) -> None:
    """Ask the host to power off, without waiting for it."""
    pid = processes.main_pid(record.machine)
    if pid is not None:
        run(as_root(["kill", "-TERM", str(pid)]), check=False)


def snapshots(lab: LabFolder, record: HostRecord) -> list[str]:
    """The labels of the host's snapshots."""
    return sorted(path.name for path in _snapshots(lab, record).glob("*"))


def save(lab: LabFolder, record: HostRecord, label: str) -> None:
    """Keep the host's files under a label. A running host is shut down for it and booted again."""
    was_running = processes.main_pid(record.machine) is not None
    if was_running:
        shut_down(lab, record)
        until(lambda: processes.main_pid(record.machine) is None, seconds=90)
    processes.cut_power(record.machine)
    target = _snapshots(lab, record) / label
    remove_trees(target)
    target.mkdir(parents=True)
    folder = lab.host_folder(record.name)
    copy_trees(*(folder / part for part in _STATE if (folder / part).exists()), target=target)
    if was_running:
        start(lab, record)


def load(lab: LabFolder, record: HostRecord, label: str) -> bool:
    """Restore what `save` kept. Returns False: the host is off then."""
    processes.cut_power(record.machine)
    _remove_state(lab, record)
    copy_trees(f"{_snapshots(lab, record) / label}/.", target=lab.host_folder(record.name))
    return False


def share(lab: LabFolder, record: HostRecord, label: str, recipient: HostRecord) -> None:
    """Copy a snapshot to another host, without the identity of the host that it was taken of.

    The recipient's own seed is unpacked over the copy when the recipient first boots from it.
    """
    source, target = _snapshots(lab, record) / label, _snapshots(lab, recipient) / label
    target.mkdir(parents=True)
    copy_trees(f"{source}/.", target=target)
    identity = [target / "seeded", *(target / part / "etc/machine-id" for part in ("upper", "root"))]
    run(as_root(["rm", "-f", *map(str, identity)]))
    if (target / "var-lib").exists():  # else `source` is a shared snapshot that has not been booted
        run(as_root(["mv", str(target / "var-lib"), str(target / "shared")]))


def after_first_boot(lab: LabFolder, record: HostRecord) -> None:
    """Do nothing: `reset` boots a host within seconds, without a snapshot."""


def connect(lab: LabFolder, record: HostRecord, connected: bool) -> None:
    """Connect the host to the network, or disconnect it."""
    network.connect(lab, record.machine, connected)


def nspawn_command(record: HostRecord, folder: Path, managed: bool) -> list[str]:
    """The systemd-nspawn command of a host. `managed`: this machine's systemd puts it into a scope."""
    scope = ["--property=DevicePolicy=auto"] if managed else ["--keep-unit"]
    return [
        "env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=1",  # the kubelet sets kernel.panic and others
        "systemd-nspawn", "--quiet", "--boot", "--register=no", *scope, "--console=read-only",
        f"--directory={folder}/root", f"--machine={record.machine}", f"--hostname={record.name}",
        f"--bind={folder}/var-lib:/var/lib",  # a real file system: containerd and etcd do not work on overlayfs
        "--network-bridge=" + record.machine.rpartition("-")[0],
        "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        "--capability=all", "--drop-capability=CAP_SYS_TIME", "--bind=/dev/kmsg",
        "--system-call-filter=bpf keyctl add_key @memlock",
    ]  # fmt: skip


def _files(lab: LabFolder, record: HostRecord) -> list[SeedFile]:
    """The seed files of an nspawn host beside its identity: its network, no udev, apt settings."""
    units = "etc/systemd/system"
    settings = f"ADDRESS={record.address}\nGATEWAY={network.gateway(lab)}\nMTU={network.uplink_mtu()}\n"
    return [
        SeedFile("etc/lab-cell", settings),
        SeedFile("usr/local/sbin/lab-cell", (recipe.GUEST / "lab-cell.sh").read_text(), 0o755),
        SeedFile(f"{units}/lab-cell.service", (recipe.GUEST / "lab-cell.service").read_text()),
        SeedFile(f"{units}/sysinit.target.wants/lab-cell.service", target=f"/{units}/lab-cell.service"),
        *(SeedFile(f"{units}/{unit}", target="/dev/null") for unit in _MASKED),
        SeedFile("etc/resolv.conf", network.nameservers()),
        *seed.apt_files(seed.apt_dump(), network.gateway(lab)),
    ]


def _tree(lab: LabFolder, record: HostRecord) -> Path:
    return lab.images / record.image / "rootfs"


def _snapshots(lab: LabFolder, record: HostRecord) -> Path:
    return lab.host_folder(record.name) / "snapshots"


def _remove_state(lab: LabFolder, record: HostRecord) -> None:
    remove_trees(*(lab.host_folder(record.name) / part for part in _STATE))


def _overlay_works(folder: Path, tree: Path) -> bool:
    mount = f"mount -t overlay skerry -o lowerdir={tree},upperdir=upper,workdir=work root"
    argv = as_root(["unshare", "--mount", "sh", "-c", f'cd "$1" && {mount}', "sh", str(folder)])
    return run(argv, check=False).returncode == 0
