"""The qemu backend: virtual machines with their own kernel and boot loader, run without root."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from skerry.lab import emulator, processes, qmp, recipe, seed
from skerry.lab.command import last_line, run
from skerry.lab.emulator import free_ports, is_free
from skerry.lab.folder import LabFolder
from skerry.lab.host import FRESH, HostRecord, LabError, Spec
from skerry.lab.identity import write_known_hosts
from skerry.lab.programs import require
from skerry.lab.seed import SeedFile
from skerry.local.waiting import until

_LAN = "10.214"  # each lab has one /24 of it, in which its hosts reach each other
_CONTROLLER = "10.0.2.2"  # this machine's address as seen by hosts
_SOCKET = "monitor.sock"
_NAMESERVER = "nameserver 10.0.2.3\n"  # qemu's own, which forwards to this machine's


def check(spec: Spec) -> None:
    """Install missing programs. Raises LabError if that fails, or if this backend cannot create such a host."""
    if spec.disk_gib < recipe.DISK_GIB:
        raise LabError(f"{spec.name}: disk_gib={spec.disk_gib} is less than the image's {recipe.DISK_GIB}")
    if any(char in spec.kernel_args for char in "\"'`$\\|&\n"):
        raise LabError(f"{spec.name}: kernel_args may not contain quotes or any of $ ` \\ | &")
    require("qemu-system-x86_64", "qemu-img", "ssh", "ip")


def boot_seconds() -> float:
    """The time limit of a boot, enough for several hosts at once. Emulated hosts are slow."""
    return 120 if emulator.has_kvm() else 600


def describe(lab: LabFolder, spec: Spec, index: int, image: str) -> HostRecord:
    """The record of a new host, with free ports of this machine that are forwarded to it."""
    ssh, api = free_ports(2)
    return HostRecord(
        spec.name, "qemu", index, f"{lab.resource_prefix}-{index}", image, "127.0.0.1", ssh,
        f"{_LAN}.{lab.number % 256}.{index + 10}", spec.cpus, spec.memory_mib, spec.disk_gib,
        spec.kernel_args, api,
    )  # fmt: skip


def prepare(lab: LabFolder, record: HostRecord, identity: list[SeedFile]) -> None:
    """Create or reset the host's files: an empty disk over the image, and the seed."""
    base, disk = lab.images / record.image / "disk.raw", _disk(lab, record)
    disk.unlink(missing_ok=True)
    backing = ["-f", "qcow2", "-F", "raw", "-b", str(base)]
    run(["qemu-img", "create", "-q", *backing, str(disk), f"{record.disk_gib}G"])
    seed.write(lab.host_folder(record.name) / "seed.tar", [*identity, *_files(record)])


def start(lab: LabFolder, record: HostRecord, snapshot: str = "") -> HostRecord:
    """Launch the host, from a snapshot if one is given. Returns its record, whose ports may have changed."""
    if not (is_free(record.port) and is_free(record.api_port or 0)):
        ssh, api = free_ports(2)
        record = lab.save(replace(record, port=ssh, api_port=api))
        write_known_hosts(lab, record)
    folder = lab.host_folder(record.name)
    (folder / "console.log").write_bytes(b"")
    launcher = ["sh", str(recipe.LAUNCH / "machine.sh"), str(folder), snapshot]
    run(["setsid", "--fork", *launcher, *qemu_command(record, folder)])
    _await_control_socket(lab, record)
    return record


def shut_down(lab: LabFolder, record: HostRecord) -> None:
    """Press the host's power button, without waiting for the shutdown."""
    qmp.execute(_control_socket(lab, record), "system_powerdown")


def snapshots(lab: LabFolder, record: HostRecord) -> list[str]:
    """The labels of the host's snapshots."""
    return sorted(_states(lab, record))


def save(lab: LabFolder, record: HostRecord, label: str) -> None:
    """Keep the host's disk under a label, and its memory if it is running."""
    if processes.main_pid(record.machine) is not None:
        _monitor(lab, record, f"savevm {label}")  # replaces a snapshot of that name
        return
    if label in _states(lab, record):
        run(["qemu-img", "snapshot", "-d", label, str(_disk(lab, record))])
    run(["qemu-img", "snapshot", "-c", label, str(_disk(lab, record))])


def load(lab: LabFolder, record: HostRecord, label: str) -> bool:
    """Restore what `save` kept. Returns True if the host continues from its memory, False if it is off."""
    has_memory = _states(lab, record)[label]
    if not has_memory:
        processes.cut_power(record.machine)
        run(["qemu-img", "snapshot", "-a", label, str(_disk(lab, record))])
    elif processes.main_pid(record.machine) is None:
        start(lab, record, label)
    else:
        _monitor(lab, record, f"loadvm {label}")
    return has_memory


def after_first_boot(lab: LabFolder, record: HostRecord) -> None:
    """Take a snapshot with memory, so that `reset` does not have to boot the host."""
    if FRESH not in _states(lab, record):
        save(lab, record, FRESH)


def connect(lab: LabFolder, record: HostRecord, connected: bool) -> None:
    """Connect both network interfaces of the host, or disconnect them."""
    for interface in ("outside", "lan"):
        qmp.execute(_control_socket(lab, record), "set_link", name=interface, up=connected)


def qemu_command(record: HostRecord, folder: Path) -> list[str]:
    """The qemu command of a host. Run it in the host's folder, because a socket's path must be short."""
    mac = _mac(record)
    forward = f"hostfwd=tcp:127.0.0.1:{record.port}-:22,hostfwd=tcp:127.0.0.1:{record.api_port}-:6443"
    group = record.lan_address.replace(_LAN, "239.214").rpartition(".")[0]
    return [
        "qemu-system-x86_64", "-name", record.machine, *emulator.accelerator_arguments(),
        "-smp", str(record.cpus), "-m", str(record.memory_mib), "-rtc", "base=utc",
        "-nodefaults", "-vga", "std", "-display", "none",
        "-netdev", f"user,id=outside,ipv6=off,{forward}",
        # Slot 3 makes it ens3, as at many providers.
        "-device", f"virtio-net-pci,netdev=outside,mac={mac}:01,addr=0x3,romfile=",
        "-netdev", f"socket,id=lan,mcast={group}.1:21400,localaddr=127.0.0.1",
        "-device", f"virtio-net-pci,netdev=lan,mac={mac}:02,addr=0x4,romfile=",
        "-device", "virtio-rng-pci",
        "-drive", f"id=disk,if=none,file={folder}/disk.qcow2,format=qcow2,discard=unmap",
        "-device", "virtio-blk-pci,drive=disk,bootindex=0",
        "-drive", f"id=seed,if=none,file={folder}/seed.tar,format=raw,readonly=on",
        "-device", "virtio-blk-pci,drive=seed,serial=skerry-seed",
        "-chardev", f"file,id=console,path={folder}/console.log,append=on", "-serial", "chardev:console",
        "-qmp", f"unix:{_SOCKET},server=on,wait=off",
        "-no-reboot", "-chardev", "stdio,id=events,signal=off", "-mon", "chardev=events,mode=control",
    ]  # fmt: skip


def _files(record: HostRecord) -> list[SeedFile]:
    """The seed files of a qemu host beside its identity: its network, apt settings, kernel arguments."""
    lan = f"[Match]\nMACAddress={_mac(record)}:02\n\n[Network]\nAddress={record.lan_address}/24\n"
    files = [
        SeedFile("etc/systemd/network/05-lan.network", lan + "IgnoreCarrierLoss=yes\n"),
        SeedFile("etc/resolv.conf", _NAMESERVER),
        *seed.apt_files(seed.apt_dump(), _CONTROLLER),
    ]
    if record.kernel_args:
        line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {record.kernel_args}"\n'
        files.append(SeedFile("etc/default/grub.d/50-lab.cfg", line))
    return files


def _mac(record: HostRecord) -> str:
    """The first five bytes of both MAC addresses of a host; the last two of them are those of its address."""
    octets = record.lan_address.split(".")
    return f"52:54:00:{int(octets[2]):02x}:{int(octets[3]):02x}"


def _disk(lab: LabFolder, record: HostRecord) -> Path:
    return lab.host_folder(record.name) / "disk.qcow2"


def _control_socket(lab: LabFolder, record: HostRecord) -> Path:
    return lab.host_folder(record.name) / _SOCKET


def _await_control_socket(lab: LabFolder, record: HostRecord) -> None:
    """Wait until qemu takes commands. Raises LabError with its last message if it ends instead."""

    def answers_or_ended() -> bool:
        return processes.main_pid(record.machine) is None or answers()

    def answers() -> bool:
        try:
            return bool(qmp.execute(_control_socket(lab, record), "query-status"))
        except LabError:
            return False

    until(answers_or_ended, seconds=60)
    if not answers():
        message = last_line((lab.host_folder(record.name) / "qemu.log").read_text(errors="replace"))
        raise LabError(f"{record.name}: qemu did not start: {message}")


def _monitor(lab: LabFolder, record: HostRecord, line: str) -> None:
    output = qmp.monitor(_control_socket(lab, record), line).strip()
    if output:  # these commands print nothing when they succeed
        raise LabError(f"{record.name}: qemu could not `{line}`: {last_line(output)}")


def _states(lab: LabFolder, record: HostRecord) -> dict[str, bool]:
    """The labels of all snapshots, and whether each has the host's memory."""
    info = run(["qemu-img", "info", "--force-share", "--output=json", str(_disk(lab, record))]).stdout
    snapshots = json.loads(info).get("snapshots", [])
    return {snapshot["name"]: snapshot["vm-state-size"] > 0 for snapshot in snapshots}
