"""Getting at lab hosts: the list of them, SSH, the console, the network cable."""

from __future__ import annotations

import re
import subprocess

from skerry.lab import backends, command, place, processes, ssh
from skerry.lab.host import Host, LabError, Record
from skerry.lab.place import Place

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>c])|[\x00-\x08\x0b-\x1f]")


def hosts() -> list[Host]:
    """All hosts of this lab, running or stopped, in the order of their creation."""
    here = place.current()
    return [host(here, record) for record in here.records()]


def ssh_command(name: str) -> list[str]:
    """The argv of `ssh` to a host; append a remote command or run it as it is."""
    return ssh.command(_host(name))


def run(name: str, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a host as root; with `check`, failure raises LabError with its last line."""
    argv = [*ssh.command(_host(name)), command]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if check and done.returncode:
        raise LabError(f"{name}: `{command}` failed ({done.returncode}): {_reason(done)}")
    return done


def logs(name: str, lines: int = 50) -> str:
    """The last lines of a host's console, without escape sequences."""
    here = place.current()
    return console(here, here.record(name), lines)


def cut(name: str) -> None:
    """Cut the host's network: packets vanish both ways, until `mend`."""
    _connect(name, False)


def mend(name: str) -> None:
    """Undo `cut`."""
    _connect(name, True)


def host(here: Place, record: Record) -> Host:
    """The host of a record, as it is now."""
    pid = processes.main(record.machine)
    return Host(
        name=record.name, backend=record.backend, address=record.address, port=record.port, user="root",
        key=here.keys / "client", known_hosts=here.host(record.name) / "known_hosts",
        state="stopped" if pid is None else "running", pid=pid, cpus=record.cpus,
        memory_mib=record.memory_mib, api_port=record.api_port, lan_address=record.lan_address or None,
    )  # fmt: skip


def console(here: Place, record: Record, lines: int) -> str:
    """The last lines of the console log of the present or last boot."""
    file = here.host(record.name) / "console.log"
    if not file.exists():
        return ""
    text = _ESCAPES.sub("", file.read_text(errors="replace"))
    said = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(said[-lines:])


def _host(name: str) -> Host:
    here = place.current()
    return host(here, here.record(name))


def _connect(name: str, connected: bool) -> None:
    here = place.current()
    record = here.record(name)
    if processes.main(record.machine) is None:
        raise LabError(f"{name} is stopped, it has no network to cut or mend; start it first")
    backends.get(record.backend).connect(here, record, connected)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    return command.last_line(done.stderr or done.stdout)
