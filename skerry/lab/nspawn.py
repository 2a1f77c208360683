"""The nspawn backend: hosts at native speed, as many as memory holds, on this machine's kernel.

Modules, swap and sysctls outside net.* therefore belong to the machine; its clock is out of their reach.
"""

from __future__ import annotations

import os
from pathlib import Path

from skerry.lab import cgroup, network, processes, recipe, seed, tools
from skerry.lab.command import as_root, run
from skerry.lab.host import LabError, Record, Spec
from skerry.lab.place import Place
from skerry.local.waiting import until

_STATE = (
    "upper",
    "work",
    "root",
    "var-lib",
    "shared",
    "seeded",
)  # what a host has written, and its mount point
# udev would replay the machine's devices, and networkd waits for udev's word about an interface.
_MASKED = (
    "systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket",
    "systemd-udev-trigger.service", "systemd-udev-settle.service", "systemd-networkd.service",
    "systemd-networkd.socket", "systemd-networkd-wait-online.service",
)  # fmt: skip


def check(spec: Spec) -> None:
    """LabError if this backend cannot make such a host."""
    if spec.kernel_args:
        raise LabError("nspawn hosts share this machine's kernel and take no kernel_args; use backend qemu")
    tools.need("systemd-nspawn", "setpriv", "unshare", "ssh", "ip", "iptables")


def boot_seconds() -> float:
    """How long a host may take to boot: 20 at once on two cores; one alone takes a few seconds."""
    return 180


def describe(place: Place, spec: Spec, index: int, image: str) -> Record:
    """The record of a new host; its memory and cores are the machine's."""
    address = network.address(place, index)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return Record(
        spec.name, "nspawn", index, f"{place.mark}-{index}", image, address, 22, address,
        os.cpu_count() or 1, memory, disk_gib=0,
    )  # fmt: skip


def prepare(place: Place, record: Record, identity: list[seed.File]) -> None:
    """Make the host fresh: an empty layer over the image, or a copy of it where there is no overlayfs."""
    folder, tree = place.host(record.name), _tree(place, record)
    remove(place, record)
    run(as_root(["install", "-d", "-m", "755", *(str(folder / part) for part in ("upper", "work", "root"))]))
    if not _overlay_works(folder, tree):
        run(as_root(["rm", "-rf", *(str(folder / part) for part in ("upper", "work", "root"))]))
        copy = ["cp", "-a", "--reflink=auto", str(tree), str(folder / "root")]
        run(as_root(copy), timeout=300)
    seed.write(folder / "seed.tar", [*identity, *_files(place, record)])


def start(place: Place, record: Record) -> Record:
    """Boot the host; returns when it has been launched."""
    network.up(place)
    folder = place.host(record.name)
    groups = [] if cgroup.managed() else [str(group) for group in cgroup.groups(record.machine)]
    cell = ["sh", str(recipe.LAUNCH / "cell.sh"), str(folder), str(_tree(place, record)), *groups]
    boot = command(record, folder, cgroup.managed())
    run(as_root(["setsid", "--fork", "unshare", "--mount", *cell, "--", *boot]), timeout=20)
    return record


def shut_down(place: Place, record: Record) -> None:
    """Ask the host to power off; returns at once."""
    pid = processes.main(record.machine)
    if pid is not None:
        run(as_root(["kill", "-TERM", str(pid)]), check=False)


def remove(place: Place, record: Record) -> None:
    """Remove what the host has written; it must not run."""
    found = [str(path) for part in _STATE if (path := place.host(record.name) / part).exists()]
    if found:
        run(as_root(["rm", "-rf", "--one-file-system", *found]), timeout=300)


def snapshots(place: Place, record: Record) -> list[str]:
    """The labels of the host's snapshots."""
    return sorted(path.name for path in _snapshot(place, record, "").glob("*"))


def save(place: Place, record: Record, label: str) -> None:
    """Keep what the host has written under a label; a running host is shut down and booted for it."""
    runs = processes.main(record.machine) is not None
    if runs:
        shut_down(place, record)
        until(lambda: processes.main(record.machine) is None, seconds=90)
    processes.cut_power(record.machine)
    target = _snapshot(place, record, label)
    run(as_root(["rm", "-rf", "--one-file-system", str(target)]), timeout=300)
    target.mkdir(parents=True)
    parts = [str(path) for part in _STATE if (path := place.host(record.name) / part).exists()]
    run(as_root(["cp", "-a", "--reflink=auto", *parts, str(target)]), timeout=600)
    if runs:
        start(place, record)


def load(place: Place, record: Record, label: str) -> bool:
    """Put back what `save` kept; False, as the host is off now."""
    processes.cut_power(record.machine)
    remove(place, record)
    copy = [
        "cp",
        "-a",
        "--reflink=auto",
        f"{_snapshot(place, record, label)}/.",
        str(place.host(record.name)),
    ]
    run(as_root(copy), timeout=600)
    return False


def share(place: Place, record: Record, label: str, other: Record) -> None:
    """Give another host a snapshot, less what makes the first who it is: its seed comes over it at the next boot."""
    source, target = _snapshot(place, record, label), _snapshot(place, other, label)
    target.mkdir(parents=True)
    run(as_root(["cp", "-a", "--reflink=auto", f"{source}/.", str(target)]), timeout=600)
    identity = [target / "seeded", *(target / part / "etc/machine-id" for part in ("upper", "root"))]
    run(as_root(["rm", "-f", *map(str, identity)]))
    if (target / "var-lib").exists():  # what was given before has "shared" already
        run(as_root(["mv", str(target / "var-lib"), str(target / "shared")]))


def settled(place: Place, record: Record) -> None:
    """A new host is up: nothing to do, booting anew takes only seconds."""


def connect(place: Place, record: Record, connected: bool) -> None:
    """Plug or pull the host's network cable."""
    network.connect(place, record.machine, connected)


def command(record: Record, folder: Path, managed: bool) -> list[str]:
    """The systemd-nspawn command of a host; `managed`: this machine's systemd gives it a scope."""
    scope = ["--property=DevicePolicy=auto"] if managed else ["--keep-unit"]
    return [
        "env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=1",  # the kubelet sets kernel.panic and others
        "systemd-nspawn", "--quiet", "--boot", "--register=no", *scope, "--console=read-only",
        f"--directory={folder}/root", f"--machine={record.machine}", f"--hostname={record.name}",
        f"--bind={folder}/var-lib:/var/lib",  # a real file system: containerd and etcd want none of overlayfs
        "--network-bridge=" + record.machine.rpartition("-")[0],
        "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        "--capability=all", "--drop-capability=CAP_SYS_TIME", "--bind=/dev/kmsg",
        "--system-call-filter=bpf keyctl add_key @memlock",
    ]  # fmt: skip


def _files(place: Place, record: Record) -> list[seed.File]:
    """What an nspawn host has beside its identity: its network, and no udev."""
    units = "etc/systemd/system"
    cell = f"ADDRESS={record.address}\nGATEWAY={network.gateway(place)}\nMTU={network.uplink_mtu()}\n"
    return [
        seed.File("etc/lab-cell", cell),
        seed.File("usr/local/sbin/lab-cell", (recipe.GUEST / "lab-cell.sh").read_text(), 0o755),
        seed.File(f"{units}/lab-cell.service", (recipe.GUEST / "lab-cell.service").read_text()),
        seed.File(f"{units}/sysinit.target.wants/lab-cell.service", target=f"/{units}/lab-cell.service"),
        *(seed.File(f"{units}/{unit}", target="/dev/null") for unit in _MASKED),
        seed.File("etc/resolv.conf", network.nameservers()),
        *seed.apt(seed.apt_dump(), network.gateway(place)),
    ]


def _tree(place: Place, record: Record) -> Path:
    return place.images / record.image / "rootfs"


def _snapshot(place: Place, record: Record, label: str) -> Path:
    return place.host(record.name) / "snapshots" / label


def _overlay_works(folder: Path, tree: Path) -> bool:
    mount = f"mount -t overlay skerry -o lowerdir={tree},upperdir=upper,workdir=work root"
    argv = as_root(["unshare", "--mount", "sh", "-c", f'cd "$1" && {mount}', "sh", str(folder)])
    return run(argv, check=False).returncode == 0
