"""The qemu backend: virtual machines with their own kernel and boot loader; needs no root to run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from skerry.lab import emulator, identity, ports, processes, qmp, recipe, seed, tools
from skerry.lab.command import last_line, run
from skerry.lab.host import FRESH, LabError, Record, Spec
from skerry.lab.place import Place
from skerry.local.waiting import until

_LAN = "10.214"  # hosts of a lab reach each other in one /24 of it
_CONTROLLER = "10.0.2.2"  # this machine, as seen by a host
_SOCKET = "monitor.sock"
_NAMESERVER = "nameserver 10.0.2.3\n"  # qemu's, which asks this machine's


def check(spec: Spec) -> None:
    """LabError if this backend cannot make such a host."""
    if spec.disk_gib < recipe.DISK_GIB:
        raise LabError(f"{spec.name}: disk_gib={spec.disk_gib} is less than the image's {recipe.DISK_GIB}")
    if any(char in spec.kernel_args for char in "\"'`$\\|&\n"):
        raise LabError(f"{spec.name}: kernel_args may not hold quotes or any of $ ` \\ | &")
    tools.need("qemu-system-x86_64", "qemu-img", "ssh", "ip")


def boot_seconds() -> float:
    """How long a host may take to boot, also when several boot at once; emulated ones are slow."""
    return 120 if emulator.has_kvm() else 600


def describe(place: Place, spec: Spec, index: int, image: str) -> Record:
    """The record of a new host, with free ports on this machine."""
    ssh, api = ports.free(2)
    return Record(
        spec.name, "qemu", index, f"{place.mark}-{index}", image, "127.0.0.1", ssh,
        f"{_LAN}.{place.number % 256}.{index + 10}", spec.cpus, spec.memory_mib, spec.disk_gib,
        spec.kernel_args, api,
    )  # fmt: skip


def prepare(place: Place, record: Record, identity: list[seed.File]) -> None:
    """Make the host fresh: an empty layer over the image."""
    base, disk = place.images / record.image / "disk.raw", _disk(place, record)
    disk.unlink(missing_ok=True)
    over = ["-f", "qcow2", "-F", "raw", "-b", str(base)]
    run(["qemu-img", "create", "-q", *over, str(disk), f"{record.disk_gib}G"])
    seed.write(place.host(record.name) / "seed.tar", [*identity, *_files(record)])


def start(place: Place, record: Record, snapshot: str = "") -> Record:
    """Boot the host; returns when it has been launched, with its ports, which may be others than before."""
    if not (ports.is_free(record.port) and ports.is_free(record.api_port or 0)):
        ssh, api = ports.free(2)
        record = place.keep(replace(record, port=ssh, api_port=api))
        identity.pin(place, record)
    folder = place.host(record.name)
    (folder / "console.log").write_bytes(b"")
    machine = ["sh", str(recipe.LAUNCH / "machine.sh"), str(folder), snapshot]
    run(["setsid", "--fork", *machine, *command(record, folder)])
    _await_control(place, record)
    return record


def shut_down(place: Place, record: Record) -> None:
    """Press the host's power button; returns at once."""
    qmp.command(_control(place, record), "system_powerdown")


def remove(place: Place, record: Record) -> None:
    """Remove what the host has written; it must not run."""
    _disk(place, record).unlink(missing_ok=True)


def snapshots(place: Place, record: Record) -> list[str]:
    """The labels of the host's snapshots."""
    return sorted(_states(place, record))


def save(place: Place, record: Record, label: str) -> None:
    """Keep the host's disk under a label, and its memory if it runs."""
    if processes.main(record.machine) is not None:
        _monitor(place, record, f"savevm {label}")  # replaces one of the same name
        return
    if label in _states(place, record):
        run(["qemu-img", "snapshot", "-d", label, str(_disk(place, record))])
    run(["qemu-img", "snapshot", "-c", label, str(_disk(place, record))])


def load(place: Place, record: Record, label: str) -> bool:
    """Put back what `save` kept; True if the host runs on from there, False if it is off now."""
    has_memory = _states(place, record)[label]
    if not has_memory:
        processes.cut_power(record.machine)
        run(["qemu-img", "snapshot", "-a", label, str(_disk(place, record))])
    elif processes.main(record.machine) is None:
        start(place, record, label)
    else:
        _monitor(place, record, f"loadvm {label}")
    return has_memory


def settled(place: Place, record: Record) -> None:
    """A new host is up: keep it as it is, memory included, so that `reset` need not boot."""
    if FRESH not in _states(place, record):
        save(place, record, FRESH)


def connect(place: Place, record: Record, connected: bool) -> None:
    """Plug or pull both network cables of the host."""
    for cable in ("outside", "lan"):
        qmp.command(_control(place, record), "set_link", name=cable, up=connected)


def command(record: Record, folder: Path) -> list[str]:
    """The qemu command of a host; to be run in its folder, as a socket's path must be short."""
    mac = _mac(record)
    forward = f"hostfwd=tcp:127.0.0.1:{record.port}-:22,hostfwd=tcp:127.0.0.1:{record.api_port}-:6443"
    group = record.lan_address.replace(_LAN, "239.214").rpartition(".")[0]
    return [
        "qemu-system-x86_64", "-name", record.machine, *emulator.accelerator(),
        "-smp", str(record.cpus), "-m", str(record.memory_mib), "-rtc", "base=utc",
        "-nodefaults", "-vga", "std", "-display", "none",
        "-netdev", f"user,id=outside,ipv6=off,{forward}",  # its slot makes it ens3, as so often
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


def _files(record: Record) -> list[seed.File]:
    """What a qemu host has beside its identity: its place in the lab's network, its kernel arguments."""
    lan = f"[Match]\nMACAddress={_mac(record)}:02\n\n[Network]\nAddress={record.lan_address}/24\n"
    files = [
        seed.File("etc/systemd/network/05-lan.network", lan + "IgnoreCarrierLoss=yes\n"),
        seed.File("etc/resolv.conf", _NAMESERVER),
        *seed.apt(seed.apt_dump(), _CONTROLLER),
    ]
    if record.kernel_args:
        line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {record.kernel_args}"\n'
        files.append(seed.File("etc/default/grub.d/50-lab.cfg", line))
    return files


def _mac(record: Record) -> str:
    """The first five bytes of a host's hardware addresses: its own, and its lab's."""
    octets = record.lan_address.split(".")
    return f"52:54:00:{int(octets[2]):02x}:{int(octets[3]):02x}"


def _disk(place: Place, record: Record) -> Path:
    return place.host(record.name) / "disk.qcow2"


def _control(place: Place, record: Record) -> Path:
    return place.host(record.name) / _SOCKET


def _await_control(place: Place, record: Record) -> None:
    """Return when qemu takes commands; LabError with what it said if it has ended instead."""

    def decided() -> bool:
        return processes.main(record.machine) is None or answers()

    def answers() -> bool:
        try:
            return bool(qmp.command(_control(place, record), "query-status"))
        except LabError:
            return False

    until(decided, seconds=60)
    if not answers():
        said = last_line((place.host(record.name) / "qemu.log").read_text(errors="replace"))
        raise LabError(f"{record.name}: qemu did not start: {said}")


def _monitor(place: Place, record: Record, line: str) -> None:
    said = qmp.monitor(_control(place, record), line).strip()
    if said:  # these commands are silent when they succeed
        raise LabError(f"{record.name}: qemu could not `{line}`: {last_line(said)}")


def _states(place: Place, record: Record) -> dict[str, bool]:
    """Every snapshot, and whether it holds the memory too."""
    info = run(["qemu-img", "info", "--force-share", "--output=json", str(_disk(place, record))]).stdout
    return {each["name"]: each["vm-state-size"] > 0 for each in json.loads(info).get("snapshots", [])}
