"""SSH to lab hosts: their pinned host key, the lab's client key, nothing of the user's own configuration."""

from __future__ import annotations

import subprocess

from skerry.lab.command import run
from skerry.lab.host import Host, LabError
from skerry.local.waiting import until

_UP = "test ! -e /run/nologin"  # until then PAM turns away everyone but root


def command(host: Host, user: str | None = None) -> list[str]:
    """The argv of `ssh` to a host, ready for a remote command behind it."""
    options = {
        "BatchMode": "yes", "IdentitiesOnly": "yes", "ConnectTimeout": "10", "LogLevel": "ERROR",
        "StrictHostKeyChecking": "yes", "UserKnownHostsFile": f'"{host.known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null", "ServerAliveInterval": "15",
    }  # fmt: skip
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    target = f"{user or host.user}@{host.address}"
    return ["ssh", "-F", "/dev/null", *words, "-i", str(host.key), "-p", str(host.port), target]


def wait(host: Host, seconds: float, unlike_boot: str = "") -> bool:
    """Wait until the host has booted and SSH answers with the right host key; False if it does not.

    With `unlike_boot`, the id of an earlier boot, a host that has not rebooted yet does not count.
    LabError at once if another host key answers.
    """

    def answers() -> bool:
        done = attempt(host, f"{_UP} && cat /proc/sys/kernel/random/boot_id")
        if "Host key verification failed" in done.stderr:
            raise LabError(
                f"{host.name}: a wrong host key answers at {host.address}:{host.port}; not connecting"
            )
        return done.returncode == 0 and done.stdout.strip() != unlike_boot

    return until(answers, seconds, every=0.3)


def boot_id(host: Host) -> str:
    """The id of the present boot, empty if the host does not answer."""
    return attempt(host, "cat /proc/sys/kernel/random/boot_id").stdout.strip()


def attempt(host: Host, remote: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a remote command; no answer in time counts as failure 255."""
    argv = [*command(host), remote]
    try:
        return run(argv, check=False, timeout=timeout)
    except LabError as error:
        return subprocess.CompletedProcess(argv, 255, "", str(error))
