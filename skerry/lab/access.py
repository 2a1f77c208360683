"""Access to lab hosts: the list of hosts, SSH, the console, the network cable."""

from __future__ import annotations

import re
import subprocess

from skerry.lab import backends, host_ssh, processes
from skerry.lab.command import last_line
from skerry.lab.folder import LabFolder, current_lab
from skerry.lab.host import HostRecord, LabError, LabHost

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>c])|[\x00-\x08\x0b-\x1f]")


def hosts() -> list[LabHost]:
    """Returns all hosts of this lab, running or stopped, in the order of their indexes."""
    lab = current_lab()
    return [host_of(lab, record) for record in lab.records()]


def ssh_command(name: str) -> list[str]:
    """The argv of `ssh` to a host. Append a remote command, or run it as it is for a shell."""
    return host_ssh.command(_host(name))


def run(name: str, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a host as root. With `check`, raises LabError if it fails."""
    done = subprocess.run(
        [*ssh_command(name), command], capture_output=True, text=True, errors="replace", check=False
    )
    if check and done.returncode:
        reason = last_line(done.stderr or done.stdout)
        raise LabError(f"{name}: `{command}` failed ({done.returncode}): {reason}")
    return done


def logs(name: str, lines: int = 50) -> str:
    """Returns the last lines of a host's console, without escape sequences; "" if the host has not booted yet."""
    lab = current_lab()
    return console(lab, lab.record(name), lines)


def cut(name: str) -> None:
    """Disconnect the host from the network until `mend`. Raises LabError if the host is stopped."""
    _connect(name, False)


def mend(name: str) -> None:
    """Reconnect a host after `cut`."""
    _connect(name, True)


def host_of(lab: LabFolder, record: HostRecord) -> LabHost:
    """Returns the host that the record describes, with its present state."""
    pid = processes.main_pid(record.machine)
    return LabHost(
        name=record.name, backend=record.backend, address=record.address, port=record.port, user="root",
        key=lab.keys / "client", known_hosts=lab.host_folder(record.name) / "known_hosts",
        state="stopped" if pid is None else "running", pid=pid, cpus=record.cpus,
        memory_mib=record.memory_mib, api_port=record.api_port, lan_address=record.lan_address or None,
    )  # fmt: skip


def console(lab: LabFolder, record: HostRecord, lines: int) -> str:
    """Returns the last lines of the console log of the present or last boot; "" if there is no log."""
    path = lab.host_folder(record.name) / "console.log"
    if not path.exists():
        return ""
    text = _ESCAPES.sub("", path.read_text(errors="replace"))
    written = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(written[-lines:])


def _host(name: str) -> LabHost:
    lab = current_lab()
    return host_of(lab, lab.record(name))


def _connect(name: str, connected: bool) -> None:
    lab = current_lab()
    record = lab.record(name)
    if processes.main_pid(record.machine) is None:
        raise LabError(f"{name} is stopped and has no network to cut or mend; start it first")
    backends.get(record.backend).connect(lab, record, connected)
