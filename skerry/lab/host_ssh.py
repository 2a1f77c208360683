"""SSH to lab hosts with their recorded host key and the lab's client key, without the user's configuration."""

from __future__ import annotations

import subprocess

from skerry.lab.command import run
from skerry.lab.host import LabError, LabHost
from skerry.local.waiting import until

_BOOTED = "test ! -e /run/nologin"  # while it exists, PAM refuses every login but root's
_READ_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def command(host: LabHost) -> list[str]:
    """The argv of `ssh` to a host, to which a remote command can be appended."""
    options = {
        "BatchMode": "yes", "IdentitiesOnly": "yes", "ConnectTimeout": "10", "LogLevel": "ERROR",
        "StrictHostKeyChecking": "yes", "UserKnownHostsFile": f'"{host.known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null", "ServerAliveInterval": "15",
    }  # fmt: skip
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    target = f"{host.user}@{host.address}"
    return ["ssh", "-F", "/dev/null", *words, "-i", str(host.key), "-p", str(host.port), target]


def wait(host: LabHost, seconds: float, previous_boot: str = "") -> bool:
    """Wait until the host has booted and SSH answers with the right host key. Returns False on timeout.

    With `previous_boot`, a boot id, waits for another boot than that one. Raises LabError as soon as another host
    key answers.
    """

    def answers() -> bool:
        done = attempt(host, f"{_BOOTED} && {_READ_BOOT_ID}")
        if "Host key verification failed" in done.stderr:
            raise LabError(
                f"{host.name}: a wrong host key answers at {host.address}:{host.port}; not connecting"
            )
        return done.returncode == 0 and done.stdout.strip() != previous_boot

    return until(answers, seconds, every=0.3)


def boot_id(host: LabHost) -> str:
    """The id of the present boot; "" if the host does not answer."""
    return attempt(host, _READ_BOOT_ID).stdout.strip()


def attempt(host: LabHost, remote: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a remote command. A timeout counts as exit code 255, ssh's own for a failed connection."""
    argv = [*command(host), remote]
    try:
        return run(argv, check=False, timeout=timeout)
    except LabError as error:
        return subprocess.CompletedProcess(argv, 255, "", str(error))
